"""Archives of CASA: one file for each activity and split, with poses and phases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Optional, Union

import numpy as np

from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.sequences.activities import PENN_PHASES, activity_name, find_activities
from mmsync.datasets.sources.sequences.records import Record, RecordSource, as_phase, folder
from mmsync.datasets.sources.sequences.smpl import six_numbers, smpl_joints
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS


@DATASETS.register_module()
class CASASource(RecordSource):
    """Archives ``<activity>_<split>.npy`` of CASA, of Penn Action, H2O and IKEA ASM (Kwon et al., 2022).

    An archive is a dict by name of ``pose``, ``labels (T,)``, and ``beta``, which is not used. Poses are

    - joints ``(T, V, 3)``, as of IKEA ASM: taken as they are;
    - SMPL's rotation vectors ``(T, 72)``, as of Penn Action: ``(T, 24, 3)`` joints by its tree and bone lengths of our
      own, or 6 numbers of each rotation, ``(T, 144)``;
    - MANO's ``(T, 102)``, as of H2O: position and 16 rotations of each hand, ``(T, 198)``; not as joints.

    Poses of Penn Action turn the body to the camera's axes, y down. Sequences have the names of the archives; of
    those that are in several archives, ``<activity>/<name>``.

    Args:
        data_root: The folder of the archives, or one that has it as ``casa_npyrecords`` or ``npyrecords``.
        activities: Read these; ``None``: all that are there.
        pose: ``'joints'`` or ``'rotations'``.
        background: Label of frames without a phase, which become -1; later labels are lowered by one. IKEA ASM has 0.

    Raises:
        ConfigError: An unknown activity, or joints are asked of hands.
        DataError: No folder, no archive, or one that is damaged or holds more than arrays.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("pose",)

    def __init__(
        self, data_root: Union[str, Path], activities: Optional[Sequence[str]] = None,
        pose: Literal["joints", "rotations"] = "joints", background: Optional[int] = None,
    ) -> None:  # fmt: skip
        if pose not in ("joints", "rotations"):
            raise ConfigError(f"CASASource: pose={pose!r}; use 'joints' or 'rotations'")
        found = [(*one, archive(one[2])) for one in list_archives(data_root, activities)]
        times = Counter(name for *_, items in found for name in items)
        records, self._files = [], [path for _, _, path, _ in found]
        for activity, split, path, items in found:
            for name, item in items.items():
                full, where = f"{activity}/{name}" if times[name] > 1 else name, f"{path}, {name}"
                frames = partial(_frames, np.asarray(item.get("pose", ())), pose, where)
                phase = partial(_phase, item.get("labels"), where, background)
                records.append(Record(full, activity, split, frames, phase))
        self.fill(records, data_root, phases=PENN_PHASES)


def list_archives(data_root: Union[str, Path], activities: Optional[Sequence[str]]) -> list[tuple[str, str, Path]]:
    """Activity, split and path of each archive under a folder, sorted by activity; of ``activities`` alone."""
    root = folder(data_root, "CASA's archives <activity>_<split>.npy")
    inner = (root / name for name in ("casa_npyrecords", "npyrecords"))
    root = next((path for path in inner if path.is_dir()), root)
    found = []
    for path in sorted(root.glob("*_*.npy")):
        activity, _, split = path.stem.rpartition("_")
        found.append((activity_name(activity), split, path))
    if not found:
        raise DataError(f"{root}: no archive <activity>_<split>.npy in it; is this the right folder?")
    if activities is not None:
        keep = find_activities(activities, sorted({activity for activity, _, _ in found}), str(root))
        found = [one for one in found if one[0] in keep]
    return found


def archive(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The content of an archive, dicts by name; a ``DataError`` for anything else."""
    content = load_pickle(path)
    if not isinstance(content, Mapping) or not all(isinstance(item, Mapping) for item in content.values()):
        text = f"wanted a dict by name of dict(pose, labels), found {type(content).__name__}"
        raise DataError(f"{path}: no archive of CASA; {text}")
    return {str(name): item for name, item in content.items()}


def _phase(labels: Any, name: str, background: Optional[int]) -> Optional[np.ndarray]:
    return None if labels is None else as_phase(np.ravel(labels), name, background)


def _frames(values: np.ndarray, pose: str, name: str) -> np.ndarray:
    if values.ndim == 3 and pose == "joints":
        return values
    if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] not in (72, 102):
        text = f"pose is {values.dtype} {values.shape}; wanted (T, V, 3) joints, or (T, 72), (T, 102) rotations"
        raise DataError(f"{name}: {text}" + " (pose='joints' takes the former)" * (values.ndim == 3))
    if pose == "rotations":
        return _rotations(values)
    if values.shape[1] == 102:
        raise ConfigError(f"{name}: hands (T, 102) have no joints without MANO's files; give pose='rotations'")
    return smpl_joints(values)


def _rotations(values: np.ndarray) -> np.ndarray:
    if values.shape[1] == 72:
        return six_numbers(values)
    parts = [part for hand in np.split(values, 2, axis=1) for part in (hand[:, :3], six_numbers(hand[:, 3:]))]
    return np.concatenate(parts, axis=1).astype(np.float32)
