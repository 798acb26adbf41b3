"""Energy-based attention drop (Guo et al., 2022, AimCLR; the energy is that of SimAM, Yang et al., 2021)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mmsync.ops.dist import all_reduce_sum


class AttentionDrop(NamedTuple):
    """Result of :func:`attention_drop`: masks (1: kept) and attention in (0, 1), ``(P, V)`` and ``(P, D, T, V)``."""

    output: Tensor
    joint_attention: Tensor
    joint_mask: Tensor
    element_attention: Tensor
    element_mask: Tensor


def attention_drop(x: Tensor, threshold: float = 0.7, scope: str = "batch", eps: float = 1e-4) -> AttentionDrop:
    """Drop what has the most attention by its energy: first whole joints, then single elements.

    An element's attention is ``sigmoid((x - mu)^2 / (4 (var + eps)) + 1/2)`` with the mean and the unbiased variance of
    its channel over T and V: from 0.62, and above 0.7 beyond about 1.18 standard deviations. A joint's attention is the
    mean over channels and frames. Masks carry no gradient. Cost: six passes over x.

    Args:
        x: ``(P, D, T, V)`` feature map; of video a place stands for a joint, V = H W.
        threshold: Attention from which on a joint or element is dropped, in (0, 1); ``keep_prob`` in the released code.
        scope: Scale by the share kept in the ``'batch'`` of all ranks, or in each ``'sample'``; else a ValueError.
        eps: Added to the variance.
    """
    with torch.no_grad():
        single = x.shape[2] * x.shape[3] == 1  # a single element has no variance
        var, mean = torch.var_mean(x, (2, 3), correction=0 if single else 1, keepdim=True)
        attention = ((x - mean).square_() / (4 * (var + eps))).add_(0.5).sigmoid_()
        joint_attention = attention.mean((1, 2))
        joint_mask = (joint_attention < threshold).to(x.dtype)
        element_mask = (attention < threshold).to(x.dtype)
        scale = _inverse_share(joint_mask, scope)[:, None, None] * _inverse_share(element_mask, scope)
        weight = element_mask * (joint_mask[:, None, None] * scale).to(x.dtype)
    return AttentionDrop(x * weight, joint_attention, joint_mask, attention, element_mask)


def _inverse_share(mask: Tensor, scope: str) -> Tensor:
    """1 / share kept, shaped to multiply ``mask``; 1 where nothing is left. Half precision cannot count that far."""
    if scope == "batch":
        kept = mask.sum(dtype=torch.float32)
        kept, total = all_reduce_sum(torch.stack([kept, kept.new_tensor(float(mask.numel()))]))
        return (total / kept.clamp(min=1)).expand((1,) * mask.dim())
    if scope == "sample":
        kept = mask.flatten(1).sum(1, dtype=torch.float32).clamp(min=1)
        return (mask[0].numel() / kept).view(-1, *(1,) * (mask.dim() - 1))
    raise ValueError(f"unknown scope {scope!r}; use 'batch' or 'sample'")
