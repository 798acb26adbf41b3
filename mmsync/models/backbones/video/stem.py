"""The picture part of the multisensory network before its fusion with sound (Owens and Efros, 2018)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mmsync.models.backbones.base import VideoBackbone
from mmsync.models.modules.multisensory import ResidualBlock, beta_norm
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class MultisensoryStem(VideoBackbone):
    """Clips ``(N, C, T, H, W)`` to ``(N, D, T', H', W')``, T' = ceil(T / 4), H' = ceil(H / 8).

    A 5 x 7 x 7 convolution at stride 2, max pooling of 3 x 3 pixels, and two residual blocks, the second at stride 2.

    Args:
        in_channels: Number of input channels C.
        width: D, 64 as published.
        channels_last: Whether to store maps in channels-last memory, see docs/design/0024.
        init_cfg: MMEngine's initialization config.
    """

    min_size = 8

    def __init__(
        self, in_channels: int = 3, width: int = 64, channels_last: bool = True, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(in_channels, width, channels_last, init_cfg)
        self.conv = nn.Conv3d(in_channels, width, (5, 7, 7), 2, (2, 3, 3), bias=False)
        self.norm = beta_norm(width)
        self.blocks = nn.Sequential(
            ResidualBlock(width, width, (3, 3, 3), (1, 1, 1)), ResidualBlock(width, width, (3, 3, 3), (2, 2, 2))
        )
        self.order_weights()

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, T', H', W')`` of clips ``(P, C, T, H, W)``."""
        x = F.relu(self.norm(self.conv(self.in_memory_order(x))))
        return self.blocks(F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1)))
