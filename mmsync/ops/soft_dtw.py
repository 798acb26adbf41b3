"""Soft dynamic time warping of a batch of cost matrices, by anti-diagonals."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

FAR = -1e30  # logarithm of the weight of a path that leaves the matrix; finite, so that differences are never nan


def soft_dtw(cost: Tensor, gamma: float, rows: Optional[Tensor] = None, columns: Optional[Tensor] = None) -> Tensor:
    """Soft-DTW values of cost matrices (Cuturi and Blondel, 2017, Soft-DTW, eq. 1 and algorithms 1 and 2).

    ``R_ij = cost_ij + softmin(R_{i-1,j-1}, R_{i-1,j}, R_{i,j-1})`` with ``softmin = -gamma log sum exp(-. / gamma)``.
    The value is the last R. It may be negative, and it tends to the cost of the best path as gamma tends to 0.

    Time: ``N + M - 1`` steps in each direction, of three operations on ``N * B`` numbers. Memory:
    ``(N + M + 1)(N + 1) B`` numbers are kept for the backward pass, which takes up to seven times as many.

    Args:
        cost: ``(B, N, M)``, float32 or float64; finite, also in the padding.
        gamma: Temperature of the soft minimum, above 0.
        rows: ``(B,)`` int, number of valid rows of each matrix, 1 to N; ``None``: N.
        columns: ``(B,)`` int, number of valid columns, 1 to M; ``None``: M.

    Returns:
        Tensor: ``(B,)``, in the dtype of the cost; can be differentiated once. Padding has no influence and gradient 0.

    Raises:
        ValueError: A gamma that is not positive, or a cost of another shape.
    """
    if not gamma > 0:
        raise ValueError(f"soft_dtw: gamma={gamma}: give a number above 0; the hard minimum has no useful gradient")
    if cost.dim() != 3 or 0 in cost.shape[1:]:
        raise ValueError(f"soft_dtw: cost has shape {tuple(cost.shape)}; it has to be (B, N, M) with N and M above 0")
    full = torch.ones(len(cost), dtype=torch.long, device=cost.device)
    rows = full * cost.shape[1] if rows is None else rows.to(full)
    columns = full * cost.shape[2] if columns is None else columns.to(full)
    return _SoftDTW.apply(cost, gamma, rows, columns)


def _cells(skewed: Tensor, columns: int) -> Tensor:
    """View ``(N, M, B)`` of the cells of a buffer ``(N + M + 1, N + 1, B)``: cell (i, j) is its entry (i+j+2, i+1).

    An anti-diagonal is one entry, and with the batch last its cells and their neighbors are contiguous.
    """
    _, n, b = skewed.shape  # n = N + 1
    return skewed.as_strided((n - 1, columns, b), (n * b + b, n * b, 1), 2 * n * b + b)


class _SoftDTW(torch.autograd.Function):
    """Recursion on ``r = -R / gamma``, in which the soft minimum is a ``logaddexp``."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, gamma: float, rows: Tensor, columns: Tensor) -> Tensor:
        b, n, m = cost.shape
        r = cost.new_full((n + m + 1, n + 1, b), FAR)
        torch.div(cost.permute(1, 2, 0), -gamma, out=_cells(r, m))
        r[0, 0] = 0  # before the first cell
        same, less = r[:, 1:].unbind(), r[:, :-1].unbind()  # entries of row i, and of row i - 1
        best = torch.empty_like(same[0])
        for k in range(2, len(same)):
            torch.logaddexp(same[k - 1], less[k - 1], out=best)
            torch.logaddexp(best, less[k - 2], out=best)
            same[k].add_(best)
        ctx.save_for_backward(r, rows, columns)
        ctx.columns = m
        return r[rows + columns, rows, torch.arange(b, device=r.device)] * -gamma

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        r, rows, columns = ctx.saved_tensors
        # Shares of the three predecessors of each cell, all at once; only their products along paths need the loop.
        share = torch.stack([r[1:-1, 1:], r[1:-1, :-1], r[:-2, :-1]]).softmax(0)
        left, above, corner = (x.unbind() for x in share)
        e = torch.zeros_like(r)
        e[rows + columns, rows, torch.arange(len(grad), device=r.device)] = grad
        same, less = e[:, 1:].unbind(), e[:, :-1].unbind()
        for k in range(len(same) - 1, 1, -1):
            same[k - 1].addcmul_(left[k - 2], same[k])
            less[k - 1].addcmul_(above[k - 2], same[k])
            less[k - 2].addcmul_(corner[k - 2], same[k])
        return _cells(e, ctx.columns).permute(2, 0, 1).contiguous(), None, None, None
