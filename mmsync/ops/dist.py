"""Every collective of mmsync, and statistics over all ranks. On one process each of them is the identity.

A loss that uses the differentiable ones has, after DDP's averaging, the gradient that one process would have on the
global batch. With a gather that drops its gradient, or keeps only the slice of its own rank, it does not.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Index of this process, 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        grad = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.rows = x.shape[0]
        return _gather(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        grad = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad.narrow(0, rank() * ctx.rows, ctx.rows)


def _gather(x: Tensor) -> Tensor:
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def all_reduce_sum(x: Tensor) -> Tensor:
    """Sum of ``x`` over ranks, with its gradient; ``x`` has the same shape on every rank."""
    return _AllReduceSum.apply(x) if world_size() > 1 else x


def all_gather(x: Tensor, with_grad: bool = False) -> Tensor:
    """Concatenate ``x (N, ...)`` of all ranks in their order: ``(N * world size, ...)``; gradients flow on request."""
    if world_size() == 1:
        return x
    if with_grad:
        return _AllGather.apply(x)
    with torch.no_grad():
        return _gather(x)


def gather_padded(x: Tensor, with_grad: bool = False) -> Tensor:
    """Concatenate ``x (N, T_r, ...)`` of all ranks, filled up with zeros to the largest T: ``(N * ranks, T, ...)``.

    N is the same on every rank; T may differ.
    """
    if world_size() == 1:
        return x
    longest = torch.tensor(x.shape[1], device=x.device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    more = int(longest) - x.shape[1]
    if more:
        x = torch.cat([x, x.new_zeros(x.shape[0], more, *x.shape[2:])], 1)
    return all_gather(x, with_grad)


def center_views(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """Subtract from two views the means of their columns over all ranks.

    Args:
        first: ``(N, D)`` of this rank; N is the same on every rank.
        second: ``(N, D)``.

    Returns:
        tuple: Both centered views ``(2, N, D)``, with gradient across ranks, and the number of rows of all ranks.

    Raises:
        ValueError: The ranks have one row together, which has no statistics.
    """
    views = torch.stack([first, second])
    rows = len(first) * world_size()
    if rows < 2:
        raise ValueError("statistics over the batch need at least 2 clips; raise train_dataloader.batch_size")
    return views - all_reduce_sum(views.sum(1, keepdim=True)) / rows, rows


def off_diagonal_squares(matrix: Tensor) -> Tensor:
    """Sum of the squares off the diagonals of ``(..., D, D)``."""
    return matrix.square().sum() - matrix.diagonal(dim1=-2, dim2=-1).square().sum()
