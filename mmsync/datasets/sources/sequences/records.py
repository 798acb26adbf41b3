"""What sources of sequences have in common: a list of records, and reading of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.activities import activity_name, find_activities
from mmsync.datasets.sources.sequences.base import SequenceSource
from mmsync.errors import DataError, LayoutError
from mmsync.fileio import data_path, not_found
from mmsync.structures import SkeletonLayout

_LAYOUTS = {13: "penn13", 17: "coco17", 24: "smpl24", 25: "openpose25", 42: "hands42"}  # by number of joints
Part = Union[None, np.ndarray, Callable[[], Optional[np.ndarray]]]


@dataclass(frozen=True)
class Record:
    """A sequence: its frames, phases and which frames are valid are arrays, or functions that read them.

    Functions have to be picklable, ``functools.partial`` of one of a module, so that workers get them.
    """

    name: str
    activity: str
    split: str
    frames: Union[np.ndarray, Callable[[], np.ndarray]]
    phase: Part = None
    valid: Part = None


class RecordSource(SequenceSource):
    """Base of sources that list their sequences as records; a subclass calls :meth:`fill`."""

    def fill(
        self, records: Sequence[Record], origin: Union[str, Path], activities: Optional[Sequence[str]] = None,
        phases: Optional[Mapping[str, Sequence[str]]] = None, class_names: Optional[Sequence[str]] = None,
        layout: Union[str, Mapping, None] = None, splits: Optional[Mapping[str, Sequence[str]]] = None,
    ) -> None:  # fmt: skip
        """Set all attributes that come from the records, in their order.

        Args:
            records: The sequences in the order of the files.
            origin: What messages begin with.
            activities: Keep these; ``None``: all.
            phases: Names of phases by activity; of others than those that are there nothing is kept.
            class_names: All activities, in the order of their labels; ``None``: those that are found, sorted.
            layout: The joints, where the source does not set them; ``None`` derives it from their number.
            splits: Names by split, instead of ``Record.split``.

        Raises:
            LayoutError: The layout is unknown, or has another number of joints.
            ConfigError: An unknown activity is asked for.
            DataError: There is no record, or two have one name.
        """
        found = list(class_names or sorted({record.activity for record in records}))
        if records and activities is not None:
            found = find_activities(activities, found, type(self).__name__)
        self.records = [record for record in records if record.activity in found]
        self.class_names, self.names = found, [record.name for record in self.records]
        self.labels = np.array([found.index(record.activity) for record in self.records], dtype=np.int64)
        kept = set(self.names)
        self.splits = {split: [name for name in of if name in kept] for split, of in (splits or {}).items()}
        for record in self.records if splits is None else ():
            self.splits.setdefault(record.split, []).append(record.name)
        named = {activity_name(name): list(of) for name, of in (phases or {}).items()}
        self.phases = {name: named[activity_name(name)] for name in found if activity_name(name) in named}
        self.check(origin)
        if self.layout is None:
            self._see_joints(layout, origin)

    def _see_joints(self, layout: Union[str, Mapping, None], origin: Union[str, Path]) -> None:
        """Take joints and layout from the first sequence that can be read, if it is ``(T, V, C)``."""
        for index in range(len(self)):
            with suppress(DataError, OSError):
                shape = self.load(index).shape
                break
        else:
            return  # the data set says what is wrong with all of them
        if len(shape) == 3 and self.joints is None:
            self.joints = (shape[1], shape[2])
        if self.joints is not None:
            known = _LAYOUTS.get(self.joints[0]) if layout is None else layout
            self.layout = None if known is None else SkeletonLayout.from_config(known)
            if self.layout is not None and self.layout.num_joints != self.joints[0]:
                text = f"{self.joints[0]} joints, but layout {self.layout} has {self.layout.num_joints}"
                raise LayoutError(f"{origin}: the sequences have {text}")

    def load(self, index: int) -> np.ndarray:
        frames = self.records[index].frames
        return np.asarray(frames() if callable(frames) else frames, dtype=np.float32)

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        phase = _read(self.records[index].phase)
        return None if phase is None else as_phase(phase, self.names[index])

    def valid_frames(self, index: int) -> Optional[np.ndarray]:
        return _read(self.records[index].valid)

    def files(self) -> list[Path]:
        return list(getattr(self, "_files", []))


def _read(part: Part) -> Optional[np.ndarray]:
    return part() if callable(part) else part


def as_phase(values: object, name: str, background: Optional[int] = None) -> np.ndarray:
    """Phases ``(T,)`` int64 of whole numbers of any type; labels equal to ``background`` become -1, and those above it
    one less, so that phases count from 0."""
    phase = np.asarray(values)
    if phase.ndim != 1 or phase.dtype.kind not in "iuf" or not (phase == np.floor(phase)).all():
        raise DataError(f"{name}: phases are {phase.dtype} {phase.shape}; give a whole number for each frame, (T,)")
    phase = phase.astype(np.int64)
    if background is not None:
        phase = np.where(phase == background, -1, phase - (phase > background))
    return phase


def read_array(path: Union[str, Path]) -> np.ndarray:
    """The numbers of a ``.npy`` or ``.csv`` file; a ``DataError`` if there are none. Pickles are refused."""
    path = Path(path)
    try:
        if path.suffix == ".csv":
            return np.loadtxt(path, delimiter=",", dtype=np.float64)
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: holds {array.dtype}; give numbers")
    return array


def folder(root: Union[str, Path], what: str) -> Path:
    """A folder of data, or a ``DataError`` that says where it was looked for; ``what`` is what belongs there."""
    path = data_path(root)
    if not path.is_dir():
        raise DataError(f"{not_found(root)}: put {what} there, or set data_root")
    return path


def resample_labels(phase: np.ndarray, frames: int) -> np.ndarray:
    """Phases ``(L,)`` of a sequence as those of ``frames`` frames: frame j takes label ``floor(j * L / frames)``."""
    return phase[np.arange(frames) * len(phase) // max(frames, 1)]
