"""VICReg (Bardes et al., 2022, Variance-Invariance-Covariance Regularization for Self-Supervised Learning)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods.two_view import TwoViewMethod, embedding_log
from mmsync.ops.redundancy import vicreg_terms
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View


@MODELS.register_module()
class VICReg(TwoViewMethod):
    """Pulls two views' embeddings together while every dimension varies and none repeats another.

    For views ``(N, M, T, V, C)`` with embeddings ``Z, Z'`` (eq. 6)::

        loss = lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))

    ``s`` is the mean square of their difference, ``v`` a hinge that asks a deviation of 1 of every dimension (eq. 1),
    ``c`` the sum of squared covariances beside the diagonal over D (eqs. 3 and 4), all over the global batch; see
    :func:`mmsync.ops.redundancy.vicreg_terms`.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Makes the views ``first`` and ``second``.
        invariance_weight: lambda; 25 as published.
        variance_weight: mu; 25 as published.
        covariance_weight: nu; 1 as published.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: Optional[dict] = None,
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.weights = dict(invariance=invariance_weight, variance=variance_weight, covariance=covariance_weight)
        for name, weight in self.weights.items():
            if not weight >= 0:
                raise ConfigError(f"model.{name}_weight={weight}: give 0 or more; 25, 25 and 1 are usual")

    def loss(self, views: dict[str, View], data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """The three terms, their weights included.

        Args:
            views: ``first`` and ``second``, each a batch of N clips.
            data_samples: Not used.

        Returns:
            dict: ``loss_invariance``, ``loss_variance`` and ``loss_covariance``; for the log, ``pos_sim`` and
            ``embedding_std``.
        """
        first, second = self.embed(views)
        terms = vicreg_terms(first, second)
        losses = {f"loss_{name}": weight * term for (name, weight), term in zip(self.weights.items(), terms)}
        return {**losses, **embedding_log(first, second)}
