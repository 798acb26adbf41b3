"""Agreement of different views on their nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor


def neighborhood(similarity: Tensor, size: int) -> Tensor:
    """The ``size`` best queue entries of each row of similarities ``(N, K)``, as ``(N, K)`` bool."""
    named = torch.zeros_like(similarity, dtype=torch.bool)
    return named.scatter_(1, similarity.topk(size, 1, sorted=False).indices, True)


def agreement_beyond_chance(shared: Tensor, first: Tensor, second: Tensor, rows: Tensor) -> Tensor:
    """Agreement of two views on the entries that they name, as Cohen's kappa for sets (Cohen, 1960): 1 full, 0 chance.

    ``shared`` counts names of both views over ``rows`` clips; ``first`` and ``second (K,)`` those of an entry by view.
    """
    size = first.sum() / rows
    observed, chance = shared / (rows * size), (first * second).sum() / (rows * rows * size)
    return (observed - chance) / (1 - chance).clamp_min(1e-6)


def crowding(named: Tensor, rows: Tensor) -> Tensor:
    """Share of a clip's names that another one gives too; ``named (K,)`` counts an entry's clips, of ``rows``."""
    return (named * (named - 1)).sum() / (named.sum() * (rows - 1)).clamp_min(1)
