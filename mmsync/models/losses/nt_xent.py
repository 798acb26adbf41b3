"""NT-Xent within a batch (Chen et al., 2020, SimCLR)."""

from __future__ import annotations

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather, rank
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


class _MeanLogSumExp(torch.autograd.Function):
    """Mean over rows i of ``log sum_{k != i + own} exp(row_i . all_k / tau)``, with its gradient, in one pass."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, everyone: Tensor, own: int, temperature: float, chunk: int) -> Tensor:
        learn = any(ctx.needs_input_grad)
        of_rows, of_everyone = torch.empty_like(rows), torch.zeros_like(everyone)
        matrix, total = rows.new_empty(min(chunk, len(rows)), len(everyone)), rows.new_zeros(())
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            similarity = torch.mm(part / temperature, everyone.T, out=matrix[: len(part)])
            similarity.diagonal(own + start).fill_(float("-inf"))
            top = similarity.amax(1, keepdim=True)
            weight = similarity.sub_(top).exp_()  # in place, so that there is only one matrix
            mass = weight.sum(1, keepdim=True)
            total += (mass.log() + top).sum()
            if learn:
                torch.mm(weight, everyone, out=of_rows[start : start + chunk]).div_(mass)
                of_everyone.addmm_(weight.T, part / mass)
        ctx.save_for_backward(of_rows, of_everyone)
        ctx.scale = 1 / (temperature * len(rows))
        return total / len(rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        of_rows, of_everyone = ctx.saved_tensors
        return of_rows * (grad * ctx.scale), of_everyone * (grad * ctx.scale), None, None, None


@in_float32
def nt_xent(first: Tensor, second: Tensor, temperature: float, chunk_size: Optional[int] = None) -> Tensor:
    """NT-Xent over the 2N views of a batch (Chen et al., 2020, SimCLR, eq. 1), negatives from all ranks with gradient.

    ``-s_ij / tau + log sum_{k != i} exp(s_ik / tau)`` with the cosine ``s`` and the other view ``j`` of the same clip;
    the mean over this rank's rows, which can be differentiated once.

    Args:
        first: ``(N, D)`` embeddings of one view; normalized here; the same N on every rank.
        second: ``(N, D)`` embeddings of the other view of the same clips.
        temperature: Temperature tau, above 0.
        chunk_size: Rows of the similarities ``(2N, 2N * world size)`` in memory at a time; ``None``: all.
    """
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    rows = torch.cat([first, second])
    everyone = all_gather(rows, with_grad=True)
    others = _MeanLogSumExp.apply(rows, everyone, rank() * len(rows), temperature, chunk_size or len(rows))
    return others - (first * second).sum(1).mean() / temperature


@LOSSES.register_module()
class NTXentLoss(nn.Module):
    """NT-Xent of two views ``(N, D)`` (Chen et al., 2020, SimCLR, eq. 1), see :func:`nt_xent`.

    Args:
        temperature: Temperature tau, above 0.
        chunk_size: Rows of the similarities in memory at a time, for very large batches; ``None``: all.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(self, temperature: float = 0.1, chunk_size: Optional[int] = None) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"NTXentLoss: temperature={temperature}: give a number above 0; 0.07 to 0.5 are usual")
        if chunk_size is not None and chunk_size < 1:
            raise ConfigError(f"NTXentLoss: chunk_size={chunk_size}: give at least 1 row, or None for all")
        self.temperature = temperature
        self.chunk_size = chunk_size

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Loss of the embeddings of two views, ``(N, D)`` each; a scalar."""
        return nt_xent(first, second, self.temperature, self.chunk_size)
