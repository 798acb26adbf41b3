"""What every backbone of sequences shares."""

from __future__ import annotations

from typing import ClassVar, Optional

import torch
from torch import Tensor

from mmsync.models.backbones.base import Backbone
from mmsync.structures import FeatureMap, View


class SequenceBackbone(Backbone):
    """Base of backbones of whole sequences: a subclass writes ``forward_frames (N, T, ...) -> (N, T', D)``.

    Args:
        in_channels: C, numbers a frame.
        out_channels: D.
        init_cfg: MMEngine's initialisation config.
    """

    modality: ClassVar[str] = "sequence"
    axes: ClassVar[str] = "TD"

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(N, T', D)`` of frames ``(N, T, ...)``, of which those count that are ``valid (N, T)``."""
        raise NotImplementedError

    def forward(self, view: View, skip_absent: bool = True) -> FeatureMap:
        """Feature map ``(N, T', D)`` of a view ``(N, T, ...)``; see :meth:`Backbone.forward`."""
        out = self.forward_frames(view.data, view.valid)
        owner = torch.arange(len(out), device=out.device)
        valid, index = view.after_stride(out.shape[1])
        return FeatureMap(out, owner, len(out), None, valid, index, self.axes)
