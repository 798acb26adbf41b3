"""InfoNCE between two modalities of the same clips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather, rank
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def cross_modal_nce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean of ``-log exp(s_ii / tau) / sum_k exp(s_ik / tau)`` in both directions, ``s`` cosines of two modalities.

    Other clips of the batch, of all ranks and with gradient, are the negatives (Patrick et al., 2020, GDT, eq. 1
    without transformations).

    Args:
        first: ``(N, D)`` embeddings of one modality; the same N on every rank.
        second: ``(N, D)`` embeddings of the other modality of the same clips.
        temperature: Temperature tau, above 0.
    """
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    at = torch.arange(len(first), device=first.device) + rank() * len(first)
    one = F.cross_entropy(first @ all_gather(second, with_grad=True).T / temperature, at)
    other = F.cross_entropy(second @ all_gather(first, with_grad=True).T / temperature, at)
    return (one + other) / 2


@LOSSES.register_module()
class CrossModalNCELoss(nn.Module):
    """InfoNCE between two modalities ``(N, D)`` of the same clips, see :func:`cross_modal_nce`.

    Args:
        temperature: Temperature tau, above 0.

    Raises:
        ConfigError: A temperature that is not positive.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"CrossModalNCELoss: temperature={temperature}: give a number above 0")
        self.temperature = temperature

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Loss of the embeddings of two modalities, ``(N, D)`` each; a scalar."""
        return cross_modal_nce(first, second, self.temperature)
