"""Agreement of different views on their nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor


def neighborhood(similarity: Tensor, size: int) -> Tensor:
    """The ``size`` best queue entries of each row of similarities ``(N, K)``, as ``(N, K)`` bool."""
    named = torch.zeros_like(similarity, dtype=torch.bool)
    return named.scatter_(1, similarity.topk(size, 1, sorted=False).indices, True)


def agreement_beyond_chance(shared: Tensor, first: Tensor, second: Tensor, rows: Tensor) -> Tensor:
    """Agreement of two views of the same clips on the entries that they name: Cohen's kappa for sets (Cohen, 1960).

    If all clips name the same entry, two views agree whatever the clip. So the agreement that is expected by chance is
    subtracted: 1 is full agreement, 0 is chance. ``shared`` counts the names that both views of a clip give, over all
    ``rows`` clips; ``first (K,)`` and ``second (K,)`` how many clips name each entry in either view.
    """
    size = first.sum() / rows
    observed, chance = shared / (rows * size), (first * second).sum() / (rows * rows * size)
    return (observed - chance) / (1 - chance).clamp_min(1e-6)


def crowding(named: Tensor, rows: Tensor) -> Tensor:
    """Share of a clip's names that another clip gives too: 1 if all name the same entries, ``names / K`` at random.

    Its expectation does not depend on the number ``rows`` of clips; ``named (K,)`` counts the clips that name an entry.
    """
    return (named * (named - 1)).sum() / (named.sum() * (rows - 1)).clamp_min(1)
