"""Persons of a batch: folded into the batch axis, with or without those who are absent, and averaged again."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn


def pack_persons(
    x: Tensor, present: Optional[Tensor] = None, skip_absent: bool = True
) -> tuple[Tensor, Tensor, Optional[Tensor]]:
    """Fold the persons of a batch into rows.

    Args:
        x: ``(N, M, ...)``.
        present: ``(N, M)`` bool, who is there; ``None``: all.
        skip_absent: Whether absent persons are no rows, so that they cost nothing.

    Returns:
        tuple: ``rows (P, ...)``; ``owner (P,)`` int64, their samples; ``present (P,)`` bool if absent ones are rows.
    """
    n, m = x.shape[:2]
    owner = torch.arange(n, device=x.device)[:, None].expand(n, m).flatten()
    x = x.flatten(0, 1)
    if present is None:
        return x, owner, None
    present = present.reshape(-1)
    if not skip_absent:
        return x, owner, present
    rows = present.nonzero().squeeze(1)
    if len(rows) == n * m:
        return x, owner, None
    return x[rows], owner[rows], None


def stack_persons(x: Tensor, present: Optional[Tensor], count: int) -> tuple[Tensor, Optional[Tensor]]:
    """Persons of a clip side by side, absent ones zero.

    Args:
        x: ``(N, M, T, V, C)``.
        present: ``(N, M)`` bool, who is there; ``None``: all.
        count: Persons to make, at least M.

    Returns:
        tuple: ``(N, T, V, count, C)``; ``(N, 1)`` bool, where anybody is there.
    """
    if present is not None:
        x = x.masked_fill(~present[:, :, None, None, None], 0)
        present = present.any(1, keepdim=True)
    return nn.functional.pad(x, [0] * 7 + [count - x.shape[1]]).permute(0, 2, 3, 1, 4), present


def group_mean(x: Tensor, owner: Tensor, groups: int, weight: Optional[Tensor] = None) -> Tensor:
    """Mean ``(groups, ...)`` of the rows ``x (P, ...)`` of each owner where ``weight (P,)``; zero without rows."""
    flat = x.flatten(1)
    counted = flat.new_ones(len(flat)) if weight is None else weight.to(flat.dtype)
    count = flat.new_zeros(groups).index_add(0, owner, counted).clamp(min=1)
    total = flat.new_zeros(groups, flat.shape[1]).index_add(0, owner, flat * counted[:, None])
    return (total / count[:, None]).view(groups, *x.shape[1:])
