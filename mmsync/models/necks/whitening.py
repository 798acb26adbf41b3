"""Whitening in part of the features that probes see."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmsync.errors import ConfigError, MMSyncError
from mmsync.ops.scaling import Scaling, side_by_side
from mmsync.registry import NECKS


@NECKS.register_module()
class Whitening(BaseModule):
    """Whitens features ``(N, D)`` in part, by axes fitted to training clips without labels.

    Features that differ in a few directions alone hide the rest from a cosine and from a linear classifier. Scaled to
    unit length, they are divided along a principal axis of variance v by ``(v + m) ** power``, with the mean variance m
    of all axes, and then scaled to the length ``D ** 0.5``. This is the symmetric form, which keeps the width D. Until
    :meth:`fit`, it only scales. :class:`~mmsync.engine.hooks.FitWhiteningHook` fits it in training.

    Features of a frozen encoder may stand beside them, ``(N, E)``. These are scaled to the same length; the whitened
    ones come behind them, times ``weight``: the share of the training clips whose nearest neighbor is the same by
    either, less what chance gives. It is small where the clips are too few, or too coarse, to learn from.

    Args:
        power: 0.5 is whitening, 0 none.
        num_axes: Axes of largest variance that are divided by their own; the others count as of variance 0. The
            buffers hold ``D * num_axes`` numbers.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: A power outside [0, 1], no axis, or no ``in_channels``.
        MMSyncError: Features that are not finite.
    """

    mean: Tensor
    scale: Tensor
    axes: Tensor
    gain: Tensor
    weight: Tensor

    def __init__(self, power: float = 0.25, num_axes: int = 64, in_channels: int = 0) -> None:
        super().__init__()
        if not 0 <= power <= 1 or num_axes < 1 or in_channels < 1:
            text = "give a width, a power in [0, 1] and one axis or more"
            raise ConfigError(f"Whitening: {in_channels=}, {power=}, {num_axes=}: {text}")
        self.power = power
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("axes", torch.zeros(in_channels, num_axes))
        self.register_buffer("gain", torch.zeros(num_axes))
        self.register_buffer("weight", torch.ones(()))

    @torch.no_grad()
    def fit(self, features: Tensor, beside: Optional[Tensor] = None) -> None:
        """Fit to features ``(K, D)`` of clips, and to those beside them, as :meth:`forward` gets them."""
        if not features.isfinite().all():
            raise MMSyncError("Whitening: features are not finite; lower the learning rate, or clip the gradient")
        bank = F.normalize(features.float(), dim=1)
        found = Scaling.of(bank, "whiten", power=self.power, num_axes=len(self.gain))
        count = len(found.gain)  # fewer axes than this if there are few clips
        self.mean.copy_(found.mean)
        self.scale.copy_(found.scale)
        self.axes.zero_()[:, :count] = found.axes
        self.gain.zero_()[:count] = found.gain
        if beside is not None and len(bank) > 2:
            agree, chance = (_nearest(self(features)) == _nearest(beside)).float().mean(), 1 / (len(bank) - 1)
            self.weight.copy_(((agree - chance) / (1 - chance)).clamp_min(0))

    def forward(self, features: Tensor, beside: Optional[Tensor] = None) -> Tensor:
        """Whiten features ``(N, D)``; those beside them come first, ``(N, E + D)``. In float32, under autocast, too."""
        with torch.autocast(features.device.type, enabled=False):
            unit = F.normalize(features.float(), dim=1)
            white = Scaling(self.mean, self.scale, self.axes, self.gain)(unit)
            return side_by_side([white] if beside is None else [beside, white], self.weight)


def _nearest(features: Tensor) -> Tensor:
    """The nearest other row by the cosine, ``(K,)``."""
    unit = F.normalize(features.float(), dim=1)
    return (unit @ unit.T).fill_diagonal_(-2.0).argmax(1)
