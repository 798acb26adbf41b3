"""Gaussian noise on the pictures of video, and Gaussian blur of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.video_augment import AddNoise, Blur, VideoMap
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, where_applied
from mmsync.views.video.augmentation import VideoAugmentation, amount


@TRANSFORMS.register_module()
class VideoNoise(VideoAugmentation):
    """Add white Gaussian noise to a clip ``(K, C, T, H, W)``, by default the same to all its frames.

    Args:
        std: Largest standard deviation of noise on values in [-1, 1]; that of a sample is uniform from 0.
        per_frame: New noise in each frame, of the same deviation.
        per_track: Other noise, and another deviation, for each track.
        prob: Probability per sample.

    Raises:
        ConfigError: A number out of its range.
    """

    numbers = ("noise",)

    def __init__(self, std: float = 0.05, per_frame: bool = False, per_track: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob, per_track)
        self.std, self.new_in_frames = amount("VideoNoise", "std", std), per_frame

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        n, k, channels, frames, height, width = x.shape
        shape = (n, k if self.per_track else 1, channels, frames if self.new_in_frames else 1, height, width)
        field = torch.randn(shape, device=x.device, generator=generator)
        return {"value": field.mul_(self.std * u["noise"][..., None, None, None])}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        return [AddNoise(where_applied(draws, draws["value"], 0.0))]


@TRANSFORMS.register_module()
class VideoBlur(VideoAugmentation):
    """Smooth the pictures of a clip ``(K, C, T, H, W)`` with a Gaussian filter, all frames alike.

    Args:
        sigma: The standard deviation in pixels is uniform in this range.
        per_track: Another deviation for each track.
        prob: Probability per sample.

    Raises:
        ConfigError: A number out of its range.
    """

    numbers = ("sigma",)

    def __init__(self, sigma: Sequence[float] = (0.1, 2.0), per_track: bool = False, prob: float = 0.5) -> None:
        super().__init__(prob, per_track)
        low, high = sigma
        if not 0 < low <= high:
            raise ConfigError(f"VideoBlur: sigma={tuple(sigma)}; give (low, high) with 0 < low <= high")
        self.sigma = (low, high)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        low, high = self.sigma
        return {"sigma": low + (high - low) * u["sigma"][..., 0]}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        return [Blur(draws["sigma"], draws.get("apply"))]
