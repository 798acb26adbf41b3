"""Convolutions on waveforms, the sound part of the multisensory network (Owens and Efros, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import AudioBackbone
from mmsync.models.modules.multisensory import ResidualBlock, beta_norm
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class WaveformNet(AudioBackbone):
    """Waveforms ``(N, C, S)`` to ``(N, D, T')``, one step for 1024 samples: at 21 kHz 87,588 samples become 86 steps.

    A convolution of 65 samples at stride 4, max pooling by 4, and three residual blocks of 15-wide kernels at stride 4.

    Args:
        in_channels: C, 2 for stereo as published.
        widths: Channels of the first convolution and of the blocks, D the last.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Not four widths.
        DataError: A waveform of fewer than 1024 samples.
    """

    axes, row_dim, min_frames = "DT", 3, 1024

    def __init__(
        self, in_channels: int = 2, widths: Sequence[int] = (64, 128, 128, 256), init_cfg: OptConfig = None
    ) -> None:
        if len(widths) != 4 or min(widths) < 1:
            raise ConfigError(f"WaveformNet: widths={list(widths)}; give four positive widths")
        super().__init__(in_channels, widths[-1], init_cfg)
        self.conv = nn.Conv1d(in_channels, widths[0], 65, stride=4, padding=32, bias=False)
        self.norm = beta_norm(widths[0])
        self.blocks = nn.Sequential(*(ResidualBlock(a, b, (15,), (4,)) for a, b in zip(widths, widths[1:])))

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, T')`` of waveforms ``(P, C, S)``."""
        x = F.relu(self.norm(self.conv(x)))
        return self.blocks(F.max_pool2d(x.unsqueeze(-2), (1, 4)).squeeze(-2))  # max_pool1d would fix S in an export
