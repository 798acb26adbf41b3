"""VICReg's loss (Bardes et al., 2022, Variance-Invariance-Covariance Regularization for Self-Supervised Learning)."""

from __future__ import annotations

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_reduce_sum, center_views, off_diagonal_squares
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def vicreg_terms(first: Tensor, second: Tensor, eps: float = 1e-4) -> tuple[Tensor, Tensor, Tensor]:
    """The three terms of VICReg (Bardes et al., 2022, algorithm 1): invariance, variance and covariance, scalars.

    The invariance is the mean over clips *and* dimensions, as in their algorithm and code, for which the published
    weights are chosen; their equation 5 sums over dimensions. Variance (eq. 1: ``1/D sum_j relu(1 - sqrt(var_j +
    eps))``) and covariance (eqs. 3 and 4: ``1/D sum_{i != j} C_ij^2``), both unbiased and over all ranks, are summed
    over the two views (eq. 6); the released code halves the variance.

    Args:
        first: ``(N, D)`` embeddings of one view, the same N on every rank.
        second: ``(N, D)`` embeddings of the other view of the same clips.
        eps: Added to the variances.

    Raises:
        ValueError: A global batch of one clip.
    """
    views, rows = center_views(first, second)
    covariance = all_reduce_sum(views.transpose(1, 2) @ views) / (rows - 1)
    deviation = (covariance.diagonal(dim1=1, dim2=2) + eps).sqrt()
    return (
        (first - second).square().mean(),
        (1 - deviation).relu().mean(1).sum(),
        off_diagonal_squares(covariance) / first.shape[1],
    )


@LOSSES.register_module()
class VICRegLoss(nn.Module):
    """``lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))`` of two views ``(N, D)`` (eq. 6).

    Args:
        invariance_weight: lambda; 25 as published.
        variance_weight: mu; 25 as published.
        covariance_weight: nu; 1 as published.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self, invariance_weight: float = 25.0, variance_weight: float = 25.0, covariance_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.weights = dict(invariance=invariance_weight, variance=variance_weight, covariance=covariance_weight)
        for name, weight in self.weights.items():
            if not weight >= 0:
                raise ConfigError(f"VICRegLoss: {name}_weight={weight}: give 0 or more; 25, 25 and 1 are usual")

    def terms(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """The three weighted terms of views ``(N, D)`` by name, scalars.

        Raises:
            ValueError: A global batch of one clip.
        """
        terms = vicreg_terms(first, second)
        return {name: weight * term for (name, weight), term in zip(self.weights.items(), terms)}

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Loss of the embeddings of two views, ``(N, D)`` each, the same N on every rank; a scalar.

        Raises:
            ValueError: A global batch of one clip.
        """
        return sum(self.terms(first, second).values(), first.new_zeros(()))
