"""The cache of optical flow of videos, forward in time and, computed between reversed frames, backward.

forward.npy   (R, S, S, 2) uint8: flow from each picture to the next, clip after clip, coded as by ``encode_flow``
backward.npy  (R, S, S, 2) uint8: flow from each next picture back to it
index.npy     (n, 3) int64: first row, number of rows, and the number of the video, of each clip
bad.json      why a video cannot be used, by number
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.media import open_video
from mmsync.media.cleaning import picture_without_borders, stabilized
from mmsync.media.crops import encode_flow, optical_flow, single_threaded
from mmsync.media.reader import resized
from mmsync.ops.video_augment import FLOW_ZERO
from mmsync.parallel import Lost, progress, run_tasks
from mmsync.store.cache import cached
from mmsync.store.ragged import Ragged, RaggedWriter

FORMAT = "mmsync-flows-3"  # raise it when the cleaning or the coding of flow changes: old entries are then unread
Clips = list[tuple[np.ndarray, np.ndarray]]  # flow (T, S, S, 2) uint8 of each, forward and backward
_MOVING = 0.002  # share of a clip's flow that is not zero, below which it is still


class FlowStore:
    """Optical flow of clips of videos, computed on first use.

    A video is divided evenly into clips of at most ``clip`` pictures; borders and the camera's motion are those of a
    clip, because over a longer time a moving camera leaves nothing in common. Clips that cannot be stabilized, or in
    which nothing moves, are left out.

    Args:
        source: A source of clips.
        size: Side S of the square in the middle of each picture, pixels.
        fps: Pictures a second.
        method: ``'dis'`` or ``'tvl1'``.
        borders: Whether black borders are cut away first.
        stabilize: Whether the camera's motion is taken out first.
        clip: Most pictures of a clip, 2 or more.

    Attributes:
        video: ``(n,)`` the number of the video of each clip.
        lengths: ``(n,)`` its steps of flow.
        bad: Why a video has no clip, by its number.

    Raises:
        DataError: No video has optical flow.
    """

    def __init__(
        self, source: Any, size: int, fps: float, method: str = "dis", borders: bool = True, stabilize: bool = True,
        clip: int = 41,
    ) -> None:  # fmt: skip
        files = [source.file(place) for place in range(len(source))]
        options = (size, float(fps), method, borders, stabilize, clip)
        kind = f"flows-{hashlib.sha1(repr((FORMAT, _MOVING, options)).encode()).hexdigest()[:16]}"
        self.path = cached(kind, files, lambda path: _build(path, source, options))
        self._stored = Ragged(self.path, FORMAT, ["forward", "backward"])
        self.lengths, self.video = self._stored.index[:, 1], self._stored.index[:, 2]
        self.bad = {int(i): text for i, text in self._stored.json("bad").items()}

    def read(self, clip: int, start: int, length: int, backward: bool) -> np.ndarray:
        """Flow ``(length, S, S, 2)`` uint8 of a clip from its picture ``start`` on, in the order of its playback."""
        rows = self._stored.rows("backward" if backward else "forward", clip)[start : start + length]
        return rows[::-1] if backward else rows


def _flow_of(
    file: str, row: Mapping[str, Any], size: int, fps: float, method: str, borders: bool, stabilize: bool, clip: int
) -> tuple[Clips, str]:
    """The flow of a video's clips, and what is wrong with the last of the others."""
    steps = int(row["duration"] * fps - 0.5) - 1
    if steps < 1:
        return [], "fewer than two pictures"
    found, problem = [], ""
    for part in np.array_split(np.arange(steps + 1), -(-steps // (clip - 1))):
        times = row["start"] + np.append(part, part[-1] + 1)[: steps + 1 - part[0]] / fps + 1e-3
        try:
            with open_video(file) as reader:
                found.append(_clip_flow(reader.read(times, None, None), size, method, borders, stabilize))
        except (DataError, OSError) as error:
            problem = str(error)
    return found, problem


def _clip_flow(
    pictures: np.ndarray, size: int, method: str, borders: bool, stabilize: bool
) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    if borders:
        rows, columns = picture_without_borders(pictures)
        pictures = pictures[:, rows, columns]
    if stabilize:
        pictures = stabilized(pictures)
    small = [resized(picture, size) for picture in pictures]
    top, left = (np.array(small[0].shape[:2]) - size) // 2
    grey = [cv2.cvtColor(p[top : top + size, left : left + size], cv2.COLOR_RGB2GRAY) for p in small]
    pairs = list(zip(grey, grey[1:]))
    forward = np.stack([encode_flow(optical_flow(a, b, method)) for a, b in pairs])
    backward = np.stack([encode_flow(optical_flow(b, a, method)) for a, b in pairs])
    if (forward != FLOW_ZERO).mean() < _MOVING:
        raise DataError("nothing moves")
    return forward, backward


def _build(path: Path, source: Any, options: tuple) -> None:
    tasks = {str(i): (str(source.file(i)), dict(source.rows[i]), *options) for i in range(len(source))}
    bad: dict[int, str] = {}
    found: dict[int, tuple[Clips, str]] = {}
    lost, place = 0, 0
    bar = progress(len(tasks), desc="optical flow", unit="video", disable=len(tasks) < 5)
    with single_threaded(), RaggedWriter(path, FORMAT) as out, bar:  # a fork with OpenCV's threads alive would hang
        for name, result in run_tasks(_flow_of, tasks, os.cpu_count() or 1, timeout=600):
            found[int(name)] = ([], result.reason) if isinstance(result, Lost) else result
            while place in found:  # results come in any order, clips are written in that of the files
                clips, problem = found.pop(place)
                lost += bool(clips and problem)
                if not clips:
                    name = source.names[place]
                    bad[place] = problem if name in problem else f"{name}: {problem}"
                for forward, backward in clips:
                    out.append(place, forward=forward, backward=backward)
                place += 1
                bar.update()
        if len(bad) == len(tasks):
            raise DataError(f"none of {len(tasks)} videos has optical flow; the first: {bad[0]}")
        out.json("bad", bad)
    if bad:
        some = "; ".join(list(bad.values())[:3])
        print_log(f"{len(bad)} of {len(tasks)} videos have no optical flow: {some}", logger="current", level=30)
    if lost:
        print_log(f"of {lost} videos a part has no optical flow and is left out", logger="current", level=30)
