"""Layers of the multisensory network (Owens and Efros, 2018, Audio-Visual Scene Analysis)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.models.modules.batch_norm import BatchNorm

_CONVS: dict[int, Any] = {1: nn.Conv1d, 3: nn.Conv3d}


def beta_norm(width: int) -> BatchNorm:
    """Batch norm with an offset and without a learned scale, as published; eps 1e-3."""
    norm = BatchNorm(width, eps=1e-3, momentum=0.01)
    norm.weight.requires_grad = False
    return norm


class ResidualBlock(nn.Module):
    """conv, norm, ReLU, conv, plus a shortcut, then norm and ReLU: ``(P, C, ...)`` to ``(P, D, ...)``.

    The shortcut is the maximum of single points (a subsampling) at a stride, and a 1-wide convolution with norm where
    the width changes.

    Args:
        in_channels: Number of input channels C.
        channels: Width of the feature map D.
        kernel: Size of both kernels along each axis; its length is the number of axes, 1 or 3.
        stride: Of the first convolution, along each axis.
    """

    def __init__(self, in_channels: int, channels: int, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__()
        self.stride = tuple(stride)
        conv, padding = _CONVS[len(kernel)], tuple(k // 2 for k in kernel)
        self.first = conv(in_channels, channels, tuple(kernel), self.stride, padding, bias=False)
        self.norm1 = beta_norm(channels)
        self.second = conv(channels, channels, tuple(kernel), 1, padding, bias=False)
        self.shortcut = None
        if in_channels != channels:
            self.shortcut = nn.Sequential(conv(in_channels, channels, 1, self.stride, bias=False), beta_norm(channels))
        self.norm2 = beta_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.second(F.relu(self.norm1(self.first(x))))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif any(step != 1 for step in self.stride):
            x = x[cast(Any, (..., *(slice(None, None, step) for step in self.stride)))]
        return F.relu(self.norm2(out + x))


class EarlyFusion(nn.Module):
    """Maps of pictures and sound, joined where and when they meet: ``(P, D, T', H', W')``.

    Sound ``(P, A, S')`` is pooled by its maximum to the T' steps of the pictures, convolved, and repeated at each place
    of ``(P, V, T', H', W')``. Two 1-wide convolutions merge both, with a shortcut of the outermost channels of each.

    Args:
        video_channels: Channels V of the pictures' map.
        audio_channels: Channels A of the sound's map.
        widths: Channels of sound where it joins, of the hidden and the last merging layer, and of the three pairs of
            residual blocks of the trunk; as published 128, 512, 128, 128, 256, 512.
        strides: Spatial strides of the pairs; published are (1, 2, 2) for training, and (1, 2, 1) for finer maps.
        reach: Spatial size of the trunk's kernels, odd, as published 3: on small pictures each place then sees all
            others, and a map of sound points nowhere.
    """

    def __init__(
        self, video_channels: int, audio_channels: int, widths: Sequence[int] = (128, 512, 128, 128, 256, 512),
        strides: Sequence[int] = (1, 2, 2), reach: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        sound, hidden, merged, *trunk = widths
        self.sound = nn.Sequential(
            nn.Conv1d(audio_channels, sound, 3, padding=1, bias=False), beta_norm(sound), nn.ReLU()
        )
        both = video_channels + sound
        self.hidden = nn.Sequential(nn.Conv3d(both, hidden, 1, bias=False), beta_norm(hidden), nn.ReLU())
        self.merge = nn.Conv3d(hidden, merged, 1, bias=False)
        self.norm = beta_norm(merged)
        self.ends = merged - merged // 2, merged // 2
        blocks: list[nn.Module] = []
        before = merged
        for width, time, space in zip(trunk, (1, 2, 1), strides):
            kernel = (3, reach, reach)
            blocks += [
                ResidualBlock(before, width, kernel, (time, space, space)),
                ResidualBlock(width, width, kernel, (1, 1, 1)),
            ]
            before = width
        self.trunk = nn.Sequential(*blocks)
        self.out_channels = before

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Maps ``(P, D, T'', H'', W'')`` of ``(P, V, T', H', W')`` and ``(P, A, S')``."""
        steps = video.shape[2]
        sound = self.sound(F.adaptive_max_pool1d(audio, steps))
        both = torch.cat([video, sound[..., None, None].expand(-1, -1, -1, *video.shape[3:])], 1)
        ends = torch.cat([both[:, : self.ends[0]], both[:, both.shape[1] - self.ends[1] :]], 1)
        return self.trunk(F.relu(self.norm(self.merge(self.hidden(both)) + ends)))
