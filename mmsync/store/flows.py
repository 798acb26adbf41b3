"""The cache of optical flow of whole videos, forward in time and, computed between reversed frames, backward.

forward.npy   (R, S, S, 2) uint8: flow from each picture to the next, video after video, coded as by ``encode_flow``
backward.npy  (R, S, S, 2) uint8: flow from each next picture back to it
index.npy     (n, 2) int64     bad.json  why a video cannot be used, by number
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.media.cleaning import picture_without_borders, stabilized
from mmsync.media.crops import encode_flow, optical_flow
from mmsync.media.reader import resized
from mmsync.parallel import Lost, progress, run_tasks
from mmsync.store.cache import cached
from mmsync.store.ragged import Ragged, RaggedWriter

FORMAT = "mmsync-flows-1"
Load = Callable[[int], np.ndarray]  # pictures (T, H, W, 3) uint8 of a video


class FlowStore:
    """Optical flow of videos, computed on first use; one second of 25 pictures of 64 pixels takes about 60 ms a core.

    Args:
        source: A source of clips.
        size: Side S of the square in the middle of each picture, pixels.
        fps: Pictures a second.
        method: ``'dis'`` or ``'tvl1'``.
        borders: Whether black borders are cut away first.
        stabilize: Whether the camera's motion is taken out first.
    """

    def __init__(
        self, source: Any, size: int, fps: float, method: str = "dis", borders: bool = True, stabilize: bool = True
    ) -> None:
        self.options = (size, fps, method, borders, stabilize)
        files = [source.file(place) for place in range(len(source))]
        kind = f"flows-{size}-{fps:g}-{method}-{int(borders)}{int(stabilize)}"
        self.path = cached(kind, files, lambda path: _build(path, source, self.options))
        stored = Ragged(self.path, FORMAT, ["forward", "backward"])
        self._stored = stored
        self.lengths = stored.index[:, 1]
        self.bad = {int(i): text for i, text in stored.json("bad").items()}

    def read(self, item: int, start: int, length: int, backward: bool) -> np.ndarray:
        """Flow ``(length, S, S, 2)`` uint8 of a video from picture ``start`` on, in the order in which it is played."""
        rows = self._stored.rows("backward" if backward else "forward", item)[start : start + length]
        return rows[::-1] if backward else rows


def _flow_of(source: Any, place: int, size: int, fps: float, method: str, borders: bool, stabilize: bool) -> Any:
    import cv2

    empty = np.zeros((0, size, size, 2), np.uint8)
    try:
        row = source.rows[place]
        times = np.arange(max(1, int(row["duration"] * fps - 0.5))) / fps + 1e-3
        pictures = source.read(place, row["start"] + times, None, None)
        if borders:
            rows, columns = picture_without_borders(pictures)
            pictures = pictures[:, rows, columns]
        if stabilize:
            pictures = stabilized(pictures)
        if len(pictures) < 2:
            return empty, empty, f"{source.names[place]}: a single picture"
        small = [resized(picture, size) for picture in pictures]
        top, left = (np.array(small[0].shape[:2]) - size) // 2
        grey = [cv2.cvtColor(p[top : top + size, left : left + size], cv2.COLOR_RGB2GRAY) for p in small]
    except (DataError, OSError) as error:
        text = str(error)
        return empty, empty, text if source.names[place] in text else f"{source.names[place]}: {text}"
    pairs = list(zip(grey, grey[1:]))
    forward = np.stack([encode_flow(optical_flow(a, b, method)) for a, b in pairs])
    backward = np.stack([encode_flow(optical_flow(b, a, method)) for a, b in pairs])
    return forward, backward, ""


def _build(path: Path, source: Any, options: tuple) -> None:
    tasks = {str(place): (source, place, *options) for place in range(len(source))}
    bad: dict[int, str] = {}
    found: dict[int, tuple] = {}
    bar = progress(len(tasks), desc="optical flow", unit="video")
    empty = np.zeros((0, options[0], options[0], 2), np.uint8)
    with RaggedWriter(path, FORMAT) as out, bar:
        for name, result in run_tasks(_flow_of, tasks, os.cpu_count() or 1, timeout=600):
            found[int(name)] = (empty, empty, result.reason) if isinstance(result, Lost) else result
            while len(out) in found:
                forward, backward, problem = found.pop(len(out))
                if problem:
                    bad[len(out)] = problem
                out.append(forward=forward, backward=backward)
                bar.update()
        out.json("bad", bad)
    if len(bad) == len(tasks):
        raise DataError(f"no video has optical flow; the first: {bad[0]}")
    if bad:
        some = "; ".join(list(bad.values())[:3])
        print_log(f"{len(bad)} of {len(tasks)} videos have no optical flow: {some}", logger="current", level=30)
