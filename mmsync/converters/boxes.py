"""Boxes of people, frame by frame, and the tracks made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np

from mmsync.structures import Track, tick_times

FPS = 25.0  # the usual clock of video tracks


class BoxTable(NamedTuple):
    """Boxes of one video, one row each; a person has at most one row per frame."""

    frame: np.ndarray  # (R,) int64, from 0
    person: np.ndarray  # (R,) int64
    box: np.ndarray  # (R, 4) float32, x1 y1 x2 y2 in pixels
    label: np.ndarray  # (R,) int64 class, -1 unknown
    partner: np.ndarray  # (R,) int64, the person interacted with, -1 none

    @classmethod
    def of(cls, rows: Union[np.ndarray, Sequence]) -> BoxTable:
        """From rows ``(R, 8)``: frame, person, x1, y1, x2, y2, label, partner; the last two may be missing."""
        table = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1 if len(rows) else 8)
        numbers = np.full((len(table), 4), -1, dtype=np.int64)
        numbers[:, :2], numbers[:, 2 : table.shape[1] - 4] = table[:, :2], table[:, 6:]
        return cls(numbers[:, 0], numbers[:, 1], table[:, 2:6].astype(np.float32), numbers[:, 2], numbers[:, 3])

    def take(self, rows: np.ndarray) -> BoxTable:
        """The rows of an index or mask."""
        return BoxTable(*(column[rows] for column in self))


def build_tracks(
    video: str, table: BoxTable, max_gap: int = 0, frame_of_tick: Optional[np.ndarray] = None
) -> list[Track]:
    """Build tracks, by person and time; fill gaps up to ``max_gap`` frames. ``frame_of_tick (K,)``: a tick's frame."""
    tracks = []
    for person in np.unique(table.person):
        rows = np.flatnonzero(table.person == person)
        rows = rows[table.frame[rows].argsort(kind="stable")]
        frame, box = table.frame[rows], table.box[rows]
        full = np.arange(frame[0], frame[-1] + 1)
        last = np.searchsorted(frame, full, "right") - 1  # the row at or before each frame
        gap = np.append(np.diff(frame) - 1, 0)[last]
        there = (full == frame[last]) | (gap <= max_gap)
        filled = np.stack([np.interp(full, frame, box[:, i]) for i in range(4)], 1).astype(np.float32)
        ticks = full if frame_of_tick is None else np.arange(len(frame_of_tick))
        at = ticks - frame[0] if frame_of_tick is None else frame_of_tick - frame[0]
        seen = (at >= 0) & (at < len(full))
        seen[seen] = there[at[seen]]
        ticks, at = ticks[seen], at[seen]
        for run in np.split(np.arange(len(ticks)), np.flatnonzero(np.diff(ticks) > 1) + 1):
            if len(run):
                source = rows[last[at[run]]]
                boxes, labels, partner = filled[at[run]], table.label[source], table.partner[source]
                tracks.append(Track(video, int(person), int(ticks[run[0]]), boxes, labels, partner))
    return tracks


def ticks_of_video(frames: int, rate: float, fps: float = FPS, times: Optional[np.ndarray] = None) -> np.ndarray:
    """The frame at each tick of a clock of ``fps``, ``(K,)`` int64, at a constant ``rate`` or by frames' ``times``."""
    times = np.arange(frames) / rate if times is None else np.asarray(times, dtype=float)[:frames]
    ticks = np.arange(int(np.ceil((times[-1] + 1 / rate) * fps - 1e-6)))
    return np.clip(np.searchsorted(times, tick_times(ticks, fps), "right") - 1, 0, None)
