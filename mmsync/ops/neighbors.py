"""How far the nearest neighbours of different views agree."""

from __future__ import annotations

import torch
from torch import Tensor


def neighborhood(similarity: Tensor, size: int) -> Tensor:
    """The best queue entries of each row.

    Args:
        similarity: ``(N, K)`` to the queue.
        size: Entries that a row names, in ``[1, K]``.

    Returns:
        Tensor: ``(N, K)`` bool.
    """
    named = torch.zeros_like(similarity, dtype=torch.bool)
    return named.scatter_(1, similarity.topk(size, 1, sorted=False).indices, True)


def agreement_beyond_chance(shared: Tensor, first: Tensor, second: Tensor, rows: Tensor) -> Tensor:
    """How far two views of the same clips name the same entries: Cohen's kappa, for sets (Cohen, 1960).

    If all clips name one entry, two views agree without knowing anything of the clip. So what two views with the same
    favourites would share by chance is subtracted: 1 is full agreement, 0 chance.

    Args:
        shared: Number of names that both views of a clip give, summed over clips.
        first: ``(K,)``, how many clips name each entry in one view.
        second: ``(K,)``, likewise in the other, with as many names a clip.
        rows: Number of clips.

    Returns:
        Tensor: Scalar, at most 1.
    """
    size = first.sum() / rows
    observed, chance = shared / (rows * size), (first * second).sum() / (rows * rows * size)
    return (observed - chance) / (1 - chance).clamp_min(1e-6)


def crowding(named: Tensor, rows: Tensor) -> Tensor:
    """Share of a clip's names that another clip gives too: 1 if all name the same entries, ``names / K`` at random.

    It estimates the same number from a small batch as from a large one, which the most frequent name's share does not.

    Args:
        named: ``(K,)``, how many clips name each entry.
        rows: Number of clips.

    Returns:
        Tensor: Scalar in [0, 1].
    """
    return (named * (named - 1)).sum() / (named.sum() * (rows - 1)).clamp_min(1)
