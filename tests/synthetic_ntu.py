"""NTU RGB+D as its owners have it, made small: raw files of the synthetic world, and the store made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmsync.converters.ntu_folder import convert_ntu
from mmsync.datasets.sources import SyntheticSource
from mmsync.worlds.ntu_raw import write_ntu_raw


def raw_folder(
    folder: Path,
    dataset: str = "ntu60",
    num_clips: Sequence[int] = (50, 20),
    num_frames: Sequence[int] = (26, 40),
    actions: Sequence[str] | None = None,
    broken: Sequence[str] = (),
    **sensor: float,
) -> Path:
    """Raw ``.skeleton`` files: every performance from three cameras, with ghosts, lost tracks and empty frames.

    Args:
        folder: The folder to make.
        dataset: ``'ntu60'`` or ``'ntu120'``.
        num_clips: Performances of training and of test people; three files each.
        num_frames: Shortest and longest file.
        actions: Names of the synthetic world's actions, all if None.
        broken: Faults, one more file each.
        sensor: Shares of ``write_ntu_raw``.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    source = SyntheticSource(num_clips, num_frames=num_frames, actions=actions, cache=False)
    write_ntu_raw(source, folder, dataset, broken=broken, **sensor)
    return folder


def make_store(folder: Path, dataset: str = "ntu60", **settings: object) -> Path:
    """The store that ``tools/dataset_converters/ntu.py`` makes of such files: the ``data_root`` of the configs."""
    raw = raw_folder(folder / "raw", dataset, **settings)
    convert_ntu(raw, folder / "store", dataset, workers=1)
    return folder / "store"
