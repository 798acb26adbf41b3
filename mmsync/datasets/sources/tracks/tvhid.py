"""TV Human Interaction ("High Five"; Patron-Perez et al., BMVC 2010): its classes, its split, its tracks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Union

from mmengine.logging import print_log

from mmsync.converters.tvhid_file import CLASS_NAMES
from mmsync.datasets.sources.tracks.video import VideoTrackSource
from mmsync.fileio import data_path
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.tracks import is_track_store
from mmsync.structures import Track


@DATASETS.register_module()
class TVHIDSource(VideoTrackSource):
    """TV Human Interaction: upper bodies of the people in 300 clips, as crops ``(T, S, S, 3)`` uint8; five classes.

    Splits are ``set1`` (also ``train``) and ``set2`` (also ``test``), 150 videos each; ``set1_train`` and ``set1_val``
    divide set 1, for choices that the test must not see. Labels of the frames are those of the person:
    ``no_interaction`` is class ``negative``.

    Args:
        data_root: The data set as its owners have it (videos and ``.annotations`` in folders below), or the folder that
            ``tools/dataset_converters/tvhid.py`` made of it. Of the former a store is made in ``MMSYNC_CACHE`` once,
            for which all videos are decoded.
        video: ``media_root``, ``size``, ``flow`` and the others of :class:`VideoTrackSource`.

    Raises:
        DataError: No such folder, or nothing of TV-HID in it.
    """

    file_advice = (
        "download TV Human Interaction and make its tracks by `mmsync tvhid RAW {0}`, or "
        "make synthetic people by `mmsync make_synthetic tvhid {0}`"
    )

    def __init__(self, data_root: Union[str, Path], **video: Any) -> None:
        root = data_path(data_root)
        super().__init__(root if is_track_store(root) or not root.is_dir() else _convert_once(root), **video)
        self.splits = {**self.splits, **_validation(self.tracks, self.splits["set1"])}


def _validation(tracks: Sequence[Track], names: Sequence[str]) -> dict[str, list[str]]:
    """Set 1 divided: of each class, its videos in the order of how many pairs of people they show, each fourth one."""
    people: dict[str, dict[int, set[int]]] = {name: defaultdict(set) for name in names}
    for track in tracks:
        if track.video in people:
            people[track.video][track.person] |= set(range(track.start, track.stop))
    pairs = {name: sum(bool(a & b) for a, b in combinations(found.values(), 2)) for name, found in people.items()}
    held = set()
    for label in CLASS_NAMES:
        mine = sorted((name for name in names if name.startswith(f"{label}_")), key=lambda name: (-pairs[name], name))
        held |= set(mine[3::4])
    return {"set1_train": [n for n in names if n not in held], "set1_val": [n for n in names if n in held]}


def _convert_once(raw: Path) -> Path:
    from mmsync.converters.tvhid_folder import convert_tvhid, find_clips

    clips, _ = find_clips(raw)

    def build(path: Path) -> None:
        print_log(convert_tvhid(raw, path).to_text(), logger="current")

    return cached("tvhid-1", [file for pair in clips.values() for file in pair if file is not None], build)
