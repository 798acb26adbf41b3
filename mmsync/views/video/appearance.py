"""Colors, noise and blur of video."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.video_augment import AddNoise, Blur, Color, VideoMap, hue_matrix, is_flow, saturation_matrix
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, in_range, interval, where_applied
from mmsync.views.video.augmentation import VideoAugmentation


@TRANSFORMS.register_module()
class ColorJitter(VideoAugmentation):
    """Change the colors of a clip ``(K, C, T, H, W)`` by one affine map of the channels.

    Brightness shifts values, contrast scales them about mid-grey, saturation moves colors away from their grey value
    and hue turns them about the grey axis. These commute, so their order does not matter.

    Args:
        brightness: Largest shift of values in [-1, 1], either way.
        contrast: Largest change of their gain from 1, either way.
        saturation: Largest change of the saturation from 1, either way.
        hue: Largest turn of the hue, either way, as a share of the whole turn, in [0, 0.5].
        per_frame: Other colors in each frame.
        per_track: Other colors for each track.
        prob: Probability per sample.

    Raises:
        ConfigError: A number out of its range, or the data are optical flow.
    """

    def __init__(
        self, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0,
        per_frame: bool = False, per_track: bool = False, prob: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(prob, per_track, per_frame)
        self.brightness = in_range(self, "brightness", brightness)
        self.contrast = in_range(self, "contrast", contrast)
        self.saturation = in_range(self, "saturation", saturation)
        self.hue = in_range(self, "hue", hue, 0, 0.5)
        mixes = [name for name, value in (("saturation", saturation), ("hue", hue)) if value]
        self.numbers = ("contrast", "brightness", *mixes)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        _needs_color(x, self)
        spread = {name: getattr(self, name) * (2 * u[name] - 1) for name in self.numbers}
        found = {"gain": 1 + spread["contrast"], "shift": spread["brightness"]}
        if "saturation" in spread:
            found["saturation"] = (1 + spread["saturation"]).clamp(min=0)
        if "hue" in spread:
            found["turn"] = spread["hue"]
        return found

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        matrix = None
        if "saturation" in draws:
            matrix = saturation_matrix(where_applied(draws, draws["saturation"], 1.0))
        if "turn" in draws:
            turned = hue_matrix(where_applied(draws, draws["turn"], 0.0))
            matrix = turned if matrix is None else turned @ matrix
        return [Color(where_applied(draws, draws["gain"], 1.0), where_applied(draws, draws["shift"], 0.0), matrix)]


@TRANSFORMS.register_module()
class Grayscale(VideoAugmentation):
    """Take the color out of a clip ``(K, C, T, H, W)``: every channel becomes the luma.

    Args:
        prob: Probability per sample.

    Raises:
        ConfigError: The data are optical flow.
    """

    def __init__(self, prob: float = 0.2) -> None:
        super().__init__(prob)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        _needs_color(x, self)
        return {"saturation": torch.zeros(len(x), 1, 1, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        kept = where_applied(draws, draws["saturation"], 1.0)
        return [Color(torch.ones_like(kept), torch.zeros_like(kept), saturation_matrix(kept))]


def _needs_color(x: Tensor, augmentation: VideoAugmentation) -> None:
    if is_flow(x):
        raise ConfigError(f"{type(augmentation).__name__} is for color; leave it out of views of optical flow")


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
        self.std, self.new_in_frames = in_range(self, "std", std), per_frame

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
        self.sigma = interval(self, "sigma", sigma, above=True)

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        low, high = self.sigma
        return {"sigma": low + (high - low) * u["sigma"][..., 0]}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        return [Blur(draws["sigma"], draws.get("apply"))]
