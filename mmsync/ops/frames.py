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
    grid = FrameGrid.of(x, valid)
    return grid.pad(function(grid.rows(x)))


class FrameGrid(NamedTuple):
    """Where rows ``(R, ...)`` stand in a padded batch ``(P, T, ...)``: at its R valid frames, in their order."""

    shape: tuple[int, int]  # P, T
    valid: Optional[Tensor]  # (P, T) bool; None: all
    places: Optional[Tensor]  # (R,) int64, of the valid frames in P * T; None: all

    @classmethod
    def of(cls, x: Tensor, valid: Optional[Tensor]) -> FrameGrid:
        """The grid of a batch ``x (P, T, ...)``."""
        return cls((x.shape[0], x.shape[1]), valid, None if valid is None else valid.flatten().nonzero()[:, 0])

    def rows(self, x: Tensor) -> Tensor:
        """The valid frames ``(R, ...)`` of ``x (P, T, ...)``."""
        rows = x.flatten(0, 1)
        return rows if self.places is None else rows.index_select(0, self.places)

    def pad(self, rows: Tensor) -> Tensor:
        """The batch ``(P, T, D)`` of rows ``(R, D)``, zero where a frame is not valid."""
        if self.places is not None:
            empty = rows.new_zeros(self.shape[0] * self.shape[1], *rows.shape[1:])
            rows = empty.index_copy(0, self.places, rows)
        return rows.unflatten(0, self.shape)
