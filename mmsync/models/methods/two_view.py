"""Methods that compare the embeddings of two views of a clip."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.models.losses import BarlowTwinsLoss, VICRegLoss
from mmsync.models.losses.cosine import row_cosine
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import MomentumEncoder, cosine_momentum
from mmsync.models.necks.projector import build_predictor
from mmsync.registry import LOSSES, MODELS, OptConfig


class TwoViewMethod(SelfSupervisedModel):
    """Base of methods on the views ``first`` and ``second``; a subclass sets ``criterion`` or writes :meth:`loss`."""

    views_needed = ("first", "second")
    criterion: Any

    def __init__(self, encoder: dict, data_preprocessor: OptConfig = None, init_cfg: OptConfig = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)

    def embed(self, views: Views) -> tuple[Tensor, Tensor]:
        """Embed the first and the second view, ``(N, D)`` each, in separate forward passes."""
        return self.encoder(views["first"]), self.encoder(views["second"])

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_<name>`` of each term of ``criterion``; :func:`embedding_log` for the log."""
        first, second = self.embed(views)
        losses = {f"loss_{name}": term for name, term in self.criterion.terms(first, second).items()}
        return {**losses, **embedding_log(first, second)}


@torch.no_grad()
def embedding_log(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """Statistics of embeddings ``(N, D)`` for the log that reveal a collapse.

    Returns:
        dict: ``pos_sim``, the mean cosine of the views of a clip; ``embedding_std``, the mean standard deviation of the
        unit embeddings' dimensions over this rank, times ``sqrt(D)``: 1 if they spread evenly, 0 if all are equal.
    """
    unit = F.normalize(first.float(), dim=1)
    std = unit.std(0, unbiased=False).mean() * unit.shape[1] ** 0.5
    return {"pos_sim": row_cosine(first, second).mean(), "embedding_std": std}


@MODELS.register_module()
class SimCLR(TwoViewMethod):
    """SimCLR (Chen et al., 2020): contrast of two views within the batch of all ranks.

    With the cosine ``s`` of embeddings, for view ``i`` of a clip and its other view ``j`` (eq. 1), the mean over the
    2N views of::

        l(i, j) = -log exp(s_ij / tau) / sum_{k != i} exp(s_ik / tau)

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        loss: Config of a loss of two embeddings; ``None``: NT-Xent with tau = 0.1.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self, encoder: dict, data_preprocessor: OptConfig = None, loss: OptConfig = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="NTXentLoss", temperature=0.1))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute NT-Xent of the views, ``loss_contrast``."""
        first, second = self.embed(views)
        return {"loss_contrast": self.criterion(first, second), **embedding_log(first, second)}


@MODELS.register_module()
class SimSiam(TwoViewMethod):
    """SimSiam (Chen and He, 2021): predict the other view's embedding, without its gradient, negatives or momentum.

    With embeddings ``z`` and predictions ``p = h(z)`` (eqs. 1 to 4)::

        loss = -(cos(p_1, stopgrad(z_2)) + cos(p_2, stopgrad(z_1))) / 2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        predictor: Config of h; its widths are filled in. ``None``: two layers with batch normalisation, the
            hidden one a quarter as wide as the embedding.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A predictor of another width.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: OptConfig = None,
        predictor: OptConfig = None,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=max(channels // 4, 1))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute the negative cosine of predictions and embeddings, ``loss_simsiam`` in [-1, 1]."""
        first, second = self.embed(views)
        forth = row_cosine(self.predictor(first), second.detach()).mean()
        back = row_cosine(self.predictor(second), first.detach()).mean()
        return {"loss_simsiam": -(forth + back) / 2, **embedding_log(first, second)}


@MODELS.register_module()
class BYOL(TwoViewMethod):
    """BYOL (Grill et al., 2020): predict a moving-average encoder's embedding of the other view, without negatives.

    With the online encoder's embeddings ``z``, their predictions ``p = q(z)``, and the target encoder's ``t`` (eq. 2,
    symmetrised)::

        loss = (2 - 2 cos(p_1, t_2)) + (2 - 2 cos(p_2, t_1))

    The target's parameters are ``xi <- tau xi + (1 - tau) theta`` (eq. 1) with ``tau = 1 - (1 - tau_0)
    (cos(pi k / K) + 1) / 2`` at iteration k of K (section 3.2). Outside a Runner, which sets k / K, it stays tau_0.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        predictor: Config of q; its widths are filled in. ``None``: two layers with batch normalisation.
        momentum: tau_0, in [0, 1].
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A momentum out of range, or a predictor of another width.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: OptConfig = None,
        predictor: OptConfig = None,
        momentum: float = 0.996,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=4 * channels)
        self.target = MomentumEncoder(self.encoder, momentum)
        self.momentum = momentum

    def init_weights(self) -> None:
        """Initialise all weights, then copy the encoder to the target."""
        super().init_weights()
        self.target.follow_init(self.encoder)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_byol``, and ``pos_sim`` of predictions and targets; the target is updated beforehand."""
        self.target.momentum = cosine_momentum(self.momentum, self.progress)
        self.target.update(self.encoder)
        first, second = self.embed(views)
        forth = row_cosine(self.predictor(first), self.target(views["second"])).mean()
        back = row_cosine(self.predictor(second), self.target(views["first"])).mean()
        similarity = (forth + back) / 2
        log = {**embedding_log(first, second), "pos_sim": similarity.detach()}
        return {"loss_byol": 4 - 4 * similarity, **log}


@MODELS.register_module()
class BarlowTwins(TwoViewMethod):
    """Barlow Twins (Zbontar et al., 2021): drive two views' cross-correlation ``(D, D)`` to the identity.

    With the correlation ``C_ij`` of dimension i of the first view and j of the second over the global batch (eqs. 1 and
    2)::

        loss = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        redundancy_weight: lambda; 0.005 as published.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A negative weight.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: OptConfig = None,
        redundancy_weight: float = 5e-3,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = BarlowTwinsLoss(redundancy_weight)


@MODELS.register_module()
class VICReg(TwoViewMethod):
    """VICReg (Bardes et al., 2022): pull two views' embeddings together, keep their variance and decorrelate them.

    With embeddings ``Z, Z' (N, D)`` (eq. 6)::

        loss = lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))

    Its terms, over the global batch, are those of :class:`mmsync.models.losses.VICRegLoss`.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
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
        data_preprocessor: OptConfig = None,
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        init_cfg: OptConfig = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = VICRegLoss(invariance_weight, variance_weight, covariance_weight)
