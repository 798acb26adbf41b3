"""Batch normalization in training, exact in channels-last memory and over ranks.

Torch's CPU kernel sums the rows of a channels-last tensor one after the other in float32, which costs a mean over
200,000 rows its last three digits, and its synchronized form refuses the CPU. This one sums pairwise, and over ranks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, sync: bool) -> tuple[Tensor, ...]:
        axes, shape = _rows(x)
        count = x.new_tensor([x.numel() / x.shape[1]])
        total = torch.cat([x.sum(axes), count])
        if sync:
            dist.all_reduce(total)
        total, count = total[:-1], total[-1]
        mean = total / count
        centered = x - mean.view(shape)
        squares = centered.square().sum(axes)
        if sync:
            dist.all_reduce(squares)
        var = squares / count
        inverse = (var + eps).rsqrt()
        ctx.save_for_backward(centered, weight, inverse, count)
        ctx.sync = sync
        ctx.mark_non_differentiable(mean, var, count)
        return torch.addcmul(bias.view(shape), centered, (weight * inverse).view(shape)), mean, var, count

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple:
        centered, weight, inverse, count = ctx.saved_tensors
        axes, shape = _rows(grad)
        product = grad * centered
        grad_bias, grad_weight = grad.sum(axes), product.sum(axes) * inverse
        sums = torch.stack([grad_bias, grad_weight])
        if ctx.sync:  # parameters keep this rank's part, which DDP averages; the input depends on every rank
            dist.all_reduce(sums)
        scale = weight * inverse
        shift, slope = -scale * sums[0] / count, -scale * inverse * sums[1] / count
        grad_x = torch.addcmul(shift.view(shape), centered, slope.view(shape), out=product)
        return grad_x.addcmul_(grad, scale.view(shape)), grad_weight, grad_bias, None, None


def _rows(x: Tensor) -> tuple[list[int], list[int]]:
    return [a for a in range(x.dim()) if a != 1], [1, -1] + [1] * (x.dim() - 2)


def batch_norm(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5, sync: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalize each channel by the mean and the biased variance of the batch.

    Args:
        x: ``(R, C, ...)``, of at least one value a channel.
        weight: ``(C,)``.
        bias: ``(C,)``.
        eps: Added to the variance.
        sync: Whether the batch is that of all ranks; they may have different R.

    Returns:
        tuple: The output; without gradient the mean and biased variance ``(C,)`` and the values per channel ``()``.
    """
    return _BatchNorm.apply(x, weight, bias, eps, sync)
