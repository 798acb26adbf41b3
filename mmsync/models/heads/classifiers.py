"""Classifiers on feature maps."""

from __future__ import annotations

from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.models.necks.pool import joint_features
from mmsync.registry import HEADS, OptConfig
from mmsync.structures import FeatureMap


@HEADS.register_module()
class ActionHead(BaseModule):
    """MotionBERT's head (Zhu et al., 2023, ActionNet), an MLP on joints: ``(P, D, T', V')`` to ``(N, num_classes)``.

    Dropout, mean over frames, ``(P, V' * D)``, mean over persons, Linear, batch normalization, ReLU, Linear. On frozen
    features this is an MLP probe: with 25 joints of 512 channels it has 26 million parameters.

    Args:
        num_classes: Number of classes; the benchmark tool fills it in from the data.
        in_channels: D; the classifier fills it in from its backbone.
        num_joints: V'; the classifier fills in the joints of its backbone's layout.
        pooled_channels: Not used; the classifier passes it to every head.
        hidden_channels: Width of the hidden layer.
        dropout: Dropout of the feature map, in [0, 1).
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``num_classes``, ``in_channels`` or ``num_joints`` is missing, or the map has other joints.
    """

    pools = False  # Whether it takes features that the classifier pooled, also those of several tracks

    def __init__(
        self, num_classes: Optional[int] = None, in_channels: Optional[int] = None, num_joints: Optional[int] = None,
        pooled_channels: Optional[int] = None, hidden_channels: int = 2048, dropout: float = 0.5,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if num_classes is None or in_channels is None or num_joints is None:
            raise ConfigError(
                "ActionHead needs num_classes, in_channels and num_joints, got "
                f"{num_classes}, {in_channels} and {num_joints}"
            )
        self.num_classes, self.num_joints = num_classes, num_joints
        self.drop = nn.Dropout(dropout)
        self.fc1 = nn.Linear(num_joints * in_channels, hidden_channels)
        self.bn = BatchNorm(hidden_channels)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(hidden_channels, num_classes)

    def forward(self, feature: FeatureMap, pool: nn.Module) -> Tensor:
        """Logits of a feature map ``(P, D, T', V')``; the ``pool`` neck determines whether absent persons count."""
        if feature.data.dim() != 4 or feature.data.shape[3] != self.num_joints:
            raise ConfigError(
                f"ActionHead is built for {self.num_joints} joints, but the backbone's map is "
                f"{tuple(feature.data.shape)}; set model.head.num_joints to the last number, or use a LinearHead"
            )
        x = joint_features(feature._replace(data=self.drop(feature.data)), getattr(pool, "counts_absent", True))
        return self.fc2(self.relu(self.bn(self.fc1(x))))


@HEADS.register_module()
class LinearHead(BaseModule):
    """Linear layer on a pooled feature map: ``(P, ...)`` to logits ``(N, num_classes)``.

    Args:
        num_classes: Number of classes; the benchmark tool fills it in from the data.
        in_channels: D; the classifier fills it in from its backbone.
        num_joints: Not used; the classifier passes it to every head.
        pooled_channels: Width after pooling; the classifier fills it in. ``None`` is ``in_channels``.
        dropout: Dropout of the pooled feature, in [0, 1).
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``num_classes`` or ``in_channels`` is missing.
    """

    pools = True

    def __init__(
        self, num_classes: Optional[int] = None, in_channels: Optional[int] = None, num_joints: Optional[int] = None,
        pooled_channels: Optional[int] = None, dropout: float = 0.0, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if num_classes is None or in_channels is None:
            raise ConfigError(f"LinearHead needs num_classes and in_channels, got {num_classes} and {in_channels}")
        self.num_classes = num_classes
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(pooled_channels or in_channels, num_classes)

    def forward(self, feature: FeatureMap, pool: nn.Module) -> Tensor:
        """Logits ``(N, num_classes)`` of a feature map, pooled by the encoder's ``pool`` neck."""
        return self.fc(self.drop(pool(feature)))
