"""Base class of video backbones: input checks, memory format and initialisation."""

from __future__ import annotations

from typing import ClassVar, Optional

import torch
from torch import Tensor, nn

from mmsync.errors import DataError
from mmsync.models.backbones.base import Backbone
from mmsync.registry import OptConfig
from mmsync.structures import View


class VideoBackbone(Backbone):
    """Base of video backbones: a subclass writes ``forward_rows (P, C, T, H, W) -> (P, D, T', H', W')``.

    ``channels_last`` stores maps in that memory format; results and shapes do not depend on it.
    """

    modality: ClassVar[str] = "video"
    axes: ClassVar[str] = "DTHW"
    row_dim: ClassVar[int] = 5
    min_frames: int = 1
    """Minimum T."""
    min_size: int = 1
    """Minimum H and W, in pixels."""

    def __init__(
        self, in_channels: int, out_channels: int, channels_last: bool = True, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(in_channels, out_channels, init_cfg)
        self.channels_last = channels_last

    def init_weights(self) -> None:
        """Initialise convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def order_weights(self) -> None:
        """Convert the weights to the memory format of the maps; a subclass calls it after creating its layers."""
        if self.channels_last:
            self.to(memory_format=torch.channels_last_3d)

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Tracks ``(N, K, C, T, H, W)`` and their presence ``(N, K)``; a clip ``(N, C, T, H, W)`` is one track."""
        x, present = super().split_persons(view)
        name = type(self).__name__
        if x.dim() != 6 or x.shape[2] != self.in_channels:
            raise DataError(
                f"{name} takes clips (N, C, T, H, W), or tracks (N, K, C, T, H, W), with C = in_channels = "
                f"{self.in_channels}, but got {tuple(view.data.shape)}; colour has 3 channels and optical flow 2"
            )
        if x.shape[3] < self.min_frames or min(x.shape[4:]) < self.min_size:
            raise DataError(
                f"{name} needs {self.min_frames} frames or more of at least {self.min_size} x {self.min_size} pixels, "
                f"but got T x H x W = {x.shape[3]} x {x.shape[4]} x {x.shape[5]}; take longer or larger clips"
            )
        return x, present

    def in_memory_order(self, x: Tensor) -> Tensor:
        """Rows ``(P, C, T, H, W)`` in the memory format of the weights."""
        return x.contiguous(memory_format=torch.channels_last_3d if self.channels_last else torch.contiguous_format)
