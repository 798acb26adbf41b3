"""Windows in time of clips of video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.time_maps import TimeIndex
from mmsync.ops.video_augment import VideoMap
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws
from mmsync.views.video.augmentation import VideoAugmentation


@TRANSFORMS.register_module()
class RandomWindow(VideoAugmentation):
    """Take a random window of T' frames out of a clip ``(K, C, T, H, W)``, the same for all tracks.

    Every view draws its own, so two views of a clip show different windows of it.

    Args:
        frames: T'.
        step: Frames of the clip from one frame of the window to the next, at least 1: a number, or the range of a
            uniform draw, a faster or slower view. Steps that the clip is too short for are not drawn.

    Raises:
        ConfigError: A number out of its range, or clips that are shorter than the shortest window.
    """

    numbers = ("start", "step")

    def __init__(self, frames: int, step: Union[float, Sequence[float]] = 1.0) -> None:
        super().__init__()
        low, high = (step, step) if isinstance(step, (int, float)) else step
        if frames < 1 or not 1 <= low <= high:
            raise ConfigError(f"RandomWindow: {frames=}, {step=}; give at least 1 frame, and a step of at least 1")
        self.frames, self.step = frames, (low, high)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        low, high = self.step
        span = x.shape[3] - 1
        if (self.frames - 1) * low > span:
            raise ConfigError(
                f"RandomWindow: {self.frames} frames at a step of {low:g} need {(self.frames - 1) * low + 1:g} frames, "
                f"but the clips have {span + 1}; lengthen the window of the data set"
            )
        high = min(high, span / max(self.frames - 1, 1)) if self.frames > 1 else high
        step = low + (high - low) * u["step"][:, 0, 0]
        last = (span - (self.frames - 1) * step + 1e-4).floor().clamp(min=0)
        return {"start": (u["start"][:, 0, 0] * (last + 1)).floor().minimum(last), "step": step}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        steps = torch.arange(self.frames, device=x.device)
        place = draws["start"][:, None] + steps * draws["step"][:, None]
        return [TimeIndex(place.round().long().clamp(0, x.shape[-3] - 1))]

    def out_like(self, x: Tensor) -> Tensor:
        return x[..., :1, :, :].expand(*x.shape[:-3], self.frames, *x.shape[-2:])
