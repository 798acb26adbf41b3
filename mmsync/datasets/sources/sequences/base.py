"""The base of sources of sequences, whose frames have labels."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import unwritten


class SequenceSource(BaseSource):
    """Base of the sources of whole sequences; a subclass sets the attributes of `BaseSource`, and writes ``load``."""

    item = "sequence"
    modality = "sequence"
    frame_classes: Optional[list[str]] = None  # names of the labels of frames

    def load(self, index: int) -> np.ndarray:
        """The sequence, ``(T, ...)`` float32: joints, frame features, or both. Not to be written to."""
        raise unwritten(self, "load(index)")

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        """The label of each frame, ``(T,)`` int64 with -1 for unknown; ``None`` without annotation."""
        return None
