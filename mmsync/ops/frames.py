"""Functions of the valid frames of padded batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from torch import Tensor


def map_valid(function: Callable[[Tensor], Tensor], x: Tensor, valid: Optional[Tensor]) -> Tensor:
    """Apply a function of rows ``(R, ...) -> (R, D)`` to the valid frames only, so that its statistics see no padding.

    Args:
        function: What to apply.
        x: ``(P, T, ...)``.
        valid: ``(P, T)`` bool; ``None``: all.

    Returns:
        Tensor: ``(P, T, D)``, zero where a frame is not valid.
    """
    if valid is None:
        return function(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    rows = function(x[valid])
    return rows.new_zeros(*x.shape[:2], rows.shape[-1]).masked_scatter(valid.unsqueeze(-1), rows)
