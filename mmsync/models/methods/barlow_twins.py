"""Barlow Twins (Zbontar et al., 2021, Self-Supervised Learning via Redundancy Reduction)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods.two_view import TwoViewMethod, embedding_log
from mmsync.ops.redundancy import barlow_twins_terms
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View


@MODELS.register_module()
class BarlowTwins(TwoViewMethod):
    """Makes the cross-correlation of two views' embeddings the identity; views ``(N, M, T, V, C)``.

    With the correlation ``C_ij`` of dimension i of the first view and j of the second over the global batch (eqs. 1 and
    2)::

        loss = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Makes the views ``first`` and ``second``.
        redundancy_weight: lambda; 0.005 as published.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: Optional[dict] = None,
        redundancy_weight: float = 5e-3,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        if not redundancy_weight >= 0:
            raise ConfigError(f"model.redundancy_weight={redundancy_weight}: give 0 or more; 0.005 is usual")
        self.redundancy_weight = redundancy_weight

    def loss(self, views: dict[str, View], data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """Both sums, the weight included.

        Args:
            views: ``first`` and ``second``, each a batch of N clips.
            data_samples: Not used.

        Returns:
            dict: ``loss_invariance`` and ``loss_redundancy``; for the log, ``pos_sim`` and ``embedding_std``.
        """
        first, second = self.embed(views)
        invariance, redundancy = barlow_twins_terms(first, second)
        losses = {"loss_invariance": invariance, "loss_redundancy": self.redundancy_weight * redundancy}
        return {**losses, **embedding_log(first, second)}
