"""Optical flow of videos played forward or backward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

import numpy as np

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
        segments: K.
        frames: T, steps of flow of a segment.
        fps: Pictures a second.
        size: Side S, pixels.
        method: Optical flow, ``'dis'`` or ``'tvl1'``.
        borders: Whether to cut black borders away.
        stabilize: Whether to take the camera's motion out.
        clips: Windows of each video, in ``test_mode`` only.
        test_mode: Draw nothing.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No video is long enough.
    """

    item: ClassVar[str] = "video"
    advice: ClassVar[str] = "tools/dataset_converters/index_videos.py lists the problem of each video"

    def __init__(
        self, source: Union[Mapping, ClipSource], segments: int = 2, frames: int = 10, fps: float = 25.0,
        size: int = 224, method: str = "dis", borders: bool = True, stabilize: bool = True, clips: int = 1,
        test_mode: bool = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if min(segments, frames, size, clips) < 1 or not fps > 0 or size < 16:
            given = f"{segments=}, {frames=}, {fps=}, {size=}, {clips=}"
            raise ConfigError(f"ArrowDataset: {given}: give positive numbers, and a size of 16 or more")
        if clips > 1 and not test_mode:
            raise ConfigError(f"ArrowDataset: clips={clips} needs test_mode=True; training draws one window an epoch")
        self.segments, self.frames, self.side, self.clips = segments, frames, size, clips
        self._flow = (size, fps, method, borders, stabilize)
        super().__init__(source, test_mode=test_mode, **keyed)

    def windows(self, places: np.ndarray) -> np.ndarray:
        self.flows = FlowStore(self.source, *self._flow)
        needed = self.segments * self.frames
        return np.where(self.flows.lengths[places] >= needed, 2 * self.clips if self.test_mode else 1, 0)

    def read(self, index: int) -> dict[str, Any]:
        place, number = int(self.places[index]), int(self.part[index])
        length = self.segments * self.frames
        last = int(self.flows.lengths[place]) - length
        if self.test_mode:
            backward, window = bool(number % 2), number // 2
            start = last // 2 if self.clips == 1 else round(window * last / (self.clips - 1))
        else:
            rng = self.generator(index)
            backward, start = bool(rng.integers(2)), int(rng.integers(last + 1))
        flow = self.flows.read(place, start, length, backward)
        parts = flow.reshape(self.segments, self.frames, *flow.shape[1:])
        sample = self.describe([index], positive=[int(backward)], kind=["backward" if backward else "forward"])[0]
        return {"inputs": {"video": (list(parts),)}, "data_samples": sample}
