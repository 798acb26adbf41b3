"""VICReg (Bardes et al., 2022, Variance-Invariance-Covariance Regularization for Self-Supervised Learning)."""

from __future__ import annotations

from mmsync.models.losses import VICRegLoss
from mmsync.models.methods.base import TwoViewMethod
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class VICReg(TwoViewMethod):
    """VICReg: pull two views' embeddings together while every dimension varies and no two are correlated.

    With embeddings ``Z, Z'`` (eq. 6)::

        loss = lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))

    ``s`` is the mean square of their difference, ``v`` a hinge that keeps the deviation of every dimension above 1
    (eq. 1), ``c`` the sum of squared off-diagonal covariances over D (eqs. 3 and 4), all over the global batch; see
    :class:`mmsync.models.losses.VICRegLoss`.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        invariance_weight: lambda; 25 as published.
        variance_weight: mu; 25 as published.
        covariance_weight: nu; 1 as published.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, invariance_weight: float = 25.0,
        variance_weight: float = 25.0, covariance_weight: float = 1.0, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = VICRegLoss(invariance_weight, variance_weight, covariance_weight)
