"""Optical flow of videos played forward or backward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.clips.sources import ClipSource
from mmsync.errors import ConfigError
from mmsync.registry import DATASETS
from mmsync.store.flows import FlowStore


@DATASETS.register_module()
class ArrowDataset(KeyedDataset):
    """Flow of videos, ``inputs.video (N, K, T, S, S, 2)`` uint8 of K consecutive segments, for the arrow of time.

    Half of the samples are played backward, with the flow between the reversed pictures, which is not the reversed flow
    (Wei et al., 2018). They have ``positive`` 1 where the video is played backward. In ``test_mode`` each window comes
    in both directions.

    Args:
        source: A source of clips, or its config.
        segments: Number K of segments.
        frames: T, steps of flow of a segment.
        fps: Pictures a second.
        size: Side S, pixels.
        method: Optical flow, ``'dis'`` or ``'tvl1'``.
        borders: Whether to cut black borders away.
        stabilize: Whether to take the camera's motion out.
        clip: Pictures that are cleaned together, see :class:`~mmsync.store.flows.FlowStore`; a window lies within them.
        clips: Windows of each video, in ``test_mode`` only.
        test_mode: Draw nothing.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No video is long enough.
    """

    item: ClassVar[str] = "video"
    advice: ClassVar[str] = "mmsync index_videos lists the problem of each video"

    def __init__(
        self, source: Union[Mapping, ClipSource], segments: int = 2, frames: int = 10, fps: float = 25.0,
        size: int = 224, method: str = "dis", borders: bool = True, stabilize: bool = True, clip: int = 41,
        clips: int = 1, test_mode: bool = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if min(segments, frames, size, clips) < 1 or not fps > 0 or size < 16:
            given = f"{segments=}, {frames=}, {fps=}, {size=}, {clips=}"
            raise ConfigError(f"ArrowDataset: {given}: give positive numbers, and a size of 16 or more")
        if clips > 1 and not test_mode:
            raise ConfigError(f"ArrowDataset: clips={clips} needs test_mode=True; training draws one window an epoch")
        if clip <= segments * frames:
            raise ConfigError(f"ArrowDataset: {clip=} pictures are too few for {segments} x {frames} steps of flow")
        self.segments, self.frames, self.side, self.clips = segments, frames, size, clips
        self._flow = (size, fps, method, borders, stabilize, clip)
        super().__init__(source, test_mode=test_mode, **keyed)

    def windows(self, places: np.ndarray) -> np.ndarray:
        """Windows of each video; those that have none are named."""
        self.flows = FlowStore(self.source, *self._flow)
        room = np.maximum(self.flows.lengths - self.segments * self.frames + 1, 0)  # starts of windows in each clip
        first = np.searchsorted(self.flows.video, np.arange(len(self.source) + 1))  # clips of each video
        self._first, self._room = first, room
        usable = np.array([room[first[place] : first[place + 1]].any() for place in places.tolist()], dtype=bool)
        short = [self.source.names[place] for place in places[~usable].tolist() if place not in self.flows.bad]
        if short:
            some = ", ".join(short[:5]) + (", ..." if len(short) > 5 else "")
            text = f"{len(short)} of {len(places)} videos have fewer than {self.segments * self.frames + 1} pictures"
            print_log(f"ArrowDataset: {text} in a row and are left out: {some}", logger="current", level=30)
        return np.where(usable, 2 * self.clips if self.test_mode else 1, 0)

    def read(self, index: int) -> dict[str, Any]:
        place, number = int(self.places[index]), int(self.part[index])
        ends = self._room[self._first[place] : self._first[place + 1]].cumsum()
        if self.test_mode:
            backward = bool(number % 2)
            start = int((number // 2 + 0.5) * ends[-1] / self.clips)
        else:
            rng = self.generator(index)
            backward, start = bool(rng.integers(2)), int(rng.integers(ends[-1]))
        clip = int(np.searchsorted(ends, start, side="right"))
        start -= int(ends[clip - 1]) if clip else 0
        flow = self.flows.read(int(self._first[place]) + clip, start, self.segments * self.frames, backward)
        parts = flow.reshape(self.segments, self.frames, *flow.shape[1:])
        sample = self.describe([index], positive=[int(backward)], kind=["backward" if backward else "forward"])[0]
        return {"inputs": {"video": (list(parts),)}, "data_samples": sample}
