"""VGG on spectrograms, the audio tower of L3-Net (Arandjelovic and Zisserman, 2017) and AVTS (Korbar et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import AudioBackbone
from mmsync.models.modules.vgg import vgg_layers
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class AudioVGG(AudioBackbone):
    """Spectrograms ``(N, C, F, T)`` to ``(N, D, F', T')`` by blocks of two 3 x 3 convolutions and 2 x 2 max pooling.

    With the default widths 4,688,064 parameters at one channel, as L3-Net's table has them; AVTS's 40 mel bands and 100
    frames become 512 x 5 x 12.

    Args:
        in_channels: C, of the spectrogram.
        widths: Channels of the blocks, D the last.
        time_pools: Poolings, from the first on, that halve time; the others halve bands alone. ``None``: all of them.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No block, a width that is not positive, or more poolings than there are.
        DataError: A spectrogram that is smaller than one step of the last block.
    """

    def __init__(
        self, in_channels: int = 1, widths: Sequence[int] = (64, 128, 256, 512), time_pools: Optional[int] = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if not widths or min(widths) < 1:
            raise ConfigError(f"AudioVGG: widths={list(widths)}; give one positive width or more")
        pools = len(widths) - 1
        if time_pools is not None and not 0 <= time_pools <= pools:
            raise ConfigError(f"AudioVGG: time_pools={time_pools}; {len(widths)} blocks have {pools} poolings")
        super().__init__(in_channels, widths[-1], init_cfg)
        self.layers = vgg_layers(in_channels, widths, square=time_pools)
        self.min_bands, self.min_frames = 2**pools, 2 ** (pools if time_pools is None else time_pools)

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, F', T')`` of spectrograms ``(P, C, F, T)``."""
        return self.layers(x)
