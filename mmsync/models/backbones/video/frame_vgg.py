"""VGG on single pictures, the vision tower of L3-Net (Arandjelovic and Zisserman, 2017, Look, Listen and Learn)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import VideoBackbone
from mmsync.models.modules.vgg import vgg_layers
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class FrameVGG(VideoBackbone):
    """Clips ``(N, C, T, H, W)`` to ``(N, D, T, H', W')``, each picture on its own.

    With the default widths 4,689,216 parameters at 3 channels; pictures of 224 pixels become 512 x 28 x 28.

    Args:
        in_channels: Number of input channels C.
        widths: Channels of the blocks of two convolutions, D the last.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No block, or a width that is not positive.
    """

    def __init__(
        self, in_channels: int = 3, widths: Sequence[int] = (64, 128, 256, 512), init_cfg: OptConfig = None
    ) -> None:
        if not widths or min(widths) < 1:
            raise ConfigError(f"FrameVGG: widths={list(widths)}; give one positive width or more")
        super().__init__(in_channels, widths[-1], channels_last=False, init_cfg=init_cfg)
        self.layers = vgg_layers(in_channels, widths)
        self.min_size = 2 ** (len(widths) - 1)

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, T, H', W')`` of clips ``(P, C, T, H, W)``."""
        frames = self.layers(x.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (len(x), -1)).transpose(1, 2)
