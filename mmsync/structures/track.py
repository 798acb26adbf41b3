"""One person in one video, without gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


def tick_times(ticks: np.ndarray, fps: float = 25.0) -> np.ndarray:
    """Seconds from the first frame to the picture of each tick, a millisecond late: containers round their stamps."""
    return ticks / fps + 1e-3


def remarks(videos: Sequence[str], tracks: Sequence[Track], fps: float) -> dict[str, dict[str, str]]:
    """Limits on the use of tracks for pairs: name and detail by kind."""
    people: dict[str, set[int]] = {video: set() for video in videos}
    for track in tracks:
        people[track.video].add(track.person)
    brief = Counter(track.video for track in tracks if len(track) < fps)
    return {
        "one person only": {video: "no pair of its own" for video, persons in people.items() if len(persons) == 1},
        "without a track": {video: "no box left" for video, persons in people.items() if not persons},
        "tracks shorter than a second": {video: f"{number} tracks" for video, number in brief.items()},
    }
