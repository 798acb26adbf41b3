"""Encoder: a backbone, a pooling neck and, for pretraining, a projector."""

from __future__ import annotations

from typing import Optional, Union

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ContractError
from mmsync.registry import BACKBONES, MODELS, NECKS, OptConfig
from mmsync.structures import FeatureMap, View


@MODELS.register_module()
class Encoder(BaseModule):
    """Encoder of a view to an embedding ``(N, D)``, or to one for each frame ``(N, T', D)``, of any modality.

    Args:
        backbone: Config of a backbone.
        pool: Config of a pooling neck; its ``in_channels`` is filled in. ``None``: ``MeanPool``.
        projector: Config of a projection neck; its ``in_channels`` is filled in. ``None``: no projector.
        probe_pool: Config of the pooling neck of the features that probes see; ``None``: the same as ``pool``.
        skip_absent: Whether to leave absent persons out of the backbone, so that they cost nothing and do not enter its
            batch statistics. ``None``: if and only if the pooling does not count them.
        init_cfg: MMEngine's initialisation config.
    """

    def __init__(
        self,
        backbone: dict,
        pool: OptConfig = None,
        projector: OptConfig = None,
        probe_pool: OptConfig = None,
        skip_absent: Optional[bool] = None,
        init_cfg: OptConfig = None,
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

    def _build_pool(self, pool: OptConfig) -> nn.Module:
        return NECKS.build({"type": "MeanPool", "in_channels": self.backbone.out_channels, **(pool or {})})

    def _pooled_channels(self, neck: nn.Module) -> int:
        pooled = getattr(neck, "pooled_channels", None)
        return self.backbone.out_channels if pooled is None else pooled(self.backbone)

    def forward_map(self, view: View) -> FeatureMap:
        """Compute the backbone's feature map."""
        feature = self.backbone(view, self.skip_absent)
        if not isinstance(feature, FeatureMap):
            found = f"{type(self.backbone).__name__} returns a {type(feature).__name__}"
            raise ContractError(
                f"{found}; a backbone returns a FeatureMap: inherit from mmsync.models.backbones.Backbone"
            )
        return feature

    def pool(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, D)``, or to ``(N, T', D)`` if the pooling neck keeps frames."""
        return self.pool_neck(feature)

    def project(self, pooled: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Project ``(N, D)`` or ``(N, T', D)``, or pass it on; embeddings of frames not ``valid (N, T')`` are zero."""
        if self.projector is None:
            return pooled
        if pooled.dim() == 2:
            return self.projector(pooled)
        if valid is None:
            return self.projector(pooled.flatten(0, 1)).unflatten(0, pooled.shape[:2])
        rows = self.projector(pooled[valid])
        return rows.new_zeros(*pooled.shape[:2], rows.shape[-1]).masked_scatter(valid.unsqueeze(-1), rows)

    def extract(self, view: View) -> Union[Tensor, list[Tensor]]:
        """Extract pooled features for probes: ``(N, D)``, or N tensors ``(T_n, D)`` of the valid frames."""
        return self.extract_map(self.forward_map(view))

    def extract_map(self, feature: FeatureMap) -> Union[Tensor, list[Tensor]]:
        """Pool a feature map as :meth:`extract` does."""
        pooled = self.probe_neck(feature)
        if pooled.dim() == 2:
            return pooled
        return list(pooled) if feature.valid is None else [x[v] for x, v in zip(pooled, feature.valid)]

    def forward(self, view: View) -> Tensor:
        """Compute the embedding for losses: ``(N, D_proj)`` or ``(N, T', D_proj)``."""
        feature = self.forward_map(view)
        return self.project(self.pool(feature), feature.valid)
