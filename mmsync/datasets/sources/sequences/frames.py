"""The base of sources of videos whose frames a network encodes beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.base import SequenceSource
from mmsync.errors import DataError, unwritten
from mmsync.fileio import data_path, not_found
from mmsync.store.frame_features import feature_file, read_features


class FrameSource(SequenceSource):
    """Base of sources of videos: ``load`` gives features of frames ``(T, F)``, ``pictures`` what they are made of.

    A subclass sets the attributes of `BaseSource`, calls ``_use_features``, and writes ``pictures`` and ``num_frames``.
    """

    features: Optional[Path] = None  # folder of <name>.npy
    data_root: Path

    def pictures(self, index: int) -> Iterator[np.ndarray]:
        """All frames of a video in order, ``(H, W, 3)`` uint8 RGB each."""
        raise unwritten(self, "pictures(index)")

    def num_frames(self, index: int) -> Optional[int]:
        """Number of frames of a video as the data set counts them; ``None`` if only decoding would tell."""
        return None

    def load(self, index: int) -> np.ndarray:
        """Features ``(T, F)`` float32, a row for each frame."""
        path = self.feature_file(index)
        features, frames = read_features(path), self.num_frames(index)
        if frames not in (None, len(features)):
            text = f"{len(features)} rows of features, but {self.names[index]} has {frames} frames"
            raise DataError(f"{path}: {text}; are they features of this data set, at this frame rate?")
        return features

    def feature_file(self, index: int) -> Path:
        """The file of a video's features, or a DataError that names the command that makes it."""
        command = f"mmsync frame_features FEATURES --source type={type(self).__name__}"
        advice = f"make features by `python {command} data_root={self.data_root} ...`, then give features=FEATURES"
        if self.features is None:
            raise DataError(f"{self.names[index]}: {type(self).__name__} has pictures but no features; {advice}")
        path = feature_file(self.features, self.names[index])
        if not path.is_file():
            raise DataError(f"{path} does not exist; {advice}")
        return path

    def _use_features(self, features: Optional[Union[str, Path]]) -> None:
        if features is not None:
            self.features = data_path(features)
            if not self.features.is_dir():
                raise DataError(f"features: {not_found(features)}")


def checked_labels(values: Any, frames: Optional[int], where: str) -> np.ndarray:
    """Labels of frames as ``(T,)`` int64, negative ones as -1; a DataError if they are no list, or not ``frames``."""
    labels = np.asarray(values)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise DataError(f"{where}: labels of frames are {labels.dtype} {labels.shape}; wanted whole numbers (T,)")
    if frames not in (None, len(labels)):
        raise DataError(f"{where}: {len(labels)} labels of frames, but {frames} frames; are they of the same video?")
    return np.maximum(labels.astype(np.int64), -1)
