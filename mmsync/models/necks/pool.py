"""Pooling necks for any modality: a feature map to one vector per sample or per frame."""

from __future__ import annotations

from typing import Literal, Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import Backbone
from mmsync.registry import NECKS
from mmsync.structures import FeatureMap


@NECKS.register_module()
class MeanPool(nn.Module):
    """Mean over space and valid frames, then over persons: a map ``(P, ...)`` to ``(N, D)``.

    Args:
        persons: ``'valid_mean'`` averages the present persons; ``'mean'`` all of them, as the published ST-GCN family
            does: half of the feature of a one-person clip is then the response to an empty body.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: An unknown rule.
    """

    def __init__(
        self, persons: Literal["valid_mean", "mean"] = "valid_mean", in_channels: Optional[int] = None
    ) -> None:
        super().__init__()
        if persons not in ("valid_mean", "mean"):
            raise ConfigError(f"{type(self).__name__}: persons={persons!r}; use 'valid_mean' or 'mean'")
        self.counts_absent = persons == "mean"

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, D)``."""
        return feature.mean_persons(feature.clips(), self.counts_absent)


@NECKS.register_module()
class FramePool(MeanPool):
    """Mean over space, then over persons: a map ``(P, ...)`` to ``(N, T', D)``, one vector per frame.

    Args:
        persons: As of :class:`MeanPool`.
        in_channels: D; the encoder fills it in.
    """

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, T', D)``."""
        return feature.mean_persons(feature.frames(), self.counts_absent)


@NECKS.register_module()
class SkeletonPool(MeanPool):
    """Mean over frames, and over joints in one of three ways, then over persons: ``(P, D, T', V')`` to ``(N, D)``.

    Args:
        persons: As of :class:`MeanPool`.
        joints: ``'mean'`` as published; ``'keep'`` concatenates the joints' features, ``(N, V' * D)``, as the action
            heads of MotionBERT and MAMP do; ``'parts'`` the means over trunk, arms and legs, ``(N, 5 * D)``.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: An unknown rule, or one that needs joints which the backbone's map does not have.
    """

    def __init__(
        self,
        persons: Literal["valid_mean", "mean"] = "valid_mean",
        joints: Literal["mean", "keep", "parts"] = "mean",
        in_channels: Optional[int] = None,
    ) -> None:
        super().__init__(persons, in_channels)
        if joints not in ("mean", "keep", "parts"):
            raise ConfigError(f"SkeletonPool: joints={joints!r}; use 'mean', 'keep' or 'parts'")
        self.joints = joints
        self.parts: Optional[tuple[tuple[int, ...], ...]] = None

    def pooled_channels(self, backbone: Backbone) -> int:
        """Channels of the pooled features of a backbone."""
        if self.joints == "mean":
            return backbone.out_channels
        layout = getattr(backbone, "layout", None)
        if layout is None:
            raise ConfigError(f"SkeletonPool: joints={self.joints!r}, but {type(backbone).__name__} has no layout")
        self.parts = layout.body_parts if self.joints == "parts" else tuple((j,) for j in range(layout.num_joints))
        return len(self.parts) * backbone.out_channels

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map ``(P, D, T', V')`` to ``(N, D)``, ``(N, V' * D)`` or ``(N, 5 * D)``."""
        if self.joints == "mean":
            return super().forward(feature)
        if self.parts is None or feature.axes != "DTV" or sum(map(len, self.parts)) != feature.data.shape[3]:
            raise ConfigError(
                f"SkeletonPool: joints={self.joints!r} needs the joints of the backbone's layout, which the map "
                f"{tuple(feature.data.shape)} lacks; use joints='mean'"
            )
        if self.joints == "parts":
            data = feature.data.mean(2)
            data = torch.stack([data[:, :, part].mean(2) for part in self.parts], 2).unsqueeze(2)
            feature = feature._replace(data=data)
        return joint_features(feature, self.counts_absent)


def joint_features(feature: FeatureMap, count_absent: bool = False) -> Tensor:
    """Average a map ``(P, D, T', V')`` over frames and persons: ``(N, V' * D)``, the first joint's channels first."""
    return feature.mean_persons(feature.data.mean(2).transpose(1, 2).flatten(1), count_absent)
