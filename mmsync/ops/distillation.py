"""Distillation between similarities to clips that two networks have in common (Mao et al., 2022, CMD)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.precision import in_float32


@in_float32
def mutual_distillation(
    student: Tensor, teacher: Tensor, topk: int, student_temperature: float = 0.1, teacher_temperature: float = 0.05
) -> Tensor:
    """Divergence of a stream's neighborhood from that of another (Mao et al., 2022, section 3.2).

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
