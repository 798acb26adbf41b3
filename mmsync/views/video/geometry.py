"""Crop and flip of video, which cost one resampling together, and windows in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.time_maps import TimeIndex
from mmsync.ops.video_augment import Crop, VideoMap
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, interval, where_applied, whole
from mmsync.views.video.augmentation import VideoAugmentation


@TRANSFORMS.register_module()
class VideoCropResize(VideoAugmentation):
    """Cut a random square out of all frames of a clip ``(K, C, T, H, W)`` and scale it.

    Args:
        scale: Side of the square as a share of the picture's, in (0, 1]: a number, or the range of a uniform draw (7/8
            is 224 out of 256).
        size: Side afterwards, pixels; ``None``: that of the data preprocessor, or of the pictures.
        per_track: Another square for each track.
        prob: Probability per sample; the others are scaled as a whole.

    Raises:
        ConfigError: A number out of its range.
    """

    numbers = ("side", "left", "top")

    def __init__(
        self,
        scale: Union[float, Sequence[float]] = (0.5, 1.0),
        size: Optional[int] = None,
        per_track: bool = False,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob, per_track)
        self.scale = interval(self, "scale", scale, 0, 1, above=True)
        self.own_size = None if size is None else whole(self, "size", size)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        low, high = self.scale
        side = low + (high - low) * u["side"][..., 0]
        return {"box": torch.stack([(1 - side) * u["left"][..., 0], (1 - side) * u["top"][..., 0], side, side], -1)}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        whole = draws["box"].new_tensor([0.0, 0.0, 1.0, 1.0])
        return [Crop(where_applied(draws, draws["box"], whole), None, self._side(x))]

    def out_like(self, x: Tensor) -> Tensor:
        side = self._side(x)
        return x[..., :1, :1].expand(*x.shape[:-2], side, side)

    def _side(self, x: Tensor) -> int:
        return self.own_size or self.size or x.shape[-1]


@TRANSFORMS.register_module()
class VideoFlip(VideoAugmentation):
    """Mirror all frames of a clip ``(K, C, T, H, W)`` left and right.

    All tracks of a sample are mirrored alike: else two people would no longer face each other.

    Args:
        prob: Probability per sample.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        return [Crop(None, where_applied(draws, torch.ones(len(x), 1, dtype=torch.bool, device=x.device), False))]


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
        self.frames, self.step = whole(self, "frames", frames), interval(self, "step", step, 1)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        low, high = self.step
        span = x.shape[3] - 1
        if (self.frames - 1) * low > span:
            raise ConfigError(
                f"RandomWindow: {self.frames} frames at a step of {low:g} need {(self.frames - 1) * low + 1:g} frames, "
                f"but the clips have {span + 1}; lengthen the window of the data set"
            )
        if self.frames > 1:
            high = min(high, span / (self.frames - 1))
        step = low + (high - low) * u["step"][:, 0, 0]
        last = (span - (self.frames - 1) * step + 1e-4).floor().clamp(min=0)
        return {"start": (u["start"][:, 0, 0] * (last + 1)).floor().minimum(last), "step": step}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        steps = torch.arange(self.frames, device=x.device)
        place = draws["start"][:, None] + steps * draws["step"][:, None]
        return [TimeIndex(place.round().long().clamp(0, x.shape[-3] - 1))]

    def out_like(self, x: Tensor) -> Tensor:
        return x[..., :1, :, :].expand(*x.shape[:-3], self.frames, *x.shape[-2:])
