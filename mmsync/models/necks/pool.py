"""Pooling necks: a feature map to one vector a sample."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.persons import PackedPersons, mean_persons
from mmsync.registry import NECKS


@NECKS.register_module()
class SkeletonPool(nn.Module):
    """Mean over frames and joints, then over persons: ``(P, D, T', V')`` to ``(N, D)``.

    Args:
        persons: ``'valid_mean'`` counts the persons who are there; ``'mean'`` all of them, which is what the published
            ST-GCN family does: the network's response to an empty body is half of a one-person clip's feature.
    """

    def __init__(self, persons: Literal["valid_mean", "mean"] = "valid_mean") -> None:
        super().__init__()
        if persons not in ("valid_mean", "mean"):
            raise ConfigError(f"SkeletonPool: persons={persons!r}; use 'valid_mean' or 'mean'")
        self.counts_absent = persons == "mean"

    def forward(self, feature: PackedPersons) -> Tensor:
        """Pools a feature map ``(P, D, T', V')`` to ``(N, D)``."""
        return mean_persons(feature._replace(data=feature.data.mean((2, 3))), self.counts_absent)
