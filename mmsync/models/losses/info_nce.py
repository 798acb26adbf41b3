"""InfoNCE with a queue (He et al., 2020, MoCo), with several positives and D3M (Guo et al., 2022, AimCLR)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather, rank
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


def queue_logits(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Cosines of queries to their keys and to a queue, over the temperature (He et al., 2020, MoCo).

    Args:
        query: Unit rows ``(N, D)``.
        key: Unit rows ``(N, D)``.
        queue: Unit columns ``(D, K)``.
        temperature: Temperature tau, above 0.

    Returns:
        Tensor: ``(N, 1 + K)`` in the dtype of the queue; column 0 is the positive.
    """
    with torch.autocast(query.device.type, enabled=False):  # bfloat16 would keep two digits of a similarity
        query, key = query.to(queue.dtype), key.to(queue.dtype)
        positive = (query * key).sum(1, keepdim=True)
        return torch.cat([positive, query @ queue], 1) / temperature


def info_nce(logits: Tensor) -> Tensor:
    """InfoNCE (He et al., 2020, MoCo, eq. 1).

    Args:
        logits: ``(N, 1 + K)``, the positive in column 0.

    Returns:
        Tensor: The mean over N, a scalar.
    """
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


@in_float32
def batch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """InfoNCE of rows ``(N, D)`` among the keys of all ranks, with gradient (van den Oord et al., 2018, eq. 4)."""
    logits = F.normalize(query, dim=1) @ all_gather(F.normalize(key, dim=1), with_grad=True).T / temperature
    own = torch.arange(len(query), device=query.device) + rank() * len(query)
    return F.cross_entropy(logits, own)


def multi_positive_nce(logits: Tensor, mask: Tensor, reduction: str = "mean_log") -> Tensor:
    """InfoNCE with several positives (Guo et al., 2022, eq. 7), the mean over N, a scalar.

    Args:
        logits: ``(N, 1 + K)``, similarities over tau.
        mask: ``(N, 1 + K)`` of 0 and 1, at least one positive in each row.
        reduction: ``'mean_log'``: the mean of the positives' log probabilities, as in the released code; ``'log_sum'``:
            the log of their summed probability, as in the paper.

    Raises:
        ValueError: An unknown reduction.
    """
    log_p = logits.log_softmax(1)
    if reduction == "mean_log":
        return -((log_p * mask).sum(1) / mask.sum(1)).mean()
    if reduction == "log_sum":
        return -log_p.masked_fill(mask == 0, float("-inf")).logsumexp(1).mean()
    raise ValueError(f"unknown reduction {reduction!r}; use 'mean_log' or 'log_sum'")


def nearest_neighbor_mask(similarities: Sequence[Tensor], topk: int = 1) -> Tensor:
    """Positives ``(N, 1 + K)`` of 0 and 1: the true key, column 0, and the nearest queue entries of each view.

    Args:
        similarities: Of each view, ``(N, K)`` to the queue.
        topk: Nearest entries to name by view, 1 to K.
    """
    mask = torch.zeros_like(similarities[0])
    for similarity in similarities:
        mask.scatter_(1, similarity.topk(topk, 1).indices, 1)
    return F.pad(mask, (1, 0), value=1)


def distribution_matching(logits: Tensor, target_logits: Tensor) -> Tensor:
    """D3M: cross entropy of logits ``(N, 1 + K)`` from the basic view to another (Guo et al., 2022, eqs. 4-6).

    ``log_softmax`` replaces the ``log(softmax)`` of the released code, so that it is finite in half precision; the
    basic view, ``target_logits``, gets no gradient.
    """
    target = target_logits.detach().softmax(1)
    return -(target * logits.log_softmax(1)).sum(1).mean()


@LOSSES.register_module()
class InfoNCELoss(nn.Module):
    """InfoNCE of queries and keys ``(N, D)`` against a queue ``(D, K)``, or each other (He et al., 2020, eq. 1).

    Args:
        temperature: Temperature tau, above 0.

    Raises:
        ConfigError: The temperature is not positive.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"InfoNCELoss: temperature={temperature}: give a number above 0; 0.07 to 0.2 are usual")
        self.temperature = temperature

    def forward(self, query: Tensor, key: Tensor, queue: Optional[Tensor] = None) -> Tensor:
        """Loss of ``query`` and ``key`` ``(N, D)``, a scalar.

        With a ``queue (D, K)`` of unit columns, rows have to be unit vectors, too. Without one, the negatives of a
        query are the keys of all other clips of all ranks (van den Oord et al., 2018), and rows are normalized here.
        """
        if queue is not None:
            return info_nce(queue_logits(query, key, queue, self.temperature))
        return batch_nce(query, key, self.temperature)
