"""Transport plans with uniform marginals."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor


def sinkhorn(
    log_kernel: Tensor, rows: Optional[Tensor] = None, columns: Optional[Tensor] = None, iterations: int = 20
) -> Tensor:
    """Scale rows and columns of kernels towards uniform marginals (Cuturi, 2013, Sinkhorn Distances, algorithm 1).

    ``iterations`` times ``v = b / (K' u)`` and ``u = a / (K v)``, and v once more; the plan is ``u K v``, whose columns
    sum to ``1 / M`` exactly and whose rows to ``1 / N`` in the limit. It works on logarithms: kernels may span more
    than the range of float32. Autograd keeps ``2 * iterations`` matrices; as many passes over a matrix each way.

    Args:
        log_kernel: ``(B, N, M)``, logarithms of kernels; finite, also in the padding.
        rows: ``(B,)`` int, number of valid rows of each matrix, 1 to N; ``None``: N.
        columns: ``(B,)`` int, number of valid columns, 1 to M; ``None``: M.
        iterations: At least 1.

    Returns:
        Tensor: ``(B, N, M)``, differentiable; 0 in the padding.

    Raises:
        ValueError: Fewer than 1 iteration.
    """
    if iterations < 1:
        raise ValueError(f"sinkhorn: iterations={iterations}: give at least 1; 20 are usual")
    _, n, m = log_kernel.shape
    row = _valid(rows, n, log_kernel).unsqueeze(2)
    column = _valid(columns, m, log_kernel).unsqueeze(1)
    valid = row & column
    log_k = log_kernel.masked_fill(~valid, -1e30)  # finite: logsumexp of -inf alone has no gradient
    log_a = -row.sum(1, keepdim=True).to(log_k.dtype).log()
    log_b = -column.sum(2, keepdim=True).to(log_k.dtype).log()
    log_u = torch.zeros_like(log_k[:, :, :1])
    log_v = (log_b - (log_k + log_u).logsumexp(1, keepdim=True)).masked_fill(~column, 0)
    for _ in range(iterations):
        log_u = (log_a - (log_k + log_v).logsumexp(2, keepdim=True)).masked_fill(~row, 0)
        log_v = (log_b - (log_k + log_u).logsumexp(1, keepdim=True)).masked_fill(~column, 0)
    return (log_k + log_u + log_v).exp()


def _valid(count: Optional[Tensor], size: int, like: Tensor) -> Tensor:
    """The first ``count (B,)`` of ``size``, as ``(B, size)`` bool."""
    at = torch.arange(size, device=like.device)
    return (at < (size if count is None else count.to(like.device)[:, None])).expand(len(like), size)
