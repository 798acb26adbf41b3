"""The equations that compare two embeddings by their distance."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.precision import in_float32


@in_float32
def pair_distance(first: Tensor, second: Tensor, normalize: bool = False, eps: float = 1e-8) -> Tensor:
    """Euclidean distances ``sqrt(|z1 - z2|^2 + eps)``, at least in single precision.

    ``eps`` keeps the gradient finite where the two are equal, and changes that of the square not at all.

    Args:
        first: ``(..., D)``.
        second: ``(..., D)``, broadcast against ``first``.
        normalize: Take unit vectors; distances are then in [0, 2].
        eps: Added under the root.

    Returns:
        ``(...)``.
    """
    if normalize:
        first, second = F.normalize(first, dim=-1), F.normalize(second, dim=-1)
    return ((first - second).square().sum(-1) + eps).sqrt()


@in_float32
def margin_contrastive(
    distance: Tensor, positive: Tensor, margin: float, squared_pos: bool = True, exponential: bool = False
) -> Tensor:
    """What each pair contributes to a contrastive loss, without the factor in front.

    ``y d^2 + (1 - y) max(m - d, 0)^2`` (Hadsell et al., 2006; Chung and Zisserman, 2016, SyncNet; Sannigrahi, 2020,
    Sync3D), or with ``exponential`` ``y (2 / m) d^2 + (1 - y) 2 m exp(-2.77 d / m)`` (Chopra et al., 2005, m is Q).

    Args:
        distance: ``(P,)``, 0 or more.
        positive: ``(P,)`` 1 or True for pairs that belong together.
        margin: m.
        squared_pos: Take d^2 for positive pairs, else d (as on the slide of Korbar et al., 2018, AVTS).
        exponential: The form of 2005.

    Returns:
        ``(P,)``.
    """
    near = distance.square() if squared_pos else distance
    if exponential:
        near, far = near * (2 / margin), 2 * margin * (-2.77 / margin * distance).exp()
    else:
        far = (margin - distance).clamp(min=0).square()
    y = positive.to(distance.dtype)
    return y * near + (1 - y) * far


def weighted_mean(x: Tensor, weight: Optional[Tensor] = None) -> Tensor:
    """Mean of ``x (P,)`` with weights ``(P,)``; 0 if they are all 0, or there is nothing."""
    weight = torch.ones_like(x) if weight is None else weight.to(x.dtype)
    return (x * weight).sum() / weight.sum().clamp(min=1)
