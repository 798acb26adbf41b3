"""ResNet (He et al., 2016, Deep Residual Learning for Image Recognition) on skeletons as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.backbones.skeleton.base import SkeletonBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import SkeletonLayout, View

Shortcut = Optional[nn.Module]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, the first with the stride, and a shortcut: ``(P, C, H, W) -> (P, D, H', W')``."""

    expansion: ClassVar[int] = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, downsample: Shortcut = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = BatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = BatchNorm(channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """``(P, C, H, W)`` to ``(P, D, H', W')``."""
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        return out.add_(x if self.downsample is None else self.downsample(x)).relu_()


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride) and 1x1 convolutions and a shortcut: ``(P, C, H, W) -> (P, 4 D, H', W')``."""

    expansion: ClassVar[int] = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1, downsample: Shortcut = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = BatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = BatchNorm(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = BatchNorm(4 * channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """``(P, C, H, W)`` to ``(P, 4 D, H', W')``."""
        out = self.bn1(self.conv1(x)).relu_()
        out = self.bn3(self.conv3(self.bn2(self.conv2(out)).relu_()))
        return out.add_(x if self.downsample is None else self.downsample(x)).relu_()


BLOCKS: dict[int, tuple[type[Union[BasicBlock, Bottleneck]], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}


@BACKBONES.register_module()
class SkeletonResNet(SkeletonBackbone):
    """ResNet on pseudo-images, with joints as rows and frames as columns: ``(P, T, V, C) -> (P, D, T', V')``.

    Coordinates are channels, in metres: rescaling images to their own minimum and maximum would undo a change of
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
        zero_init_residual: Whether to zero the weights of each block's last normalisation, so that it starts as its
            shortcut.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: An unknown depth or stem, or a size, width or number of persons below 1.
        LayoutError: Input of another layout or number of channels, or more persons.
    """

    def __init__(
        self,
        layout: Union[str, dict, SkeletonLayout] = "ntu25",
        in_channels: int = 3,
        num_persons: int = 1,
        depth: Literal[18, 34, 50] = 18,
        width: float = 1.0,
        size: Optional[Union[int, Sequence[int]]] = None,
        stem: Literal["3x3", "7x7"] = "3x3",
        zero_init_residual: bool = False,
        init_cfg: OptConfig = None,
    ) -> None:
        if depth not in BLOCKS or stem not in ("3x3", "7x7"):
            raise ConfigError(f"SkeletonResNet: depth={depth}, stem={stem!r}; use 18, 34 or 50 and '3x3' or '7x7'")
        size = (size, size) if isinstance(size, int) else size
        channels = round(64 * width)
        if channels < 1 or num_persons < 1 or (size is not None and (len(size) != 2 or min(size) < 1)):
            raise ConfigError(
                f"SkeletonResNet: width={width}, num_persons={num_persons} and size={size}; give a width of at least "
                "1/64, one person or more, and rows and columns of at least 1"
            )
        block, counts = BLOCKS[depth]
        super().__init__(layout, in_channels, 8 * channels * block.expansion, init_cfg)
        self.num_persons, self.size, self.zero_init_residual = num_persons, size, zero_init_residual
        kernel, stride = (3, 1) if stem == "3x3" else (7, 2)
        self.conv1 = nn.Conv2d(in_channels * num_persons, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = BatchNorm(channels)
        self.maxpool = nn.Identity() if stem == "3x3" else nn.MaxPool2d(3, 2, 1)
        self.num_blocks = counts
        before = channels
        for i, count in enumerate(counts):
            layers = []
            for j in range(count):
                inner, step = channels * 2**i, 2 if i and not j else 1
                after = inner * block.expansion
                fit = None
                if step != 1 or before != after:
                    fit = nn.Sequential(nn.Conv2d(before, after, 1, step, bias=False), BatchNorm(after))
                layers.append(block(before, inner, step, fit))
                before = after
            setattr(self, f"layer{i + 1}", nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # the format of tensor cores; on the CPU no difference was measured
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def init_weights(self) -> None:
        """Initialise convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif self.zero_init_residual and isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.zeros_((module.bn2 if isinstance(module, BasicBlock) else module.bn3).weight)
        super().init_weights()

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter for layer-wise rates, 0 for the stem, then its block; and the number of layers."""
        part, _, rest = param_name.partition(".")
        total = sum(self.num_blocks) + 2
        if not part.startswith("layer"):
            return 0, total
        return sum(self.num_blocks[: int(part[-1]) - 1]) + int(rest.split(".")[0]) + 1, total

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Stack persons in channels, ``(N, M, T, V, C)`` to ``(N, 1, T, V, num_persons * C)``, if num_persons > 1."""
        x, present = view.data, view.present
        self.check_input(x)
        lacking = self.num_persons - x.shape[1]
        if self.num_persons > 1:
            if lacking < 0:
                raise LayoutError(
                    f"SkeletonResNet has channels for num_persons={self.num_persons}, but clips have {x.shape[1]}; "
                    "set num_persons to that, or PackSkeleton's num_persons to this"
                )
            if present is not None:
                x = x.masked_fill(~present[:, :, None, None, None], 0)
                present = present.any(1, keepdim=True)
            x = F.pad(x, [0] * 7 + [lacking]).permute(0, 2, 3, 1, 4).flatten(3).unsqueeze(1)
        return x, present

    def forward_rows(self, x: Tensor) -> Tensor:
        """``(P, T, V, num_persons * C)`` to ``(P, D, T', V')``."""
        x = x.permute(0, 3, 2, 1)  # rows joints, columns frames
        if self.size is not None:
            x = F.interpolate(x, self.size, mode="bilinear", align_corners=False)
        x = self.maxpool(self.bn1(self.conv1(x)).relu_())
        for i in range(len(self.num_blocks)):
            x = getattr(self, f"layer{i + 1}")(x)
        return x.transpose(2, 3)
