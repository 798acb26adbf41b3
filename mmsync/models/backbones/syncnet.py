"""Both towers of SyncNet (Chung and Zisserman, 2016, Out of Time), layer numbers as in the public code."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones.base import AudioBackbone, VideoBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig


def _unit(conv: nn.Module) -> list[nn.Module]:
    return [conv, BatchNorm(conv.out_channels), nn.ReLU(True)]  # type: ignore[arg-type]


def _dense(width: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), BatchNorm(width), nn.ReLU(True), nn.Linear(width, out_channels))


def _scaled(widths: Sequence[int], width: float) -> list[int]:
    found = [round(w * width) for w in widths]
    if min(found) < 1:
        raise ConfigError(f"SyncNet: width={width} leaves a layer without channels")
    return found


@BACKBONES.register_module()
class SyncNetAudio(AudioBackbone):
    """MFCC ``(N, 1, 13, T)``, 100 a second, to ``(N, D, 1, T')``: one step for every 4 frames, each sees 20 of them.

    With :class:`SyncNetLip` 13,631,616 parameters.

    Args:
        out_channels: Width of the features D.
        width: Multiplier of the channels of the hidden layers.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A width that leaves no channels.
        DataError: Other than 13 coefficients, or fewer than 20 frames.
    """

    min_bands, min_frames = 13, 20

    def __init__(self, out_channels: int = 1024, width: float = 1.0, init_cfg: OptConfig = None) -> None:
        super().__init__(1, out_channels, init_cfg)
        a, b, c, d, e = _scaled((64, 192, 384, 256, 512), width)
        self.cnn = nn.Sequential(
            *_unit(nn.Conv2d(1, a, 3, padding=1)), nn.MaxPool2d(1),
            *_unit(nn.Conv2d(a, b, 3, padding=1)), nn.MaxPool2d(3, (1, 2)),
            *_unit(nn.Conv2d(b, c, 3, padding=1)), *_unit(nn.Conv2d(c, d, 3, padding=1)),
            *_unit(nn.Conv2d(d, d, 3, padding=1)), nn.MaxPool2d(3, 2),
            *_unit(nn.Conv2d(d, e, (5, 4))),
        )  # fmt: skip
        self.fc = _dense(e, out_channels)

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, 1, T')`` of ``(P, 1, 13, T)``."""
        if x.shape[-2] != 13:
            raise DataError(f"SyncNetAudio takes MFCC (N, 1, 13, T), but got {tuple(x.shape)}")
        return _each_place(self.fc, self.cnn(x))


@BACKBONES.register_module()
class SyncNetLip(VideoBackbone):
    """Faces ``(N, 3, T, H, W)`` of RGB in [-1, 1], 25 a second, to ``(N, D, T - 4, H', W')``; a step sees 5 pictures.

    Pictures of ``size`` become one place; the public weights expect faces of 224 pixels. Inside, pictures become BGR
    from 0 to 255 as there.

    Args:
        out_channels: Width of the features D.
        width: Multiplier of the channels of the hidden layers.
        size: Side of the pictures, pixels.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A width that leaves no channels, or a side that leaves no pixels.
        DataError: Smaller pictures, or fewer than 5.
    """

    min_frames = 5

    def __init__(
        self, out_channels: int = 1024, width: float = 1.0, size: int = 224, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(3, out_channels, channels_last=False, init_cfg=init_cfg)
        side = (size - 7) // 2 + 1
        for kernel, padding in ((3, 0), (5, 1), (3, 1), (3, 0)):
            side = (side - kernel + 2 * padding) // 2 + 1
        if side < 1:
            raise ConfigError(f"SyncNetLip: size={size} leaves no pixels; give 63 or more")
        self.min_size = size
        a, b, e = _scaled((96, 256, 512), width)
        self.cnn = nn.Sequential(
            *_unit(nn.Conv3d(3, a, (5, 7, 7), (1, 2, 2))), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_unit(nn.Conv3d(a, b, (1, 5, 5), (1, 2, 2), (0, 1, 1))), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *(layer for _ in range(3) for layer in _unit(nn.Conv3d(b, b, (1, 3, 3), padding=(0, 1, 1)))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_unit(nn.Conv3d(b, e, (1, side, side))),
        )  # fmt: skip
        self.fc = _dense(e, out_channels)

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, T - 4, H', W')`` of ``(P, 3, T, H, W)``."""
        return _each_place(self.fc, self.cnn((x.flip(1) + 1) * 127.5))


def _each_place(fc: nn.Module, x: Tensor) -> Tensor:
    """Dense layers at each place of a map ``(P, C, ...)``: ``(P, D, ...)``."""
    places = x.movedim(1, -1)
    return fc(places.flatten(0, -2)).view(*places.shape[:-1], -1).movedim(-1, 1)
