"""Augmentations of waveforms."""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS
from mmsync.structures import View
from mmsync.views.augmentation import BatchAugmentation, Draws, uniform, where_applied


@TRANSFORMS.register_module()
class VolumeJitter(BatchAugmentation):
    """Scale the waveforms ``(N, ..., C, S)`` of a sample by one factor.

    Args:
        gain: Least and largest factor; 0.9 and 1.1 as in L3-Net and SeLaVi.
        prob: Probability in [0, 1] that a sample is augmented.

    Raises:
        ConfigError: Factors that are not positive or out of order.
    """

    modality = "audio"

    def __init__(self, gain: tuple[float, float] = (0.9, 1.1), prob: float = 1.0) -> None:
        super().__init__(prob)
        if not 0 < gain[0] <= gain[1]:
            raise ConfigError(f"VolumeJitter: gain={gain}; give 0 < least <= largest")
        self.gain = gain

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"gain": uniform(x, *self.gain, (), generator)}

    def maps(self, x: Tensor, draws: Draws) -> list[Any]:
        gain = where_applied(draws, draws["gain"], 1.0)

        def scale(view: View) -> View:
            return view._replace(data=view.data * gain.view(-1, *[1] * (view.data.dim() - 1)))

        return [scale]
