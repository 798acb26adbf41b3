"""Barlow Twins (Zbontar et al., 2021, Self-Supervised Learning via Redundancy Reduction)."""

from __future__ import annotations

from mmsync.models.losses import BarlowTwinsLoss
from mmsync.models.methods.base import TwoViewMethod
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class BarlowTwins(TwoViewMethod):
    """Barlow Twins: drive the cross-correlation ``(D, D)`` of two views' embeddings ``(N, D)`` to the identity.

    With the correlation ``C_ij`` of dimension i of the first view and j of the second over the global batch (eqs. 1 and
    2)::

        loss = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        redundancy_weight: lambda; 0.005 as published.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self,
        encoder: Part,
        data_preprocessor: OptPart = None,
        redundancy_weight: float = 5e-3,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = BarlowTwinsLoss(redundancy_weight)
