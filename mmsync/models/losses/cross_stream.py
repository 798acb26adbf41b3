"""Losses between streams of one clip: CrosSCLR (Li et al., 2021) and CMD (Mao et al., 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.models.losses.info_nce import multi_positive_nce, nearest_neighbor_mask
from mmsync.ops.precision import in_float32


def cross_view_nce(logits: Sequence[Tensor], temperature: float, topk: int = 1, context: bool = True) -> list[Tensor]:
    """InfoNCE of each stream with positives that the other streams find (Li et al., 2021, section 3.2).

    The queues are aligned, so an entry of one is the same clip in the others. The positives of stream ``u`` are its key
    and the entries nearest to the query of stream ``v``; its loss is the mean over all other ``v``.

    Args:
        logits: Of each stream, ``(N, 1 + K)`` cosines over the temperature, the key in column 0.
        temperature: tau, above 0.
        topk: Entries that a stream names, in [1, K].
        context: Whether the products of the cosines of ``u`` and ``v``, ``(N, K)`` over tau, stand beside the logits,
            with the same positives, as in the released code.

    Returns:
        list: A scalar for each stream.
    """
    masks = [nearest_neighbor_mask([one.detach()[:, 1:]], topk) for one in logits]
    losses = []
    for u, own in enumerate(logits):
        terms = []
        for v, (other, mask) in enumerate(zip(logits, masks)):
            if v == u:
                continue
            parts = [(own, mask)]
            if context:
                parts.append((own[:, 1:] * other[:, 1:] * temperature, mask[:, 1:]))
            terms.append(multi_positive_nce(*(torch.cat(part, 1) for part in zip(*parts))))
        losses.append(torch.stack(terms).mean())
    return losses


@in_float32
def mutual_distillation(
    student: Tensor, teacher: Tensor, topk: int, student_temperature: float = 0.1, teacher_temperature: float = 0.05
) -> Tensor:
    """Divergence of a stream's neighbourhood from that of another (Mao et al., 2022, section 3.2).

    ``mean_n KL(softmax(t / tau_t) || softmax(s / tau_s))`` over the entries of the aligned queues that are nearest to
    the teacher.

    Args:
        student: ``(N, K)`` cosines of a stream's queries to its queue.
        teacher: ``(N, K)`` cosines of another stream's keys to its own queue; without gradient.
        topk: Entries to compare, in [1, K].
        student_temperature: tau_s, above 0.
        teacher_temperature: tau_t, above 0.

    Returns:
        Tensor: A scalar.
    """
    nearest, entry = teacher.detach().topk(topk, 1, sorted=False)
    own = (student.gather(1, entry) / student_temperature).log_softmax(1)
    return F.kl_div(own, (nearest / teacher_temperature).softmax(1), reduction="batchmean")
