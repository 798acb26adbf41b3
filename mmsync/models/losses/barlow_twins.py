"""Barlow Twins' loss (Zbontar et al., 2021, Self-Supervised Learning via Redundancy Reduction)."""

from __future__ import annotations

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_reduce_sum, center_views, off_diagonal_squares
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def barlow_twins_terms(first: Tensor, second: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """The two sums of Barlow Twins (Zbontar et al., 2021, eqs. 1 and 2), scalars that are the same on every rank.

    With the cross-correlation ``C`` of the views' dimensions over the batch, each dimension standardized as in batch
    normalization: ``sum_i (1 - C_ii)^2`` and ``sum_i sum_{j != i} C_ij^2``.

    Args:
        first: ``(N, D)`` embeddings of one view, the same N on every rank.
        second: ``(N, D)`` embeddings of the other view of the same clips.
        eps: Added to the variances.

    Raises:
        ValueError: A global batch of one clip.
    """
    views, rows = center_views(first, second)
    variance = all_reduce_sum(views.square().sum(1, keepdim=True)) / rows
    a, b = views * (variance + eps).rsqrt()
    correlation = all_reduce_sum(a.T @ b) / rows
    return (1 - correlation.diagonal()).square().sum(), off_diagonal_squares(correlation)


@LOSSES.register_module()
class BarlowTwinsLoss(nn.Module):
    """``sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2`` of two views ``(N, D)``.

    Args:
        redundancy_weight: lambda; 0.005 as published.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(self, redundancy_weight: float = 5e-3) -> None:
        super().__init__()
        if not redundancy_weight >= 0:
            raise ConfigError(f"BarlowTwinsLoss: redundancy_weight={redundancy_weight}: give 0 or more; 0.005 is usual")
        self.redundancy_weight = redundancy_weight

    def terms(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Both sums of views ``(N, D)`` by name, ``invariance`` and the weighted ``redundancy``; scalars.

        Raises:
            ValueError: A global batch of one clip.
        """
        invariance, redundancy = barlow_twins_terms(first, second)
        return {"invariance": invariance, "redundancy": self.redundancy_weight * redundancy}

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Loss of the embeddings of two views, ``(N, D)`` each, the same N on every rank; a scalar.

        Raises:
            ValueError: A global batch of one clip.
        """
        return sum(self.terms(first, second).values(), first.new_zeros(()))
