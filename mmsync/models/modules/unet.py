"""The u-net that separates sound by pictures (Owens and Efros, 2018, Audio-Visual Scene Analysis)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.models.modules.batch_norm import BatchNorm

_FIRST = 2  # index of the first convolution after which features are joined: the third one


class SoundUNet(nn.Module):
    """Spectrograms ``(N, C, F, T)`` and features of time to K spectrograms ``(N, K, C, F, T)`` in [-1, 1].

    Down, convolutions of 4 x 4 at stride 2, with batch norm but for the first, and leaky ReLU; up, transposed ones with
    batch norm and ReLU, each joined to the map of the same size, and a last one with tanh. Sizes that are odd are
    padded on the way down and cut on the way up, so that any F and T will do. Features ``(N, D, T')`` are resized to
    the time steps of the map after the third convolution, the next ones after the fourth and so on, and repeated over
    frequency.

    Args:
        features: D of each sequence of features, at most ``len(widths) - 2`` of them.
        widths: Channels of the convolutions down; as published nine, for F = 1024 and T = 128, and 79.8 million
            parameters with the features of the multisensory network.
        channels: Number of channels C.
        sources: Number of sources K.
    """

    def __init__(
        self, features: Sequence[int] = (), widths: Sequence[int] = (64, 128, 256, 512, 512, 512, 512, 512, 512),
        channels: int = 2, sources: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(features) > max(0, len(widths) - _FIRST):
            raise ValueError(f"SoundUNet: {len(features)} features are too many for {len(widths)} convolutions")
        self.sources, self.joined = sources, len(features)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before, skips = channels, []
        for level, width in enumerate(widths):
            conv = nn.Conv2d(before, width, 4, 2, 1, bias=level == 0)
            norm = BatchNorm(width) if level else nn.Identity()
            self.down.append(nn.Sequential(conv, norm, nn.LeakyReLU(0.2)))
            joins = _FIRST <= level < _FIRST + len(features)
            before = width + (features[level - _FIRST] if joins else 0)
            skips.append(before)
        for level in range(len(widths) - 1, 0, -1):
            width = widths[level - 1]
            back = nn.ConvTranspose2d(before, width, 4, 2, 1, bias=False)
            self.up.append(nn.Sequential(back, BatchNorm(width), nn.ReLU()))
            before = width + skips[level - 1]
        self.last = nn.ConvTranspose2d(before, sources * channels, 4, 2, 1)

    def forward(self, x: Tensor, features: Sequence[Tensor] = ()) -> Tensor:
        """Spectrograms ``(N, K, C, F, T)`` of ``(N, C, F, T)`` and features ``(N, D, T')``."""
        sizes, maps = [], []
        for level, layer in enumerate(self.down):
            sizes.append(x.shape[2:])
            x = layer(F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)))
            if _FIRST <= level < _FIRST + self.joined:
                found = F.interpolate(features[level - _FIRST], x.shape[3], mode="linear")
                x = torch.cat([x, found[:, :, None].expand(-1, -1, x.shape[2], -1)], 1)
            maps.append(x)
        maps.pop()
        for layer in self.up:
            size = sizes.pop()
            x = torch.cat([layer(x)[:, :, : size[0], : size[1]], maps.pop()], 1)
        size = sizes.pop()
        return self.last(x)[:, :, : size[0], : size[1]].tanh().unflatten(1, (self.sources, -1))
