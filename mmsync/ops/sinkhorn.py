"""Transport plans with uniform marginals, and priors that they keep the order."""

from __future__ import annotations

import math
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


def diagonal_share(step: int) -> float:
    """Share phi of the prior of the diagonal at a training step: from 0.999 slowly to 0.001."""
    return min(max(0.999 ** math.floor(math.sqrt(step + 1)), 0.001), 0.999)


def with_virtual(x: Tensor, value: Tensor) -> Tensor:
    """Put a row and a column of a ``value (P, 1, 1)`` before ``x (P, N, M)``: ``(P, N + 1, M + 1)``."""
    p, n, m = x.shape
    row, column = value.expand(p, 1, m + 1), value.expand(p, n, 1)
    return torch.cat([row, torch.cat([column, x], 2)], 1)


@torch.no_grad()
def order_priors(
    distance: Tensor, rows: Tensor, columns: Tensor, phi: float, delta: float, strength: float
) -> tuple[Tensor, Tensor]:
    """Priors that aligned frames are near the diagonal, or near the best match of their row (VAVA, section 3).

    Frame i of N and j of M are ``|i/N - j/M|`` from the diagonal, and ``|j/M - best_i/M|`` from the best match of i.
    Both priors are mixed with phi and ``1 - phi``. Cells of virtual frames are ``15 / (N + M)`` away from both.

    Args:
        distance: ``(P, N, M)`` distances of frames.
        rows: ``(P, 1, 1)`` number N of valid rows, in the dtype of the distances.
        columns: ``(P, 1, 1)`` number M of valid columns.
        phi: Share of the diagonal, 0 to 1.
        delta: Standard deviation of the Gaussian of distances over ``sqrt(1/N^2 + 1/M^2)``.
        strength: lambda_1 of the inverse difference moment, for each frame of both sequences.

    Returns:
        tuple: Logarithms of the Gaussian prior, and the moments ``lambda_1 (N + M) / (d^2 + 1)``, of all cells with the
        virtual ones, ``(P, N + 1, M + 1)`` each.
    """
    at_row = torch.arange(1, distance.shape[1] + 1, device=distance.device)[:, None]
    at_column = torch.arange(1, distance.shape[2] + 1, device=distance.device)
    best = distance.masked_fill(at_column > columns, float("inf")).argmin(2, keepdim=True) + 1
    gaps = [at_row / rows - at_column / columns, (at_column - best) / columns]
    squares = [with_virtual(gap, 15 / (rows + columns)).square() for gap in gaps]
    width = 2 * delta**2 * (1 / rows**2 + 1 / columns**2)
    gauss = [(-d / width).exp() / (delta * math.sqrt(2 * math.pi)) for d in squares]
    moment = [strength * (rows + columns) / (d + 1) for d in squares]
    return (phi * gauss[0] + (1 - phi) * gauss[1]).log(), phi * moment[0] + (1 - phi) * moment[1]
