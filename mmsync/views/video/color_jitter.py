"""Colours of video: jitter of brightness, contrast, saturation and hue, and grey."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops.video_augment import Color, VideoMap, hue_matrix, is_flow, saturation_matrix
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, where_applied
from mmsync.views.video.augmentation import VideoAugmentation, amount


@TRANSFORMS.register_module()
class ColorJitter(VideoAugmentation):
    """Change the colours of a clip ``(K, C, T, H, W)`` by one affine map of the channels.

    Brightness shifts values, contrast scales them about mid-grey, saturation moves colours away from their grey value
    and hue turns them about the grey axis. These commute, so their order does not matter.

    Args:
        brightness: Largest shift of values in [-1, 1], either way.
        contrast: Largest change of their gain from 1, either way.
        saturation: Largest change of the saturation from 1, either way.
        hue: Largest turn of the hue, either way, as a share of the whole turn, in [0, 0.5].
        per_frame: Other colours in each frame.
        per_track: Other colours for each track.
        prob: Probability per sample.

    Raises:
        ConfigError: A number out of its range, or the data are optical flow.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        per_frame: bool = False,
        per_track: bool = False,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob, per_track, per_frame)
        self.brightness = amount("ColorJitter", "brightness", brightness)
        self.contrast = amount("ColorJitter", "contrast", contrast)
        self.saturation = amount("ColorJitter", "saturation", saturation)
        self.hue = amount("ColorJitter", "hue", hue, 0.5)
        mixes = [name for name, value in (("saturation", saturation), ("hue", hue)) if value]
        self.numbers = ("contrast", "brightness", *mixes)

    def parameters(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        _needs_color(x, self)
        found = {
            "gain": 1 + self.contrast * (2 * u["contrast"] - 1),
            "shift": self.brightness * (2 * u["brightness"] - 1),
        }
        if self.saturation:
            found["saturation"] = (1 + self.saturation * (2 * u["saturation"] - 1)).clamp(min=0)
        if self.hue:
            found["turn"] = self.hue * (2 * u["hue"] - 1)
        return found

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        gain, shift = (
            where_applied(draws, draws[name], torch.full_like(draws[name], neutral))
            for name, neutral in (("gain", 1.0), ("shift", 0.0))
        )
        matrices = []
        if "saturation" in draws:
            factor = draws["saturation"]
            matrices.append(saturation_matrix(where_applied(draws, factor, torch.ones_like(factor))))
        if "turn" in draws:
            turn = draws["turn"]
            matrices.append(hue_matrix(where_applied(draws, turn, torch.zeros_like(turn))))
        matrix = None if not matrices else matrices[0] if len(matrices) == 1 else matrices[1] @ matrices[0]
        return [Color(gain, shift, matrix)]


@TRANSFORMS.register_module()
class Grayscale(VideoAugmentation):
    """Take the colour out of a clip ``(K, C, T, H, W)``: every channel becomes the luma.

    Args:
        prob: Probability per sample.

    Raises:
        ConfigError: The data are optical flow.
    """

    def __init__(self, prob: float = 0.2) -> None:
        super().__init__(prob)

    def parameters(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        _needs_color(x, self)
        return {"saturation": torch.zeros(len(x), 1, 1, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[VideoMap]:
        kept = draws["saturation"]
        one = torch.ones_like(kept)
        return [Color(one, torch.zeros_like(kept), saturation_matrix(where_applied(draws, kept, one)))]


def _needs_color(x: Tensor, augmentation: VideoAugmentation) -> None:
    if is_flow(x):
        raise ConfigError(f"{type(augmentation).__name__} is for colour; leave it out of views of optical flow")
