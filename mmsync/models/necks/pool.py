"""Pooling necks: a feature map to one vector a sample."""

from __future__ import annotations

from typing import Literal, Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.persons import PackedPersons, joint_features, mean_persons
from mmsync.registry import NECKS


@NECKS.register_module()
class SkeletonPool(nn.Module):
    """Mean over frames and joints, then over persons: ``(P, D, T', V')`` to ``(N, D)``.

    Args:
        persons: ``'valid_mean'`` counts the persons who are there; ``'mean'`` all of them, which is what the published
            ST-GCN family does: the network's response to an empty body is half of a one-person clip's feature.
        joints: ``'mean'`` as published; ``'keep'`` puts the joints' features side by side, ``(N, V' * D)``, as the
            action heads of MotionBERT and MAMP do. Tokens know which joint they are; their mean forgets it.

    Raises:
        ConfigError: An unknown rule, or joints to be kept that the backbone's map does not have.
    """

    def __init__(
        self,
        persons: Literal["valid_mean", "mean"] = "valid_mean",
        joints: Literal["mean", "keep"] = "mean",
    ) -> None:
        super().__init__()
        if persons not in ("valid_mean", "mean"):
            raise ConfigError(f"SkeletonPool: persons={persons!r}; use 'valid_mean' or 'mean'")
        if joints not in ("mean", "keep"):
            raise ConfigError(f"SkeletonPool: joints={joints!r}; use 'mean' or 'keep'")
        self.counts_absent = persons == "mean"
        self.keeps_joints = joints == "keep"
        self.num_joints: Optional[int] = None

    def pooled_channels(self, backbone: nn.Module) -> int:
        """Channels of what the backbone's maps are pooled to."""
        if not self.keeps_joints:
            return backbone.out_channels
        layout = getattr(backbone, "layout", None)
        if layout is None:
            raise ConfigError(f"SkeletonPool: joints='keep', but {type(backbone).__name__} has no layout with joints")
        self.num_joints = layout.num_joints
        return self.num_joints * backbone.out_channels

    def forward(self, feature: PackedPersons) -> Tensor:
        """Pools a feature map ``(P, D, T', V')`` to ``(N, D)`` or ``(N, V' * D)``."""
        if not self.keeps_joints:
            return mean_persons(feature._replace(data=feature.data.mean((2, 3))), self.counts_absent)
        if self.num_joints not in (None, feature.data.shape[3]):
            raise ConfigError(
                f"SkeletonPool: joints='keep' of {self.num_joints} joints, but the backbone's map "
                f"{tuple(feature.data.shape)} has {feature.data.shape[3]}; use joints='mean'"
            )
        return joint_features(feature, self.counts_absent)
