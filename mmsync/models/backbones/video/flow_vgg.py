"""VGG-16 on stacked optical flow, the trunk of T-CAM (Wei et al., 2018, Learning and Using the Arrow of Time)."""

from __future__ import annotations

from torch import Tensor, nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones.base import VideoBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions


@BACKBONES.register_module()
class FlowVGG(VideoBackbone):
    """Flow ``(N, 2, T, H, W)`` to ``(N, D, T', H', W')``: stacks of ``frames`` steps, T' = T / frames, H' = H // 16.

    The convolutions of VGG-16 without its last pooling, each followed by ReLU and batch norm; steps and directions of
    flow, x and y in turn, are the channels of the first. 14,732,928 parameters at 10 steps.

    Args:
        frames: Steps of flow of a stack.
        width: Multiplier of the channels of all layers.
        in_channels: 2, of flow.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A width that leaves no channels.
        DataError: Clips that are no whole number of stacks, or smaller than 16 pixels.
    """

    min_size = 16

    def __init__(self, frames: int = 10, width: float = 1.0, in_channels: int = 2, init_cfg: OptConfig = None) -> None:
        if frames < 1 or round(64 * width) < 1:
            raise ConfigError(f"FlowVGG: {frames=}, {width=}: give 1 or more, and a width that leaves channels")
        super().__init__(in_channels, round(512 * width), channels_last=False, init_cfg=init_cfg)
        self.frames = self.min_frames = frames
        layers: list[nn.Module] = []
        before = in_channels * frames
        for number, (channels, count) in enumerate(_BLOCKS):
            layers += [nn.MaxPool2d(2)] if number else []
            for _ in range(count):
                after = round(channels * width)
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(True), BatchNorm(after, eps=1e-3)]
                before = after
        self.layers = nn.Sequential(*layers)

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        super().init_weights()

    def forward_rows(self, x: Tensor) -> Tensor:
        """Maps ``(P, D, T', H', W')`` of ``(P, 2, T, H, W)``."""
        if x.shape[2] % self.frames:
            raise DataError(f"FlowVGG: clips of {x.shape[2]} steps are no whole number of frames={self.frames}")
        stacks = x.unflatten(2, (-1, self.frames)).permute(0, 2, 3, 1, 4, 5)  # (P, T', frames, 2, H, W)
        found = self.layers(stacks.flatten(2, 3).flatten(0, 1))
        return found.unflatten(0, (len(x), -1)).transpose(1, 2)
