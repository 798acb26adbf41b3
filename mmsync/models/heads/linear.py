"""Linear classifier on pooled features."""

from __future__ import annotations

from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.registry import HEADS, OptConfig
from mmsync.structures import FeatureMap


@HEADS.register_module()
class LinearHead(BaseModule):
    """Linear layer on a pooled feature map: ``(P, ...)`` to logits ``(N, num_classes)``.

    Args:
        num_classes: Number of classes; the benchmark tool fills it in from the data.
        in_channels: D; the classifier fills it in from its backbone.
        num_joints: Not used; the classifier passes it to every head.
        pooled_channels: Width after pooling; the classifier fills it in. ``None`` is ``in_channels``.
        dropout: Dropout of the pooled feature, in [0, 1).
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: ``num_classes`` or ``in_channels`` is missing.
    """

    def __init__(
        self,
        num_classes: Optional[int] = None,
        in_channels: Optional[int] = None,
        num_joints: Optional[int] = None,
        pooled_channels: Optional[int] = None,
        dropout: float = 0.0,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_classes is None or in_channels is None:
            raise ConfigError(f"LinearHead needs num_classes and in_channels, got {num_classes} and {in_channels}")
        self.num_classes = num_classes
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(pooled_channels or in_channels, num_classes)

    def forward(self, feature: FeatureMap, pool: nn.Module) -> Tensor:
        """Logits ``(N, num_classes)`` of a feature map, pooled by the encoder's ``pool`` neck."""
        return self.fc(self.drop(pool(feature)))
