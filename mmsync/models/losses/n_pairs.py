"""N-pairs loss of frames (Sermanet et al., 2018, Time-Contrastive Networks, TCN; Sohn, 2016)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.masked import mask_logits, mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def n_pairs(anchor: Tensor, positive: Tensor, valid: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
    """N-pairs terms of frames within each sequence (Sohn, 2016).

    Args:
        anchor: ``(N, P, D)`` embeddings; not normalized.
        positive: ``(N, P, D)`` embeddings of the frame near each anchor.
        valid: ``(N, P)`` bool, of pairs; ``None``: all.

    Returns:
        tuple: ``(N, P)`` cross entropies of each anchor's dot products with the positives of its sequence, and
        ``(N, P)`` squared norms ``|a|^2 + |p|^2``; 0 where a pair is not valid.
    """
    valid = valid_or_all(valid, anchor)
    log_p = mask_logits(anchor @ positive.transpose(1, 2), valid[:, None]).log_softmax(-1)
    norms = anchor.square().sum(-1) + positive.square().sum(-1)
    return -log_p.diagonal(dim1=1, dim2=2).masked_fill(~valid, 0), norms.masked_fill(~valid, 0)


@LOSSES.register_module()
class NPairsLoss(nn.Module):
    """N-pairs loss of anchors and positives ``(N, P, D)`` within each sequence, with a penalty of norms (TCN).

    The mean over pairs of the cross entropy, plus ``0.25 reg_weight (mean |a|^2 + mean |p|^2)``. In the single-view
    form the positive of a frame is one of the five before it; in the multi-view form the same moment of another view.

    Args:
        reg_weight: Weight of the squared norms, 0 or more.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(self, reg_weight: float = 0.002) -> None:
        super().__init__()
        if not reg_weight >= 0:
            raise ConfigError(f"NPairsLoss: reg_weight={reg_weight}: give 0 or more; 0.002 is usual")
        self.reg_weight = reg_weight

    def forward(self, anchor: Tensor, positive: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Loss of pairs of frames, a scalar; the same on every rank.

        Args:
            anchor: ``(N, P, D)`` embeddings.
            positive: ``(N, P, D)``, of the frame near each anchor.
            valid: ``(N, P)`` bool, of pairs; ``None``: all.
        """
        entropy, norms = n_pairs(anchor, positive, valid)
        rows = entropy + 0.25 * self.reg_weight * norms
        return mean_over_ranks(rows, torch.ones_like(rows) if valid is None else valid)
