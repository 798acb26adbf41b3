"""Functions of the valid frames of padded batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

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
    grid = FrameGrid(x.shape[0], x.shape[1], valid)
    return grid.pad(function(grid.rows(x)))


class FrameGrid(NamedTuple):
    """Where rows ``(R, ...)`` stand in a padded batch ``(P, T, ...)``: at its R valid frames, in their order."""

    sequences: int  # P
    frames: int  # T
    valid: Optional[Tensor]  # (P, T) bool; None: all

    def rows(self, x: Tensor) -> Tensor:
        """The valid frames ``(R, ...)`` of ``x (P, T, ...)``."""
        return x.flatten(0, 1) if self.valid is None else x[self.valid]

    def pad(self, rows: Tensor) -> Tensor:
        """The batch ``(P, T, D)`` of rows ``(R, D)``, zero where a frame is not valid."""
        if self.valid is None:
            return rows.unflatten(0, (self.sequences, self.frames))
        empty = rows.new_zeros(self.sequences, self.frames, rows.shape[-1])
        return empty.masked_scatter(self.valid.unsqueeze(-1), rows)
