"""R3D, MC3 and R(2+1)D (Tran et al., 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import VideoBackbone, stage_depth
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
Kernel = tuple[int, int, int]
Widths = Optional[tuple[int, int]]
Norm = Callable[[int], nn.Module]


def mid_channels(in_channels: int, out_channels: int) -> int:
    """Width between a (1, 3, 3) and a (3, 1, 1) convolution with as many weights as one (3, 3, 3) (section 3.5)."""
    return 27 * in_channels * out_channels // (9 * in_channels + 3 * out_channels)


def conv(in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel = (1, 1, 1)) -> nn.Conv3d:
    """Convolution without bias that keeps the size at stride 1."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(in_channels, out_channels, kernel, stride, padding, bias=False)


class BasicBlock(nn.Module):
    """Two convolutions, split at widths ``mids`` or not, and a shortcut: ``(N, C, T, H, W) -> (N, D, T', H', W')``."""

    def __init__(
        self, in_channels: int, channels: int, stride: Kernel, temporal: int, mids: Widths, norm: Norm
    ) -> None:
        super().__init__()

        def layer(before: int, step: Kernel, mid: Optional[int]) -> nn.Module:
            if mid is None:
                return conv(before, channels, (temporal, 3, 3), step)
            space = conv(before, mid, (1, 3, 3), (1, *step[1:]))
            time = conv(mid, channels, (temporal, 1, 1), (step[0], 1, 1))
            return nn.Sequential(space, norm(mid), nn.ReLU(True), time)

        first, second = mids or (None, None)
        self.conv1 = nn.Sequential(layer(in_channels, stride, first), norm(channels), nn.ReLU(True))
        self.conv2 = nn.Sequential(layer(channels, (1, 1, 1), second), norm(channels))
        self.downsample = None
        if stride != (1, 1, 1) or in_channels != channels:
            self.downsample = nn.Sequential(conv(in_channels, channels, (1, 1, 1), stride), norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)).add_(x if self.downsample is None else self.downsample(x)).relu_()


@BACKBONES.register_module()
class VideoResNet(VideoBackbone):
    """R3D, MC3 or R(2+1)D: ``(N, C, T, H, W) -> (N, 512, ceil(T / 8), ceil(H / 16), ceil(W / 16))``; MC3 keeps T.

    Parameter names are torchvision's. With 400 classes R3D-18 has 33,371,472 parameters, MC3-18 11,695,440 and
    R(2+1)D-18 31,505,325, or 33,370,839 with ``midplanes='per_conv'``. The published classifier is ``VideoPool()`` and
    a linear layer; ``tools/model_converters/video_resnet_to_mmsync.py`` reads torchvision's and VMZ's files.
    torchvision's weights expect 16 frames at 15 per second, 112 x 112, with values in [0, 1] normalized by mean
    (0.43216, 0.394666, 0.37645) and deviation (0.22803, 0.22145, 0.216989).

    Args:
        variant: ``'r3d'``, all kernels 3 x 3 x 3; ``'mc3'``, 1 x 3 x 3 from the second stage on; ``'r2plus1d'``, each
            split into space and time.
        depth: 18 or 34.
        in_channels: C, 3 for color, 2 for optical flow.
        width: Multiplier of the channels of all layers.
        midplanes: Width between space and time of R(2+1)D: ``'per_block'`` computes it from the block's channels as
            torchvision, ``'per_conv'`` from each convolution's as VMZ, XDC and IG-65M.
        bn_eps: 1e-5 as torchvision, 1e-3 as VMZ, XDC and IG-65M.
        channels_last: Whether to store maps in channels-last memory, see docs/design/0024.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: An unknown variant, depth or rule, or a width that leaves no channels.
        DataError: Clips of fewer than 16 pixels, or of other channels.
    """

    min_size = 16

    def __init__(
        self, variant: Literal["r3d", "mc3", "r2plus1d"] = "r3d", depth: Literal[18, 34] = 18, in_channels: int = 3,
        width: float = 1.0, midplanes: Literal["per_block", "per_conv"] = "per_block", bn_eps: float = 1e-5,
        channels_last: bool = True, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if variant not in ("r3d", "mc3", "r2plus1d") or depth not in BLOCKS:
            raise ConfigError(f"VideoResNet: variant={variant!r}, depth={depth}; use r3d, mc3 or r2plus1d, 18 or 34")
        if midplanes not in ("per_block", "per_conv"):
            raise ConfigError(f"VideoResNet: midplanes={midplanes!r}; use 'per_block' or 'per_conv'")
        base = round(64 * width)
        if base < 1:
            raise ConfigError(f"VideoResNet: width={width} leaves the first stage, of 64 channels, without channels")
        super().__init__(in_channels, 8 * base, channels_last, init_cfg)
        norm, split = partial(BatchNorm, eps=bn_eps), variant == "r2plus1d"
        if split:
            mid = max(1, round(45 * width))
            space, time = conv(in_channels, mid, (1, 7, 7), (1, 2, 2)), conv(mid, base, (3, 1, 1))
            self.stem = nn.Sequential(space, norm(mid), nn.ReLU(True), time, norm(base), nn.ReLU(True))
        else:
            first = conv(in_channels, base, (3, 7, 7), (1, 2, 2))
            self.stem = nn.Sequential(first, norm(base), nn.ReLU(True))
        before = base
        self.num_blocks = BLOCKS[depth]
        for i, count in enumerate(self.num_blocks):
            after, temporal = base * 2**i, 1 if variant == "mc3" and i else 3
            layers = []
            for j in range(count):
                step = 2 if i and not j else 1
                stride = (step if temporal == 3 else 1, step, step)
                mids = None
                if split:
                    one = mid_channels(before, after)
                    mids = (one, one if midplanes == "per_block" else mid_channels(after, after))
                layers.append(BasicBlock(before, after, stride, temporal, mids, norm))
                before = after
            self.add_module(f"layer{i + 1}", nn.Sequential(*layers))
        self.order_weights()

    get_layer_depth = stage_depth

    def forward_rows(self, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(self.in_memory_order(x))))))
