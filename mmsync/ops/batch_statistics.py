"""Statistics of a batch over all ranks."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.ops.dist import all_reduce_sum, world_size


def center_views(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """Both views ``(2, N, D)`` less their means over all ranks, and the number of rows of all ranks."""
    views = torch.stack([first, second])
    rows = len(first) * world_size()
    if rows < 2:
        raise ValueError("statistics over the batch need at least 2 clips; raise train_dataloader.batch_size")
    return views - all_reduce_sum(views.sum(1, keepdim=True)) / rows, rows


def off_diagonal_squares(matrix: Tensor) -> Tensor:
    """``(..., D, D)`` to the sum of squares beside the diagonals."""
    return matrix.square().sum() - matrix.diagonal(dim1=-2, dim2=-1).square().sum()
