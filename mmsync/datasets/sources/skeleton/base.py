"""The base of skeleton sources, and two helpers of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.base import NUMBERED, BaseSource
from mmsync.errors import DataError, unwritten
from mmsync.fileio import data_path, not_found
from mmsync.structures import SkeletonLayout


class SkeletonSource(BaseSource):
    """Base of the skeleton sources; a subclass sets the attributes, calls ``check`` and writes ``load``."""

    modality = "skeleton"
    needed = ("names", "splits", "layout", "num_coords")
    layout: SkeletonLayout  # the joints V of the data
    num_coords: int  # 2 or 3 coordinates; a further channel is a score
    num_channels: Optional[int] = None  # with the score, where the class knows it before files are read

    @property
    def metainfo(self) -> dict[str, Any]:
        """Layout, coordinates and classes."""
        return {"layout": self.layout.name, "num_coords": self.num_coords, **super().metainfo}

    def load(self, index: int) -> np.ndarray:
        """The clip, ``(M, T, V, C)``: a view of a map where the format allows it. Not to be written to."""
        raise unwritten(self, "load(index)")

    def load_slots(self, index: int) -> Optional[np.ndarray]:
        """Where the sensor listed each person in each frame, ``(M, T)`` int8, -1 where absent; ``None`` if unknown."""
        return None


def as_labels(values: object, origin: Union[str, Path]) -> np.ndarray:
    """Convert integers ``(n,)`` or ``(n, 1)``, or one-hot ``(n, K)``, to ``(n,)`` int64; ``origin`` is for errors."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise DataError(f"{origin}: labels are lists of different lengths; give one number for each clip") from error
    if array.dtype.kind in "USO" and array.ndim == 1 and len(array):
        listed = array.tolist()
        i = next((i for i, label in enumerate(listed) if not isinstance(label, (int, float))), 0)
        raise DataError(f"{origin}: label {i} is {listed[i]!r}; {NUMBERED}")
    if array.ndim == 2 and array.shape[1] > 1:
        if not (((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()):
            raise DataError(f"{origin}: labels {array.shape} are not one-hot")
        return array.argmax(1).astype(np.int64)
    array = array.reshape(len(array)) if array.ndim and array.size == len(array) else array
    if array.ndim != 1 or array.dtype.kind not in "iufb" or (array != np.floor(array)).any():
        raise DataError(f"{origin}: {array.dtype} {array.shape} are no labels; wanted integers (n,) or one-hot (n, K)")
    return array.astype(np.int64)


def list_files(root: Union[str, Path], pattern: str, what: str) -> list[Path]:
    """List files under a folder, sorted; a ``DataError``, in which ``what`` names the data set, if none is there."""
    root = data_path(root)
    if not root.is_dir():
        raise DataError(f"{what}: {not_found(root)}; set data_root, or MMSYNC_DATA_ROOT to the folder of all data")
    files = sorted(root.glob(pattern))
    if not files:
        raise DataError(f"{what}: no {pattern} under {root}; is this the right folder?")
    return files
