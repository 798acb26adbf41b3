"""Losses on the statistics of the global batch: Barlow Twins (Zbontar et al., 2021), VICReg (Bardes et al., 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.ops.dist import all_reduce_sum, world_size
from mmsync.ops.precision import in_float32


def _center(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """Both views ``(2, N, D)`` less their means over all ranks, and the number of rows of all ranks."""
    views = torch.stack([first, second])
    rows = len(first) * world_size()
    if rows < 2:
        raise ValueError("statistics over the batch need at least 2 clips; raise train_dataloader.batch_size")
    return views - all_reduce_sum(views.sum(1, keepdim=True)) / rows, rows


def _off_diagonal_squares(matrix: Tensor) -> Tensor:
    """``(..., D, D)`` to the sum of squares beside the diagonals."""
    return matrix.square().sum() - matrix.diagonal(dim1=-2, dim2=-1).square().sum()


@in_float32
def barlow_twins_terms(first: Tensor, second: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """The two sums of Barlow Twins (Zbontar et al., 2021, eqs. 1 and 2).

    ``C`` is the cross-correlation of the views' dimensions over the batch, as batch normalisation without weights and a
    product give it: ``sum_i (1 - C_ii)^2`` and ``sum_i sum_{j != i} C_ij^2``.

    Args:
        first: ``(N, D)`` embeddings of one view, the same N on every rank.
        second: ``(N, D)`` of the other, row by row the same clips.
        eps: Added to the variances.

    Returns:
        tuple: Two scalars, invariance and redundancy, the same on every rank.

    Raises:
        ValueError: A global batch of one clip.
    """
    views, rows = _center(first, second)
    variance = all_reduce_sum(views.square().sum(1, keepdim=True)) / rows
    a, b = views * (variance + eps).rsqrt()
    correlation = all_reduce_sum(a.T @ b) / rows
    return (1 - correlation.diagonal()).square().sum(), _off_diagonal_squares(correlation)


@in_float32
def vicreg_terms(first: Tensor, second: Tensor, eps: float = 1e-4) -> tuple[Tensor, Tensor, Tensor]:
    """The three terms of VICReg (Bardes et al., 2022, algorithm 1).

    The invariance is the mean over clips *and* dimensions, as in their algorithm and code, whose weights go with it;
    their equation 5 sums over dimensions. Variance (eq. 1: ``1/D sum_j relu(1 - sqrt(var_j + eps))``) and covariance
    (eqs. 3 and 4: ``1/D sum_{i != j} C_ij^2``), both unbiased, are summed over the two views (eq. 6); the released code
    halves the variance.

    Args:
        first: ``(N, D)`` embeddings of one view, the same N on every rank.
        second: ``(N, D)`` of the other, row by row the same clips.
        eps: Added to the variances.

    Returns:
        tuple: Three scalars, invariance (of this rank's clips), variance and covariance (the same on every rank).

    Raises:
        ValueError: A global batch of one clip.
    """
    views, rows = _center(first, second)
    covariance = all_reduce_sum(views.transpose(1, 2) @ views) / (rows - 1)
    deviation = (covariance.diagonal(dim1=1, dim2=2) + eps).sqrt()
    return (
        (first - second).square().mean(),
        (1 - deviation).relu().mean(1).sum(),
        _off_diagonal_squares(covariance) / first.shape[1],
    )
