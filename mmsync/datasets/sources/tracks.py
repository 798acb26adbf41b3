"""Boxes of people, frame by frame, made tracks; and what all sources of tracks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout, Track

FPS = 25.0  # the usual clock of video tracks


class BoxTable(NamedTuple):
    """Boxes of one video, one row each; a person has one row a frame at most.

    Attributes:
        frame: ``(R,)`` int64, from 0.
        person: ``(R,)`` int64.
        box: ``(R, 4)`` float32, ``x1 y1 x2 y2`` in pixels.
        label: ``(R,)`` int64 class, -1 unknown.
        partner: ``(R,)`` int64, the person interacted with, -1 none.
    """

    frame: np.ndarray
    person: np.ndarray
    box: np.ndarray
    label: np.ndarray
    partner: np.ndarray

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
    """Tracks without gaps.

    Args:
        video: Name of the video.
        table: Its boxes.
        max_gap: Missing frames that are filled between two boxes of a person, boxes in a straight line, labels as
            before the gap; at longer gaps the track is split.
        frame_of_tick: ``(K,)`` the frame on screen at each tick of the clock; ``None`` where both are the same.

    Returns:
        Tracks by person, then time.
    """
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
    """Which frame is on screen at each tick of a clock.

    Args:
        frames: Frames of the video.
        rate: Its frames a second.
        fps: The clock's ticks a second.
        times: ``(frames,)`` seconds from the first frame to each, where the rate is not constant.

    Returns:
        ``(K,)`` int64, rising, all below ``frames``.
    """
    times = np.arange(frames) / rate if times is None else np.asarray(times, dtype=float)[:frames]
    ticks = np.arange(int(np.ceil((times[-1] + 1 / rate) * fps - 1e-6)))
    return np.clip(np.searchsorted(times, tick_times(ticks, fps), "right") - 1, 0, None)


def tick_times(ticks: np.ndarray, fps: float = FPS) -> np.ndarray:
    """Seconds from the first frame to the picture of each tick, a millisecond late: containers round their stamps."""
    return ticks / fps + 1e-3


class TrackSource:
    """Base of the track sources; a subclass sets the attributes, calls ``check`` and writes ``load``.

    Attributes:
        modality: ``'video'`` or ``'skeleton'``.
        fps: Ticks a second.
        videos: Names of the videos, ``(n,)``.
        labels: ``(n,)`` int64 classes of the videos.
        class_names: ``None`` if unknown.
        splits: Names of videos by split.
        tracks: The tracks.
        layout: Of skeletons, as ``num_coords``.
    """

    modality: str
    fps: float
    videos: list[str]
    labels: np.ndarray
    class_names: Optional[list[str]] = None
    splits: dict[str, list[str]]
    tracks: list[Track]
    layout: SkeletonLayout
    num_coords: int

    def __len__(self) -> int:
        return len(self.tracks)

    def load(self, track: int, start: int, length: int) -> np.ndarray:
        """What is seen of a person.

        Args:
            track: Place in ``tracks``.
            start: First tick of the clock.
            length: Ticks ``T``.

        Returns:
            Crops ``(T, S, S, 3)`` uint8 RGB, flow ``(T, S, S, 2)`` uint8, or skeletons ``(T, V, C)`` float32; not to be
            written to.

        Raises:
            DataError: The track does not have these ticks, or the file cannot be read.
        """
        raise NotImplementedError

    def span(self, track: int, start: int, length: int) -> Track:
        """The track, once it is sure that it has the ticks ``start .. start + length - 1``; else a ``DataError``."""
        found = self.tracks[track]
        if length < 1 or start < found.start or start + length > found.stop:
            raise DataError(
                f"{found.video}, person {found.person}: the track has ticks {found.start} to {found.stop - 1}, "
                f"asked for {length} from {start}"
            )
        return found

    def check(self, origin: Union[str, Path], expected: Optional[Mapping[str, int]] = None) -> None:
        """Log what is there, and what is short of what was published.

        Args:
            origin: The file or folder, for the messages.
            expected: Number of videos by split, ``'all'`` for the whole set.

        Raises:
            DataError: No track at all.
        """
        if not self.tracks:
            raise DataError(f"{origin}: no track found")
        counts = remarks(self.videos, self.tracks, self.fps)
        print_log(
            f"{origin}: {len(self.tracks)} tracks in {len(self.videos)} videos; "
            + "; ".join(f"{kind}: {len(names)}" for kind, names in counts.items()),
            logger="current",
        )
        found = {"all": len(self.videos), **{split: len(names) for split, names in self.splits.items()}}
        short = {split: number for split, number in (expected or {}).items() if found.get(split, 0) != number}
        if short:
            text = ", ".join(
                f"{split}: expected {number}, found {found.get(split, 0)}" for split, number in short.items()
            )
            print_log(f"{origin}: the videos are not the published set ({text})", logger="current", level=30)


def remarks(videos: Sequence[str], tracks: Sequence[Track], fps: float) -> dict[str, dict[str, str]]:
    """What limits the use of tracks for pairs: name and detail by kind."""
    people: dict[str, set[int]] = {video: set() for video in videos}
    for track in tracks:
        people[track.video].add(track.person)
    brief = Counter(track.video for track in tracks if len(track) < fps)
    return {
        "one person only": {video: "no pair of its own" for video, persons in people.items() if len(persons) == 1},
        "without a track": {video: "no box left" for video, persons in people.items() if not persons},
        "tracks shorter than a second": {video: f"{number} tracks" for video, number in brief.items()},
    }
