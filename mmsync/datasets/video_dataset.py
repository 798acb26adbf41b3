"""Windows of plain video clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.clips.sources import ClipSource
from mmsync.errors import ConfigError
from mmsync.media.reader import scaled
from mmsync.registry import DATASETS
from mmsync.structures import tick_times


@DATASETS.register_module()
class VideoDataset(KeyedDataset):
    """Windows of video clips, ``inputs.video (N, T, S, S, 3)`` uint8, which ``VideoPreprocessor`` takes.

    Pictures are taken by time, ``fps`` a second whatever the rate of a file, scaled to ``size`` at their shorter side
    and cut to a square. Window and square are random in training; in ``test_mode`` the square is the middle one and the
    windows are the middle one, or several at equal distances. Videos that are corrupt in the index are left out.

    Args:
        source: A source of clips, or its config.
        window: Pictures T of a sample.
        fps: Pictures a second.
        size: Side ``S``, pixels.
        clips: Windows of each video, in ``test_mode`` only, as samples of the same name.
        short: Videos that end before the window: ``'loop'`` repeats them, ``'drop'`` leaves them out.
        test_mode: Draw nothing.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("window", "fps", "size")
    item: ClassVar[str] = "video"
    advice: ClassVar[str] = "mmsync index_videos lists the problem of each video"

    def __init__(
        self, source: Union[Mapping, ClipSource], window: int = 16, fps: float = 15.0, size: int = 128, clips: int = 1,
        short: Literal["loop", "drop"] = "loop", test_mode: bool = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if min(window, size, clips) < 1 or not fps > 0 or short not in ("loop", "drop"):
            given = f"{window=}, {fps=}, {size=}, {clips=}, {short=}"
            raise ConfigError(f"VideoDataset: {given}: give positive numbers, and 'loop' or 'drop'")
        if clips > 1 and not test_mode:
            raise ConfigError(f"VideoDataset: clips={clips} needs test_mode=True; training draws one window an epoch")
        self.window, self.fps, self.size, self.clips, self.short = window, fps, size, clips, short
        super().__init__(source, test_mode=test_mode, **keyed)

    def windows(self, places: np.ndarray) -> np.ndarray:
        brief = np.array([self._last_start(self.source.rows[place]) < 0 for place in places.tolist()], dtype=bool)
        if brief.any():
            done = "left out" if self.short == "drop" else "shown again from their beginning"
            text = (
                f"VideoDataset: {brief.sum()} of {len(places)} videos are shorter than {self.window} pictures at "
                f"{self.fps:g} a second, and are {done}; the first is {self.source.names[places[brief][0]]}"
            )
            print_log(text, logger="current", level=30)
        return np.where(brief & (self.short == "drop"), 0, self.clips)

    def read(self, index: int) -> dict[str, Any]:
        place, number = int(self.places[index]), int(self.part[index])
        row = self.source.rows[place]
        last = self._last_start(row)
        width, height = scaled(row["width"], row["height"], self.size)
        room = np.array([width, height]) - self.size
        if self.test_mode:
            first = max(last, 0) // 2 if self.clips == 1 else round(number * max(last, 0) / (self.clips - 1))
            left, top = (room // 2).tolist()
        else:
            rng = self.generator(index)
            first = int(rng.integers(max(last, 0) + 1))
            left, top = rng.integers(room + 1).tolist()
        times = tick_times(np.arange(self.window), self.fps)
        times = times % row["duration"] if last < 0 else times + first / row["rate"]
        crop = (left, top, left + self.size, top + self.size)
        pictures = self.source.read(place, row["start"] + times, self.size, crop)
        return {"inputs": {"video": (pictures,)}, "data_samples": self.describe([index], clip=[number])[0]}

    def _last_start(self, row: Mapping) -> int:
        """The last frame of a video from which a window is whole; negative if there is none."""
        room = (row["duration"] - (self.window - 1) / self.fps) * row["rate"]
        return math.ceil(room - 0.1) - 1  # a tenth of a frame for rounded stamps
