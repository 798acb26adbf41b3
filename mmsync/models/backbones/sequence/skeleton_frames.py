"""Any skeleton backbone as encoder of the frames of sequences of joints."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.registry import BACKBONES, OptConfig, Part


@BACKBONES.register_module()
class SkeletonFrames(SequenceBackbone):
    """Joints as frame features ``(N, T, V * C)`` to ``(N, T', D)`` by a skeleton backbone, averaged over joints.

    The backbone mixes frames, and knows no padding. In training the last valid frame is held through the padding. In
    evaluation sequences of equal length run together, without padding: one call for each length in the batch, so that a
    result depends on no other sequence.

    Args:
        backbone: Config of a skeleton backbone; its layout and ``in_channels`` are V and C.
        in_channels: ``V * C``, for a comparison; ``None``: not compared.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A backbone that takes no skeletons or gives no frames, or another ``V * C``.
        DataError: Sequences of another ``V * C``.
    """

    def __init__(self, backbone: Part, in_channels: Optional[int] = None, init_cfg: OptConfig = None) -> None:
        built = BACKBONES.build(backbone)
        if not hasattr(built, "layout") or built.axes != "DTV":
            text = f"{type(built).__name__} is no skeleton backbone that gives (P, D, T', V')"
            raise ConfigError(f"SkeletonFrames: {text}; give STGCN, DSTformer or the like")
        joints, channels = built.layout.num_joints, built.in_channels
        if in_channels not in (None, joints * channels):
            text = f"its backbone takes {joints} joints of {channels} channels"
            raise ConfigError(f"SkeletonFrames: {in_channels=}, but {text}; give it another layout or in_channels")
        super().__init__(joints * channels, built.out_channels, init_cfg)
        self.backbone, self.joints = built, (joints, channels)

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T', D)`` of joints ``(P, T, V * C)``, whose ``valid`` frames are the first ones."""
        x = x.unflatten(2, self.joints)
        if valid is None:
            return self._encode(x)
        lengths = valid.sum(1).clamp(min=1)
        if self.training:
            at = torch.minimum(torch.arange(x.shape[1], device=x.device), lengths[:, None] - 1)
            return self._encode(x[torch.arange(len(x), device=x.device)[:, None], at])
        parts, order = [], []
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            parts.append(self._encode(x[rows, :length]))
            order.append(rows)
        whole = int(lengths.max()) == x.shape[1]
        steps = (parts[-1] if whole else self._encode(x[:1])).shape[1]
        held = [torch.cat([p, p[:, -1:].expand(-1, steps - p.shape[1], -1)], 1) for p in parts]
        return torch.cat(held)[torch.cat(order).argsort()]

    def _encode(self, x: Tensor) -> Tensor:
        return self.backbone.forward_rows(x).mean(3).transpose(1, 2)
