"""Agreement of different views on their nearest neighbors."""

from __future__ import annotations

import torch
from torch import Tensor


def neighborhood(similarity: Tensor, size: int) -> Tensor:
    """The ``size`` (1 to K) best queue entries of each row of similarities ``(N, K)``, as ``(N, K)`` bool."""
    named = torch.zeros_like(similarity, dtype=torch.bool)
    return named.scatter_(1, similarity.topk(size, 1, sorted=False).indices, True)


def agreement_beyond_chance(shared: Tensor, first: Tensor, second: Tensor, rows: Tensor) -> Tensor:
    """Agreement of two views on the entries that they name, as Cohen's kappa for sets (Cohen, 1960): 1 full, 0 chance.

    Args:
        shared: Scalar, number of entries that both views name, summed over the clips.
        first: ``(K,)`` number of clips that name each entry in the first view.
        second: ``(K,)`` the same in the second view.
        rows: Scalar, number of clips N.

    Returns:
        Tensor: Scalar, at most 1.
    """
    size = first.sum() / rows
    observed, chance = shared / (rows * size), (first * second).sum() / (rows * rows * size)
    return (observed - chance) / (1 - chance).clamp_min(1e-6)


def crowding(named: Tensor, rows: Tensor) -> Tensor:
    """Mean, over the names that clips give, of the share of the other clips that give it too: a scalar in [0, 1].

    Args:
        named: ``(K,)`` number of clips that name each entry.
        rows: Scalar, number of clips N.
    """
    return (named * (named - 1)).sum() / (named.sum() * (rows - 1)).clamp_min(1)
