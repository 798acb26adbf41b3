"""Pooling necks: a feature map to one vector a sample."""

from __future__ import annotations

from typing import Literal, Optional

import torch
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
            action heads of MotionBERT and MAMP do: tokens know which joint they are, their mean forgets it;
            ``'parts'`` puts the means over trunk, arms and legs side by side, ``(N, 5 * D)``.

    Raises:
        ConfigError: An unknown rule, or joints to be kept that the backbone's map does not have.
    """

    def __init__(
        self,
        persons: Literal["valid_mean", "mean"] = "valid_mean",
        joints: Literal["mean", "keep", "parts"] = "mean",
    ) -> None:
        super().__init__()
        if persons not in ("valid_mean", "mean"):
            raise ConfigError(f"SkeletonPool: persons={persons!r}; use 'valid_mean' or 'mean'")
        if joints not in ("mean", "keep", "parts"):
            raise ConfigError(f"SkeletonPool: joints={joints!r}; use 'mean', 'keep' or 'parts'")
        self.counts_absent = persons == "mean"
        self.joints = joints
        self.parts: Optional[tuple[tuple[int, ...], ...]] = None

    def pooled_channels(self, backbone: nn.Module) -> int:
        """Channels of what the backbone's maps are pooled to."""
        if self.joints == "mean":
            return backbone.out_channels
        layout = getattr(backbone, "layout", None)
        if layout is None:
            raise ConfigError(f"SkeletonPool: joints={self.joints!r}, but {type(backbone).__name__} has no layout")
        self.parts = layout.body_parts if self.joints == "parts" else tuple((j,) for j in range(layout.num_joints))
        return len(self.parts) * backbone.out_channels

    def forward(self, feature: PackedPersons) -> Tensor:
        """Pools a feature map ``(P, D, T', V')`` to ``(N, D)``, ``(N, V' * D)`` or ``(N, 5 * D)``."""
        if self.joints == "mean":
            return mean_persons(feature._replace(data=feature.data.mean((2, 3))), self.counts_absent)
        if self.parts is None or sum(map(len, self.parts)) != feature.data.shape[3]:
            raise ConfigError(
                f"SkeletonPool: joints={self.joints!r} needs the joints of the backbone's layout, but its map "
                f"{tuple(feature.data.shape)} has {feature.data.shape[3]}; use joints='mean'"
            )
        if self.joints == "parts":
            data = feature.data.mean(2)
            data = torch.stack([data[:, :, part].mean(2) for part in self.parts], 2).unsqueeze(2)
            feature = feature._replace(data=data)
        return joint_features(feature, self.counts_absent)
