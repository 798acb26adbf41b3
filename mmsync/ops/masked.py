"""Frames of padded batches: masks, softmax over valid frames, means over the frames of all ranks."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from mmsync.ops.dist import all_reduce_sum
from mmsync.ops.precision import in_float32


def valid_or_all(valid: Optional[Tensor], x: Tensor) -> Tensor:
    """Mask ``(N, T)`` of the valid frames of ``x (N, T, ...)``; ``None``: all."""
    return x.new_ones(x.shape[:2], dtype=torch.bool) if valid is None else valid.bool()


def mask_logits(logits: Tensor, valid: Tensor) -> Tensor:
    """Logits whose softmax is 0 where the broadcast ``valid`` is not; uniform, and finite, where nothing is valid.

    Half of the lowest number, and not ``-inf``, so that ``0 * log_softmax`` and rows without a valid entry are finite.
    """
    return logits.masked_fill(~valid, torch.finfo(logits.dtype).min / 2)


def mean_over_ranks(total: Tensor, count: Tensor) -> Tensor:
    """Sum of ``total (...)`` over that of ``count (...)``, both of all ranks and with gradient; 0 if the count is 0.

    Ranks may hold numbers of frames that differ: the gradient, after DDP's averaging, is that of one process.
    """
    total, count = all_reduce_sum(torch.stack([total.sum(), count.to(total.dtype).sum()]))
    return total / count.clamp(min=1)


@in_float32
def mean_row_over_ranks(x: Tensor) -> Tensor:
    """Mean ``(D,)`` of the rows ``(..., D)`` of all ranks, which may hold different numbers of them; 0 without rows."""
    rows = x.flatten(0, -2)
    total = all_reduce_sum(torch.cat([rows.sum(0), rows.new_tensor([len(rows)])]))
    return total[:-1] / total[-1].clamp(min=1)
