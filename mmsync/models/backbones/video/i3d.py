"""I3D, Inception-v1 inflated to three dimensions (Carreira and Zisserman, 2017, Quo Vadis, Action Recognition?)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import VideoBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig

LAYERS: dict[str, tuple[Any, ...]] = {
    "Conv3d_1a_7x7": (64, 7, 2),  # channels, kernel, stride
    "MaxPool3d_2a_3x3": ((1, 3, 3), (1, 2, 2)),  # kernel, stride
    "Conv3d_2b_1x1": (64, 1),
    "Conv3d_2c_3x3": (192, 3),
    "MaxPool3d_3a_3x3": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": (64, 96, 128, 16, 32, 32),  # channels of b0, b1a, b1b, b2a, b2b, b3b
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "MaxPool3d_4a_3x3": ((3, 3, 3), (2, 2, 2)),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "MaxPool3d_5a_2x2": ((2, 2, 2), (2, 2, 2)),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
ENDPOINTS = tuple(LAYERS)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis by TensorFlow's ``SAME`` rule, which yields ``ceil(size / stride)`` outputs."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Unit3D(nn.Module):
    """Convolution padded as ``SAME``, batch normalization and ReLU: ``(N, C, T, H, W) -> (N, D, T', H', W')``."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, bias=False)
        self.bn = BatchNorm(out_channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        (kernel, *_), (stride, *_) = self.conv3d.kernel_size, self.conv3d.stride
        pads = [same_padding(size, kernel, stride) for size in x.shape[2:]]
        more = [back - front for front, back in pads]  # only uneven padding costs a copy, and only at the stem
        if any(more):
            x = F.pad(x, [0, more[2], 0, more[1], 0, more[0]])
        x = F.conv3d(x, self.conv3d.weight, None, stride, [front for front, _ in pads])
        return self.bn(x).relu_()


class SamePool(nn.Module):
    """Max pooling padded as TensorFlow's ``SAME``, of non-negative ``(N, D, T, H, W)``: zeros change no maximum."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__()
        self.kernel, self.stride = tuple(kernel), tuple(stride)

    def forward(self, x: Tensor) -> Tensor:
        front = [same_padding(*axis)[0] for axis in zip(x.shape[2:], self.kernel, self.stride)]
        return F.max_pool3d(x, self.kernel, self.stride, front, ceil_mode=True)


class Mixed(nn.Module):
    """Inception's four branches side by side: ``(N, C, T, H, W) -> (N, D, T, H, W)``; six widths as in ``LAYERS``."""

    def __init__(self, in_channels: int, channels: Sequence[int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = channels
        self.b0 = Unit3D(in_channels, b0)
        self.b1a = Unit3D(in_channels, b1a)
        self.b1b = Unit3D(b1a, b1b, 3)
        self.b2a = Unit3D(in_channels, b2a)
        self.b2b = Unit3D(b2a, b2b, 3)
        self.b3a = SamePool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit3D(in_channels, b3b)
        self.out_channels = b0 + b1b + b2b + b3b

    def forward(self, x: Tensor) -> Tensor:
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))
        return torch.cat(branches, 1)


@BACKBONES.register_module()
class I3D(VideoBackbone):
    """I3D without its classifier: ``(N, C, T, H, W) -> (N, 1024, ceil(T / 8), ceil(H / 32), ceil(W / 32))``.

    Padding is TensorFlow's, exact for any size. Parameter names are those of the common PyTorch port;
    ``tools/model_converters/i3d_to_mmsync.py`` reads three families of weights. The published classifier is
    ``VideoPool(window=2)`` and a linear layer: 12,697,264 parameters with 400 classes, 12,675,312 for flow. Input is
    color at 25 frames per second, 224 x 224, in [-1, 1], or flow of at most 20 pixels per frame, scaled to [-1, 1].
    A clip of 25 frames at 224 takes 46 GMAC.

    Args:
        in_channels: C, 3 for color, 2 for optical flow.
        width: Multiplier of the channels of all layers.
        endpoint: Last layer, one of ``ENDPOINTS``; the map has its channels and size.
        channels_last: Whether to store maps in channels-last memory, see docs/design/0024.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: An unknown endpoint, or a width that leaves a layer without channels.
        DataError: Clips of fewer than 9 frames (of which two remain for the published pooling) or 32 pixels, or of
            other channels.
    """

    min_frames = 9
    min_size = 32

    def __init__(
        self, in_channels: int = 3, width: float = 1.0, endpoint: str = "Mixed_5c", channels_last: bool = True,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if endpoint not in ENDPOINTS:
            raise ConfigError(f"I3D: endpoint={endpoint!r}; use one of {', '.join(ENDPOINTS)}")
        if round(16 * width) < 1:
            raise ConfigError(f"I3D: width={width} leaves the narrowest layer, of 16 channels, without channels")
        super().__init__(in_channels, in_channels, channels_last, init_cfg)
        self.endpoints = ENDPOINTS[: ENDPOINTS.index(endpoint) + 1]
        channels = in_channels
        for name in self.endpoints:
            layer: nn.Module
            if name.startswith("MaxPool"):
                layer = SamePool(*LAYERS[name])
            elif name.startswith("Conv"):
                out, *rest = LAYERS[name]
                layer = Unit3D(channels, round(out * width), *rest)
                channels = round(out * width)
            else:
                layer = Mixed(channels, [round(c * width) for c in LAYERS[name]])
                channels = layer.out_channels
            self.add_module(name, layer)
        self.out_channels = channels
        self.order_weights()

    def fit_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """A checkpoint's weights without those of the layers behind ``endpoint``."""
        behind = tuple(f"{prefix}{name}." for name in ENDPOINTS[len(self.endpoints) :])
        return {key: value for key, value in state_dict.items() if not key.startswith(behind)}

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter for layer-wise rates, 0 for the stem; and the number of layers."""
        names = [name for name in self.endpoints if not name.startswith("MaxPool")]
        return names.index(param_name.split(".")[0]), len(names) + 1

    def forward_rows(self, x: Tensor) -> Tensor:
        x = self.in_memory_order(x)
        for name in self.endpoints:
            x = getattr(self, name)(x)
        return x
