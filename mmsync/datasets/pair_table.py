"""Table of the pairs of tracks, and drawing from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional

import numpy as np
import torch

from mmsync.datasets.kinds import Kind
from mmsync.errors import ConfigError, DataError
from mmsync.ops.boxes import enlarge as enlarge_boxes
from mmsync.ops.boxes import iou
from mmsync.structures import Track

PAIR_KINDS = (Kind("positive", positive=True), Kind("easy"), Kind("medium"), Kind("hard"))
PLACEMENTS = ("center", "any")


class PairTable:
    """Pairs of tracks by kind (Sync3D, Sannigrahi 2020), as rows ``(first, first_start, second, second_start)``.

    ========  ========================================================================================================
    positive  two people of one video in the same window, mean IoU of their boxes above the threshold
    medium    the same, mean IoU at or below the threshold
    hard      a positive pair with one of the windows moved by ``shift`` frames, either one and either way
    easy      two tracks of different videos
    ========  ========================================================================================================

    People without boxes (skeletons) count as aligned: all their pairs are positive, none is medium.

    Args:
        tracks: All tracks.
        window: Frames of a window.
        iou_threshold: Positive pairs are above it, strictly.
        shift: Frames by which hard negatives are moved; ``None``: ``window``, so that the windows do not overlap.
        placement: ``'center'``: one window, in the middle of the common part of two tracks; ``'any'``: all windows.
        enlarge: Share by which the boxes' sides grow before the IoU is taken.
        members: Places in ``tracks`` that pairs may be made of; ``None`` for all.

    Raises:
        ConfigError: An argument is out of its range.
    """

    def __init__(
        self, tracks: Sequence[Track], window: int = 25, iou_threshold: float = 0.1, shift: Optional[int] = None,
        placement: Literal["center", "any"] = "center", enlarge: float = 0.0, members: Optional[np.ndarray] = None,
    ) -> None:  # fmt: skip
        shift = window if shift is None else shift
        if window < 1 or shift < 1 or not 0 <= iou_threshold <= 1 or placement not in PLACEMENTS or enlarge <= -1:
            raise ConfigError(
                f"{window=}, {shift=}, {iou_threshold=}, {placement=}, {enlarge=}: wanted 1 or more frames, a "
                f"threshold in [0, 1], a placement out of {PLACEMENTS} and a share above -1"
            )
        self.tracks, self.window, self.threshold, self.shift = tracks, window, iou_threshold, shift
        self.placement, self.enlarge = placement, enlarge
        self._start = np.array([track.start for track in tracks], dtype=np.int64)
        self._stop = np.array([track.stop for track in tracks], dtype=np.int64)
        members = np.arange(len(tracks)) if members is None else np.asarray(members, dtype=np.int64)
        members = members[(self._stop - self._start)[members] >= window]
        names, video = np.unique([tracks[i].video for i in members], return_inverse=True)
        order = video.argsort(kind="stable")
        self._usable, sizes = members[order], np.bincount(video, minlength=len(names))
        self._later = np.repeat(sizes.cumsum(), sizes)  # of each usable track: the first of the videos after its own
        self._easy_end = (len(members) - self._later).cumsum()  # and easy pairs until it, each at its earlier track

        self.pairs = self._same_video(np.split(self._usable, sizes.cumsum()[:-1]))
        rows, pair = self._windows()
        self.iou = self._mean_iou(rows, pair)
        close = self.iou > iou_threshold
        hard = self._shifted(rows[close], pair[close])
        kinds = {"positive": (rows[close], pair[close]), "medium": (rows[~close], pair[~close]), "hard": hard}
        # rows (R, 4) of each kind, sorted by pair, and the first row of each pair, with R as the last
        self._kinds = {
            kind: (rows, np.append(np.flatnonzero(np.diff(pair, prepend=-1)), len(rows)))
            for kind, (rows, pair) in kinds.items()
        }
        self.pair_of_window = pair
        self._turns = self._video_turns()

    @property
    def available(self) -> dict[str, int]:
        """Number of distinct pairs by kind, each counted once however many windows it has."""
        easy = int(self._easy_end[-1]) if len(self._easy_end) else 0
        counts = {kind: len(first) - 1 for kind, (_, first) in self._kinds.items()}
        return {kind: counts.get(kind, easy) for kind, _ in PAIR_KINDS}

    @property
    def windows(self) -> dict[str, int]:
        """Number of windows of the pairs of one video, by kind."""
        return {kind: len(rows) for kind, (rows, _) in self._kinds.items()}

    @property
    def positive_share(self) -> np.ndarray:
        """``(P,)`` share of the windows of each of ``pairs`` that are positive."""
        close = (self.iou > self.threshold).astype(float)
        return np.bincount(self.pair_of_window, close, len(self.pairs)) / np.bincount(self.pair_of_window)

    def draw(self, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``(count, 4)`` rows, each pair once before one comes again; few medium pairs from the videos in turn."""
        if count and not self.available[kind]:
            raise DataError(f"there is no {kind} pair")
        pair = _each_once(self.available[kind], count, rng, self._turns if kind == "medium" else None)
        if kind == "easy":
            rows = self._easy(pair, rng)
        else:
            rows, first = self._kinds[kind]
            rows = rows[rng.integers(first[pair], first[pair + 1])]
        return np.where(rng.random(count)[:, None] < 0.5, rows, rows[:, [2, 3, 0, 1]])

    def others(self, video: str, start: int, known: Sequence[int]) -> list[int]:
        """The further usable tracks of a video that have the window at ``start``."""
        there = (self._start[self._usable] <= start) & (start + self.window <= self._stop[self._usable])
        return [i for i in self._usable[there].tolist() if self.tracks[i].video == video and i not in known]

    def aligned(self, tracks: Sequence[int], start: int) -> np.ndarray:
        """``(K, K)`` bool: which of the tracks are positive to each other in the window at ``start``."""
        if any(self.tracks[i].boxes is None for i in tracks):
            return np.ones((len(tracks), len(tracks)), dtype=bool)
        found = [(np.asarray(self.tracks[i].boxes), start - self.tracks[i].start) for i in tracks]
        grown = self._grown(np.stack([boxes[first:][: self.window] for boxes, first in found]))
        return (iou(grown[:, None], grown).mean(-1).round(decimals=9) > self.threshold).numpy()

    def _video_turns(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each medium pair its video's number, and 1 if that video has a positive pair: then others come first."""
        found = (self._kinds[kind] for kind in ("medium", "positive"))
        medium, positive = ([self.tracks[i].video for i in rows[first[:-1], 0]] for rows, first in found)
        return np.unique(medium, return_inverse=True)[1], np.isin(medium, positive).astype(int)

    def _same_video(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        """Pairs ``(P, 2)`` of people of a video with a window in common."""
        found = [block[np.stack(np.triu_indices(len(block), 1), 1)] for block in blocks]
        pairs = np.concatenate([np.zeros((0, 2), np.int64), *found])
        person = np.array([track.person for track in self.tracks], dtype=np.int64)
        low, high = self._start[pairs].max(1), self._stop[pairs].min(1)
        return pairs[(high - low >= self.window) & (person[pairs[:, 0]] != person[pairs[:, 1]])]

    def _windows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of aligned windows, and the pair that each belongs to."""
        low, high = self._start[self.pairs].max(1), self._stop[self.pairs].min(1)
        spare = high - low - self.window
        if self.placement == "center":
            pair, start = np.arange(len(low)), low + spare // 2
        else:
            pair, within = _ramps(spare + 1)
            start = low[pair] + within
        first, second = self.pairs[pair].T
        return np.stack([first, start, second, start], 1), pair

    def _mean_iou(self, rows: np.ndarray, pair: np.ndarray) -> np.ndarray:
        """``(R,)`` mean over the window of the IoU in each frame, by running sums over the frames of each pair."""
        if any(track.boxes is None for track in self.tracks) or not len(rows):
            return np.ones(len(rows))
        low, high = self._start[self.pairs].max(1), self._stop[self.pairs].min(1)
        of, within = _ramps(high - low)
        length = self._stop - self._start
        offset = length.cumsum() - length - self._start  # of a track's tick 0 in all boxes laid end to end
        boxes = self._grown(np.concatenate([np.asarray(track.boxes) for track in self.tracks]))
        a, b = (torch.from_numpy(offset[self.pairs[of, i]] + low[of] + within) for i in (0, 1))
        total = np.concatenate([[0.0], iou(boxes[a], boxes[b]).numpy().cumsum()])
        at = (high - low).cumsum() - (high - low)
        begin = at[pair] + rows[:, 1] - low[pair]
        return ((total[begin + self.window] - total[begin]) / self.window).round(9)  # no pair is positive by round-off

    def _grown(self, boxes: np.ndarray) -> torch.Tensor:
        found = torch.from_numpy(boxes).double()
        return enlarge_boxes(found, self.enlarge) if self.enlarge else found

    def _shifted(self, rows: np.ndarray, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hard negatives of positive rows, as far as the tracks are long enough."""
        moves = np.array([[0, n, 0, m] for n, m in ((1, 0), (-1, 0), (0, 1), (0, -1))]) * self.shift
        moved, pair = (rows[:, None] + moves).reshape(-1, 4), np.repeat(pair, len(moves))
        track, start = moved[:, ::2], moved[:, 1::2]
        fits = ((start >= self._start[track]) & (start + self.window <= self._stop[track])).all(1)
        found = np.unique(np.column_stack([pair, moved])[fits], axis=0)  # two positive windows may give the same one
        return found[:, 1:], found[:, 0]

    def _easy(self, pair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows of easy pairs by their numbers."""
        first = np.searchsorted(self._easy_end, pair, "right")
        second = len(self._usable) - (self._easy_end[first] - pair)
        tracks = self._usable[np.stack([first, second], 1)]
        spare = self._stop[tracks] - self._start[tracks] - self.window
        start = self._start[tracks] + (spare // 2 if self.placement == "center" else rng.integers(spare + 1))
        return np.stack([tracks[:, 0], start[:, 0], tracks[:, 1], start[:, 1]], 1)


def _each_once(num: int, count: int, rng: np.random.Generator, turns: Optional[tuple] = None) -> np.ndarray:
    """``(count,)`` of the numbers below ``num`` at random, each once before one comes again; the rest by turns."""
    rounds, rest = divmod(count, max(num, 1))
    drawn = [np.zeros(0, np.int64), *(rng.permutation(num) for _ in range(rounds))]
    if rest and turns is None:
        drawn.append(rng.choice(num, rest, replace=False))
    elif rest and turns is not None:
        video, waits = turns
        order = rng.permutation(num)
        order = order[video[order].argsort(kind="stable")]  # by video, at random within
        turn = _ramps(np.bincount(video))[1] + waits[order]
        drawn.append(order[np.lexsort((rng.random(num), turn))[:rest]])
    return np.concatenate(drawn)


def _ramps(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """0 .. n - 1 for each of the lengths n, end to end, and which of them each number belongs to."""
    of = np.repeat(np.arange(len(lengths)), lengths)
    return of, np.arange(len(of)) - (lengths.cumsum() - lengths)[of]
