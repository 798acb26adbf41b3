"""The equations of contrastive learning: with a queue (He et al., 2020, MoCo; Guo et al., 2022, AimCLR), within a batch
(Chen et al., 2020, SimCLR)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmsync.ops.dist import all_gather, rank
from mmsync.ops.precision import in_float32


def queue_logits(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Similarities of each query to its own key and to the queue, over the temperature.

    Args:
        query: ``(N, D)``, unit rows.
        key: ``(N, D)``, unit rows; row n is the positive of query n.
        queue: ``(D, K)``, unit columns.
        temperature: Above 0.

    Returns:
        Tensor: ``(N, 1 + K)``; column 0 is the positive.
    """
    with torch.autocast(query.device.type, enabled=False):  # in bfloat16 two digits would be left of a similarity
        query, key = query.to(queue.dtype), key.to(queue.dtype)
        positive = (query * key).sum(1, keepdim=True)
        return torch.cat([positive, query @ queue], 1) / temperature


def info_nce(logits: Tensor) -> Tensor:
    """InfoNCE with the positive in column 0 (He et al., 2020, eq. 1).

    Args:
        logits: ``(N, 1 + K)``.

    Returns:
        Tensor: Scalar, the mean over N.
    """
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def distribution_matching(logits: Tensor, target_logits: Tensor) -> Tensor:
    """D3M: cross entropy from the basic view's distribution to another view's (Guo et al., 2022, eqs. 4-6).

    The target is a constant. ``log_softmax`` stands where the released code has ``log(softmax)``: equal in exact
    arithmetic, and finite in half precision.

    Args:
        logits: ``(N, 1 + K)`` of the extreme view.
        target_logits: ``(N, 1 + K)`` of the basic view.

    Returns:
        Tensor: Scalar, the mean over N.
    """
    target = target_logits.detach().softmax(1)
    return -(target * logits.log_softmax(1)).sum(1).mean()


def nearest_neighbor_mask(similarities: Sequence[Tensor], topk: int = 1) -> Tensor:
    """Positives by nearest-neighbour mining: the union over views of each view's best queue entries.

    Args:
        similarities: One ``(N, K)`` a view: its similarity to the queue, by any monotone scale.
        topk: Neighbours that each view names, in ``[1, K]``.

    Returns:
        Tensor: ``(N, 1 + K)`` of 0 and 1; column 0, the true key, is always 1.
    """
    mask = torch.zeros_like(similarities[0])
    for similarity in similarities:
        mask.scatter_(1, similarity.topk(topk, 1).indices, 1)
    return F.pad(mask, (1, 0), value=1)


def neighborhood(similarity: Tensor, size: int) -> Tensor:
    """The best queue entries of each row.

    Args:
        similarity: ``(N, K)`` to the queue.
        size: Entries that a row names, in ``[1, K]``.

    Returns:
        Tensor: ``(N, K)`` bool.
    """
    named = torch.zeros_like(similarity, dtype=torch.bool)
    return named.scatter_(1, similarity.topk(size, 1, sorted=False).indices, True)


def agreement_beyond_chance(shared: Tensor, first: Tensor, second: Tensor, rows: Tensor) -> Tensor:
    """How far two views of the same clips name the same entries: Cohen's kappa, for sets (Cohen, 1960).

    If all clips name one entry, two views agree without knowing anything of the clip. So what two views with the same
    favourites would share by chance is subtracted: 1 is full agreement, 0 chance.

    Args:
        shared: Number of names that both views of a clip give, summed over clips.
        first: ``(K,)``, how many clips name each entry in one view.
        second: ``(K,)``, likewise in the other, with as many names a clip.
        rows: Number of clips.

    Returns:
        Tensor: Scalar, at most 1.
    """
    size = first.sum() / rows
    observed, chance = shared / (rows * size), (first * second).sum() / (rows * rows * size)
    return (observed - chance) / (1 - chance).clamp_min(1e-6)


def crowding(named: Tensor, rows: Tensor) -> Tensor:
    """Share of a clip's names that another clip gives too: 1 if all name the same entries, ``names / K`` at random.

    It estimates the same number from a small batch as from a large one, which the most frequent name's share does not.

    Args:
        named: ``(K,)``, how many clips name each entry.
        rows: Number of clips.

    Returns:
        Tensor: Scalar in [0, 1].
    """
    return (named * (named - 1)).sum() / (named.sum() * (rows - 1)).clamp_min(1)


def multi_positive_nce(logits: Tensor, mask: Tensor, reduction: str = "mean_log") -> Tensor:
    """InfoNCE with several positives (Guo et al., 2022, eq. 7).

    Args:
        logits: ``(N, 1 + K)``.
        mask: ``(N, 1 + K)``, 1 for positives.
        reduction: ``'mean_log'``: the mean of the positives' log probabilities, as released; ``'log_sum'``: the log of
            their summed probability, as the paper prints.

    Returns:
        Tensor: Scalar, the mean over N.

    Raises:
        ValueError: For another reduction.
    """
    log_p = logits.log_softmax(1)
    if reduction == "mean_log":
        return -((log_p * mask).sum(1) / mask.sum(1)).mean()
    if reduction == "log_sum":
        return -log_p.masked_fill(mask == 0, float("-inf")).logsumexp(1).mean()
    raise ValueError(f"unknown reduction {reduction!r}; use 'mean_log' or 'log_sum'")


class _MeanLogSumExp(torch.autograd.Function):
    """Mean over rows i of ``log sum_{k != i + own} exp(row_i . all_k / tau)``, ``chunk`` rows at a time.

    The gradient is made on the way, because it needs the similarities, which are not kept.
    """

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
            weight = similarity.sub_(top).exp_()  # in place: one matrix is all that there ever is
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

    ``-s_ij / tau + log sum_{k != i} exp(s_ik / tau)`` with the cosine ``s`` and the other view ``j`` of the same clip.

    Args:
        first: ``(N, D)`` embeddings of one view; normalised here. The same N on every rank.
        second: ``(N, D)`` of the other, row by row the same clips.
        temperature: tau, above 0.
        chunk_size: Rows of the similarities ``(2N, 2N * world size)`` that are in memory at a time, so that memory is
            linear in the batch; ``None``: all, once.

    Returns:
        Tensor: Scalar, the mean over this rank's 2N rows. It can be differentiated once.
    """
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    rows = torch.cat([first, second])
    everyone = all_gather(rows, with_grad=True)
    others = _MeanLogSumExp.apply(rows, everyone, rank() * len(rows), temperature, chunk_size or len(rows))
    return others - (first * second).sum(1).mean() / temperature


@in_float32
def row_cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of each row of one matrix with that row of another.

    Args:
        first: ``(N, D)``.
        second: ``(N, D)``.

    Returns:
        Tensor: ``(N,)`` in [-1, 1].
    """
    return F.cosine_similarity(first, second, dim=1)
