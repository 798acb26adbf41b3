"""The encoder: a backbone, a pooling neck and, for pretraining, a projector."""

from __future__ import annotations

from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.ops.persons import PackedPersons
from mmsync.registry import BACKBONES, MODELS, NECKS
from mmsync.structures import View


@MODELS.register_module()
class Encoder(BaseModule):
    """Turns a view into an embedding ``(N, D)``: any backbone, any pooling, any projector.

    Args:
        backbone: Config of a backbone.
        pool: Config of a pooling neck; ``persons='valid_mean'`` counts only persons who are there, ``'mean'`` all.
            ``None`` is ``SkeletonPool``, for video ``VideoPool``, whose ``in_channels`` is filled in.
        projector: Config of a projection neck; its ``in_channels`` is filled in. ``None`` for none.
        probe_pool: Config of the pooling neck whose features probes see; ``None``: those of ``pool``.
        skip_absent: Whether absent persons (view mask False) are left out of the backbone, so that they cost nothing
            and do not enter its batch statistics. ``None``: exactly when the pooling does not count them.
        init_cfg: MMEngine's initialisation config.
    """

    def __init__(
        self,
        backbone: dict,
        pool: Optional[dict] = None,
        projector: Optional[dict] = None,
        probe_pool: Optional[dict] = None,
        skip_absent: Optional[bool] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = BACKBONES.build(backbone)
        self.pool_neck = self._build_pool(pool)
        self.pooled_channels = self._pooled_channels(self.pool_neck)
        self.probe_neck = self.pool_neck if probe_pool is None else self._build_pool(probe_pool)
        self._pooled_channels(self.probe_neck)
        self.projector = None
        self.out_channels = self.pooled_channels
        if projector is not None:
            self.projector = NECKS.build({"in_channels": self.pooled_channels, **projector})
            self.out_channels = self.projector.out_channels
        count_absent = getattr(self.pool_neck, "counts_absent", True)
        self.skip_absent = not count_absent if skip_absent is None else skip_absent

    def _build_pool(self, pool: Optional[dict]) -> nn.Module:
        if self.backbone.modality != "video":
            return NECKS.build(pool or dict(type="SkeletonPool"))
        return NECKS.build({"type": "VideoPool", "in_channels": self.backbone.out_channels, **(pool or {})})

    def _pooled_channels(self, neck: nn.Module) -> int:
        pooled = getattr(neck, "pooled_channels", None)
        return self.backbone.out_channels if pooled is None else pooled(self.backbone)

    def forward_map(self, view: View) -> PackedPersons:
        """The backbone's feature map: ``(P, D, T', V')`` for skeletons, ``(N, D, ...)`` for other modalities."""
        if self.backbone.modality != "skeleton":
            data = self.backbone(view.data)
            return PackedPersons(data, torch.arange(len(data), device=data.device), len(data))
        return self.backbone.forward_packed(view.data, view.mask, self.skip_absent)

    def pool(self, feature: PackedPersons) -> Tensor:
        """``(N, D)`` of a feature map."""
        return self.pool_neck(feature)

    def project(self, pooled: Tensor) -> Tensor:
        """``(N, D_proj)`` of pooled features; the identity without a projector."""
        return pooled if self.projector is None else self.projector(pooled)

    def extract(self, view: View) -> Tensor:
        """Pooled backbone features ``(N, D)``, what probes see."""
        return self.probe_neck(self.forward_map(view))

    def forward(self, view: View) -> Tensor:
        """Embedding ``(N, D_proj)``, what losses see."""
        return self.project(self.pool(self.forward_map(view)))
