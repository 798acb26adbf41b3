"""The convolutional part of VGG on pictures and spectrograms (Simonyan and Zisserman, 2015), with batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import nn

from mmsync.models.modules.batch_norm import BatchNorm


def vgg_layers(
    in_channels: int, widths: Sequence[int], depth: int = 2, last_pool: bool = False, square: Optional[int] = None
) -> nn.Sequential:
    """Blocks of ``depth`` 3 x 3 convolutions, each with batch norm and ReLU, and 2 x 2 max pooling between the blocks.

    Maps ``(N, C, H, W)`` to ``(N, widths[-1], H', W')``, H' = H // 2 ** (blocks - 1), or one halving more with
    ``last_pool``. Only the first ``square`` poolings halve W too; ``None``: all.
    """
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        for _ in range(depth):
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), BatchNorm(width), nn.ReLU(True)]
            in_channels = width
        if last_pool or number < len(widths) - 1:
            layers.append(nn.MaxPool2d(2 if square is None or number < square else (2, 1)))
    return nn.Sequential(*layers)
