"""Convolutions on signals, such as those of an inertial sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class SignalCNN(SequenceBackbone):
    """Signals ``(N, T, C)`` to ``(N, T', D)`` by 1-D convolutions with batch norm and ReLU, each halving the length.

    Args:
        in_channels: C, 3 of an accelerometer, 6 with a gyroscope.
        widths: Channels of the layers, D the last; T' = ceil(T / 2 ** layers).
        kernel: Size of the kernels, odd.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No layer, or an even kernel.
    """

    def __init__(
        self, in_channels: int = 3, widths: Sequence[int] = (32, 64, 128), kernel: int = 7, init_cfg: OptConfig = None
    ) -> None:
        if not widths or min(widths) < 1 or kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"SignalCNN: widths={list(widths)}, {kernel=}; give positive widths and an odd kernel")
        super().__init__(in_channels, widths[-1], init_cfg)
        layers: list[nn.Module] = [BatchNorm(in_channels)]
        for a, b in zip((in_channels, *widths), widths):
            layers += [nn.Conv1d(a, b, kernel, 2, kernel // 2, bias=False), BatchNorm(b), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers)

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T', D)`` of signals ``(P, T, C)``; samples that are not ``valid`` count as zero."""
        x = x if valid is None else x * valid[..., None]
        return self.layers(x.transpose(1, 2)).transpose(1, 2)
