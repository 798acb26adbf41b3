"""Features of the frames of videos, a ``.npy`` for each video in one folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Union

import numpy as np

from mmsync.errors import DataError
from mmsync.fileio import atomic_path


def feature_file(folder: Union[str, Path], name: str) -> Path:
    """The file of a video; a name may have folders, but a DataError keeps it from leaving ``folder``."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise DataError(f"{name!r} is no name of a video: features are written to FOLDER/NAME.npy")
    return Path(folder, f"{name}.npy")


def read_features(path: Union[str, Path]) -> np.ndarray:
    """Features ``(T, F)`` float32 of one video.

    Raises:
        DataError: The file cannot be read, is no such array, or holds numbers that are not finite.
    """
    array = map_features(path)
    out = np.asarray(array, dtype=np.float32)
    if not np.isfinite(out).all():
        raise DataError(f"{path}: holds NaN or infinity")
    return out


def map_features(path: Union[str, Path]) -> np.ndarray:
    """The mapped array ``(T, F)`` of :func:`read_features`, in its stored type; only its header is read and checked."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as features: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu" or not array.size:
        found = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
        raise DataError(f"{path}: {found}; wanted numbers (T, F), a row for each frame")
    return array


def write_features(path: Union[str, Path], features: np.ndarray) -> None:
    """Write features ``(T, F)``; the file is whole or absent."""
    with atomic_path(path) as temporary:
        np.save(temporary, features, allow_pickle=False)
