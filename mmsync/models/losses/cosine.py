"""Negative cosine of predictions and targets (Grill et al., 2020, BYOL; Chen and He, 2021, SimSiam)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def row_cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine similarities ``(...)`` of corresponding rows ``(..., D)``, for instance ``(N,)`` of ``(N, D)``."""
    return F.cosine_similarity(first, second, dim=-1)


@LOSSES.register_module()
class NegativeCosineLoss(nn.Module):
    """Mean of ``-cos(p, z)`` over N predictions and targets ``(N, D)`` (Chen and He, 2021, eq. 1)."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Loss of predictions and targets ``(N, D)``, a scalar in [-1, 1]; targets get no gradient."""
        return -row_cosine(prediction, target.detach()).mean()
