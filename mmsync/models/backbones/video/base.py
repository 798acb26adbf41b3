"""What every video backbone shares: the sizes that it takes, memory format and initialisation."""

from __future__ import annotations

from typing import ClassVar, Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import DataError


class VideoBackbone(BaseModule):
    """Base of video backbones: a subclass writes ``forward_map (N, C, T, H, W) -> (N, D, T', H', W')``.

    Args:
        in_channels: C, 3 for colour, 2 for optical flow.
        out_channels: D.
        channels_last: Keep maps in channels-last memory. Numbers and shapes are the same, and any input will do.
        init_cfg: MMEngine's initialisation config.
    """

    modality: ClassVar[str] = "video"
    min_frames: int = 1
    """Least T."""
    min_size: int = 1
    """Least H and W, in pixels."""

    def __init__(
        self, in_channels: int, out_channels: int, channels_last: bool = True, init_cfg: Optional[dict] = None
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels, self.out_channels, self.channels_last = in_channels, out_channels, channels_last

    def init_weights(self) -> None:
        """Initialises convolutions after He et al. (2015), and then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def order_weights(self) -> None:
        """Puts weights in the memory format of the maps; a subclass calls it when all its layers are made."""
        if self.channels_last:
            self.to(memory_format=torch.channels_last_3d)

    def forward_map(self, x: Tensor) -> Tensor:
        """Feature map ``(N, D, T', H', W')`` of clips ``(N, C, T, H, W)`` that are known to fit."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Feature map.

        Args:
            x: ``(N, C, T, H, W)``, in any memory order.

        Returns:
            Tensor: ``(N, D, T', H', W')``.

        Raises:
            DataError: Other channels or axes, or too few frames or pixels.
        """
        name = type(self).__name__
        if x.dim() != 5 or x.shape[1] != self.in_channels:
            raise DataError(
                f"{name} takes clips (N, C, T, H, W) with C = in_channels = {self.in_channels}, and got "
                f"{tuple(x.shape)}; colour has 3 channels and optical flow 2, and K tracks go into the batch"
            )
        if x.shape[2] < self.min_frames or min(x.shape[3:]) < self.min_size:
            raise DataError(
                f"{name} needs {self.min_frames} frames or more of at least {self.min_size} x {self.min_size} pixels, "
                f"and got T x H x W = {x.shape[2]} x {x.shape[3]} x {x.shape[4]}; take longer or larger clips"
            )
        order = torch.channels_last_3d if self.channels_last else torch.contiguous_format
        return self.forward_map(x.contiguous(memory_format=order))
