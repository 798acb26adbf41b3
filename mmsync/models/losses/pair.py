"""The contrastive loss of labelled pairs as an object that a config can name."""

from __future__ import annotations

from typing import Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.pair import margin_contrastive, pair_distance, weighted_mean
from mmsync.registry import LOSSES


@LOSSES.register_module()
class ContrastiveLoss(nn.Module):
    """Contrastive loss of pairs of embeddings ``(P, D)`` that belong together or not, in every form in print.

    With ``d`` the distance and ``y`` 1 for pairs that belong together, the mean over P of::

        reduction_factor * (y d^2 + (1 - y) max(margin - d, 0)^2)

    ====================================================  =========================================================
    Sync3D (Sannigrahi, 2020)                             the default; the margin is not printed
    SyncNet (Chung and Zisserman, 2016)                   ``margin=20``
    AVTS, the paper (Korbar et al., 2018)                 ``margin=0.99, reduction_factor=1``
    AVTS, the tutorial's slide: positive d not squared    ``margin=0.99, reduction_factor=1, squared_pos=False``
    Chopra et al., 2005; margin is its Q                  ``exponential=True, reduction_factor=1``
    ====================================================  =========================================================

    Args:
        margin: Distance beyond which a negative pair costs nothing; at most 2 with ``normalize``.
        squared_pos: Whether the distance of positive pairs is squared.
        reduction_factor: Factor in front.
        normalize: Whether embeddings are made unit vectors.
        eps: Under the root of the distance.
        exponential: ``y (2 / margin) d^2 + (1 - y) 2 margin exp(-2.77 d / margin)`` instead.

    Raises:
        ConfigError: A number out of its range.
    """

    def __init__(
        self,
        margin: float = 1.0,
        squared_pos: bool = True,
        reduction_factor: float = 0.5,
        normalize: bool = False,
        eps: float = 1e-8,
        exponential: bool = False,
    ) -> None:
        super().__init__()
        if not margin > 0 or not reduction_factor > 0 or not eps > 0:
            raise ConfigError(
                f"ContrastiveLoss: margin={margin}, reduction_factor={reduction_factor}, eps={eps}: wanted: above 0"
            )
        if normalize and margin > 2 and not exponential:
            raise ConfigError(f"ContrastiveLoss: margin={margin}, but unit vectors are at most 2 apart; give 2 or less")
        self.margin, self.squared_pos, self.reduction_factor = margin, squared_pos, reduction_factor
        self.normalize, self.eps, self.exponential = normalize, eps, exponential

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances ``(...)`` of embeddings ``(..., D)``."""
        return pair_distance(first, second, self.normalize, self.eps)

    def forward(self, distance: Tensor, positive: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Loss of distances ``(P,)`` with labels ``(P,)``, a scalar; ``weight (P,)`` 0 leaves a pair out."""
        terms = margin_contrastive(distance, positive, self.margin, self.squared_pos, self.exponential)
        return self.reduction_factor * weighted_mean(terms, weight)
