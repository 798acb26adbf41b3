"""One person in one video, without gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np


@dataclass(frozen=True, eq=False)
class Track:
    """A person through frames ``start .. stop - 1``, which count the ticks of the data set's clock.

    Attributes:
        video: Name of the video.
        person: Number of the person in it.
        start: First frame.
        boxes: ``(n, 4)`` float32, ``x1 y1 x2 y2`` in pixels; ``None`` for skeletons.
        labels: ``(n,)`` int64, what the person does in each frame, -1 unknown.
        partner: ``(n,)`` int64, the person interacted with, -1 none.
    """

    video: str
    person: int
    start: int
    boxes: Optional[np.ndarray]
    labels: np.ndarray
    partner: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def stop(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.labels)
