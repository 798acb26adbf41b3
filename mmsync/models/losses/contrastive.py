"""Margin-based contrastive loss of positive and negative pairs."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError, ContractError
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def pair_distance(first: Tensor, second: Tensor, normalize: bool = False, eps: float = 1e-8) -> Tensor:
    """Euclidean distances ``(...)`` of embeddings ``(..., D)``, with ``normalize`` of their unit vectors.

    They are exact from ``e = sqrt(eps)`` on; below it ``d`` is replaced by ``(d^2 / e + e) / 2`` (Huber), whose
    gradient is finite and vanishes at 0.
    """
    if normalize:
        first, second = F.normalize(first, dim=-1), F.normalize(second, dim=-1)
    square, small = (first - second).square().sum(-1), eps**0.5
    return torch.where(square < eps, (square / small + small) / 2, square.clamp(min=eps).sqrt())


@in_float32
def margin_contrastive(
    distance: Tensor, positive: Tensor, margin: float, squared_pos: bool = True, exponential: bool = False
) -> Tensor:
    """Contribution ``(P,)`` of pairs, ``positive (P,)`` or not, at a distance ``(P,)``, without the leading factor.

    ``y d^2 + (1 - y) max(m - d, 0)^2`` (Hadsell et al., 2006; Chung and Zisserman, 2016, SyncNet; Sannigrahi, 2020,
    Sync3D), with ``d`` for ``d^2`` on the slide of Korbar et al. (2018, AVTS); or with ``exponential``
    ``y (2 / m) d^2 + (1 - y) 2 m exp(-2.77 d / m)`` (Chopra et al., 2005, m is Q).
    """
    near = distance.square() if squared_pos else distance
    if exponential:
        near, far = near * (2 / margin), 2 * margin * (-2.77 / margin * distance).exp()
    else:
        far = (margin - distance).clamp(min=0).square()
    y = positive.to(distance.dtype)
    return y * near + (1 - y) * far


def weighted_mean(x: Tensor, weight: Optional[Tensor] = None) -> Tensor:
    """Mean of ``x (P,)`` with weights ``(P,)``, at least 0; 0 if all weights are 0 or there are no rows."""
    weight = torch.ones_like(x) if weight is None else weight.to(x.dtype)
    total = weight.sum()
    return (x * weight).sum() / total.masked_fill(total == 0, 1)


def require_pairs(loss: nn.Module, distance: Tensor, positive: Tensor) -> None:
    """Raise a ContractError unless a loss of pairs gets distances and labels, ``(P,)`` each."""
    if distance.dim() != 1 or positive.shape != distance.shape:
        found = f"{tuple(distance.shape)} and {tuple(positive.shape)}"
        text = f"takes distances (P,) and labels (P,), but got {found}; of embeddings z1 and z2 (P, D) call"
        raise ContractError(f"{type(loss).__name__} {text} loss(loss.distance(z1, z2), positive)")


@LOSSES.register_module()
class ContrastiveLoss(nn.Module):
    """Contrastive loss of positive and negative pairs of embeddings ``(P, D)``, in every published form.

    With ``d`` the distance and ``y`` 1 for positive pairs, the mean over P of::

        reduction_factor * (y d^2 + (1 - y) max(margin - d, 0)^2)

    ====================================================  =========================================================
    Sync3D (Sannigrahi, 2020)                             the default; the margin is not published
    SyncNet (Chung and Zisserman, 2016)                   ``margin=20``
    AVTS, the paper (Korbar et al., 2018)                 ``margin=0.99, reduction_factor=1``
    AVTS, the tutorial's slide: positive d not squared    ``margin=0.99, reduction_factor=1, squared_pos=False``
    Chopra et al., 2005; margin is its Q                  ``exponential=True, reduction_factor=1``
    ====================================================  =========================================================

    Args:
        margin: Distance beyond which a negative pair costs nothing; at most 2 with ``normalize``.
        squared_pos: Whether the distance of positive pairs is squared.
        reduction_factor: Leading factor.
        normalize: Whether to normalize embeddings to unit vectors.
        eps: Square of the distance below which the gradient of a distance is smoothed, see :func:`pair_distance`.
        exponential: ``y (2 / margin) d^2 + (1 - y) 2 margin exp(-2.77 d / margin)`` instead.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self, margin: float = 1.0, squared_pos: bool = True, reduction_factor: float = 0.5, normalize: bool = False,
        eps: float = 1e-8, exponential: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if not margin > 0 or not reduction_factor > 0 or not eps > 0:
            raise ConfigError(f"ContrastiveLoss: {margin=}, {reduction_factor=}, {eps=}: all must be above 0")
        if normalize and margin > 2 and not exponential:
            raise ConfigError(f"ContrastiveLoss: margin={margin}, but unit vectors are at most 2 apart; use 2 or less")
        self.margin, self.squared_pos, self.reduction_factor = margin, squared_pos, reduction_factor
        self.normalize, self.eps, self.exponential = normalize, eps, exponential

    @property
    def threshold(self) -> float:
        """Distance below which a pair counts as positive: half the margin."""
        return self.margin / 2

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances ``(...)`` of embeddings ``(..., D)``."""
        return pair_distance(first, second, self.normalize, self.eps)

    def forward(self, distance: Tensor, positive: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Loss of distances ``(P,)`` with labels ``(P,)``, a scalar; a ``weight (P,)`` of 0 excludes a pair.

        Raises:
            ContractError: They are something else, such as two embeddings.
        """
        require_pairs(self, distance, positive)
        terms = margin_contrastive(distance, positive, self.margin, self.squared_pos, self.exponential)
        return self.reduction_factor * weighted_mean(terms, weight)
