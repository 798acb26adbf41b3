"""ResNet (He et al., 2016, Deep Residual Learning for Image Recognition) on skeletons as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SkeletonBackbone, stage_depth
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import SkeletonLayout, View


class Block(nn.Module):
    """Residual block of 3x3 and 3x3, or 1x1, 3x3 and 1x1 ``kernels``: ``(P, C, H, W) -> (P, D, H', W')``."""

    def __init__(self, in_channels: int, channels: int, kernels: Sequence[int], stride: int = 1) -> None:
        super().__init__()
        bottleneck = len(kernels) == 3
        widths = [in_channels, channels, channels, *([4 * channels] if bottleneck else [])]
        downsample = None
        if stride != 1 or in_channels != widths[-1]:
            project = nn.Conv2d(in_channels, widths[-1], 1, stride, bias=False)
            downsample = nn.Sequential(project, BatchNorm(widths[-1]))
        for i, (before, after, kernel) in enumerate(zip(widths, widths[1:], kernels), 1):
            step = stride if i == len(kernels) - 1 else 1
            self.add_module(f"conv{i}", nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{i}", BatchNorm(after))
        self.downsample = downsample
        self.out_channels, self.num_layers = widths[-1], len(kernels)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i in range(1, self.num_layers + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = out.relu_() if i < self.num_layers else out
        return out.add_(x if self.downsample is None else self.downsample(x)).relu_()


BLOCKS = {18: ((3, 3), (2, 2, 2, 2)), 34: ((3, 3), (3, 4, 6, 3)), 50: ((1, 3, 1), (3, 4, 6, 3))}
"""Kernels of a block and blocks of a stage, by depth."""


@BACKBONES.register_module()
class SkeletonResNet(SkeletonBackbone):
    """ResNet on pseudo-images, with joints as rows and frames as columns: ``(P, T, V, C) -> (P, D, T', V')``.

    Coordinates are channels, in meters: rescaling images to their own minimum and maximum would undo a change of
    distance. Parameter names are torchvision's, whose weights load into ``stem='7x7'`` with three channels
    (``init_cfg=dict(type='Pretrained', checkpoint=...)``). Cost per image of 25 joints x 64 frames, with
    ``stem='3x3'``: 0.96, 2.0 and 2.2 GMAC for depth 18, 34 and 50, proportional to its area and to ``width ** 2``.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: C, coordinates (times streams) per joint.
        num_persons: M, persons stacked in the channels of one image, absent ones as zeros; 1: one image per person.
        depth: Layers of the published network.
        width: Multiplier of the channels of all layers: 64, 128, 256, 512 (times four for depth 50).
        size: Rows and columns (H, W) to resize the image to, bilinearly, or one number for both; ``None``: V x T.
        stem: ``'3x3'``, stride 1 and no pooling, for images as small as V x T; ``'7x7'`` as published, which divides
            rows and columns by four.
        zero_init_residual: Whether to zero the weights of each block's last normalization, so that it starts as its
            shortcut.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: An unknown depth or stem, or a size, width or number of persons below 1.
        LayoutError: Input of another layout or number of channels, or more persons.
    """

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout] = "ntu25", in_channels: int = 3, num_persons: int = 1,
        depth: Literal[18, 34, 50] = 18, width: float = 1.0, size: Optional[Union[int, Sequence[int]]] = None,
        stem: Literal["3x3", "7x7"] = "3x3", zero_init_residual: bool = False, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if depth not in BLOCKS or stem not in ("3x3", "7x7"):
            raise ConfigError(f"SkeletonResNet: depth={depth}, stem={stem!r}; use 18, 34 or 50 and '3x3' or '7x7'")
        size = (size, size) if isinstance(size, int) else size
        channels = round(64 * width)
        if channels < 1 or num_persons < 1 or (size is not None and (len(size) != 2 or min(size) < 1)):
            raise ConfigError(f"SkeletonResNet: {width=}, {num_persons=}, {size=}; give 1/64, 1 and 1 or more")
        kernels, self.num_blocks = BLOCKS[depth]
        super().__init__(layout, in_channels, 8 * channels * (4 if depth == 50 else 1), init_cfg)
        self.map_parts = ()  # its maps have no joints
        self.num_persons, self.size, self.zero_init_residual = num_persons, size, zero_init_residual
        kernel, stride = (3, 1) if stem == "3x3" else (7, 2)
        self.conv1 = nn.Conv2d(in_channels * num_persons, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = BatchNorm(channels)
        self.maxpool = nn.Identity() if stem == "3x3" else nn.MaxPool2d(3, 2, 1)
        before = channels
        for i, count in enumerate(self.num_blocks):
            layers = []
            for j in range(count):
                layers.append(Block(before, channels * 2**i, kernels, 2 if i and not j else 1))
                before = layers[-1].out_channels
            self.add_module(f"layer{i + 1}", nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # the format of tensor cores; on the CPU no difference was measured
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif self.zero_init_residual and isinstance(module, Block):
                nn.init.zeros_(getattr(module, f"bn{module.num_layers}").weight)
        super().init_weights()

    get_layer_depth = stage_depth

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Stack persons in channels, ``(N, M, T, V, C)`` to ``(N, 1, T, V, num_persons * C)``, if num_persons > 1."""
        x, present = self.stack_persons(view, self.num_persons)
        return (x if self.num_persons == 1 else x.flatten(3).unsqueeze(1)), present

    def forward_rows(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 2, 1)  # rows joints, columns frames
        if self.size is not None:
            x = F.interpolate(x, self.size, mode="bilinear", align_corners=False)
        x = self.maxpool(self.bn1(self.conv1(x)).relu_())
        for i in range(len(self.num_blocks)):
            x = getattr(self, f"layer{i + 1}")(x)
        return x.transpose(2, 3)
