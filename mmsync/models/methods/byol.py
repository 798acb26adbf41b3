"""BYOL (Grill et al., 2020, Bootstrap Your Own Latent)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.losses.cosine import row_cosine
from mmsync.models.methods.base import Samples, TwoViewMethod, Views, embedding_log
from mmsync.models.modules import MomentumEncoder, cosine_momentum
from mmsync.models.necks.projector import build_predictor
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class BYOL(TwoViewMethod):
    """BYOL: predict a moving-average encoder's embedding of the other view, without negatives.

    With the online encoder's embeddings ``z``, their predictions ``p = q(z)``, and the target encoder's ``t`` (eq. 2,
    symmetrized)::

        loss = (2 - 2 cos(p_1, t_2)) + (2 - 2 cos(p_2, t_1))

    The target's parameters are ``xi <- tau xi + (1 - tau) theta`` (eq. 1) with ``tau = 1 - (1 - tau_0)
    (cos(pi k / K) + 1) / 2`` at iteration k of K (section 3.2). Without a Runner it stays ``tau_0``.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        predictor: Config of q; its widths are filled in. ``None``: two layers with batch normalization.
        momentum: tau_0, in [0, 1].
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A momentum out of range, or a predictor of another width.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, predictor: OptPart = None, momentum: float = 0.996,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=4 * channels)
        self.target = MomentumEncoder(self.encoder, momentum)
        self.momentum = momentum

    def init_weights(self) -> None:
        """Initialize all weights, then copy the encoder to the target."""
        super().init_weights()
        self.target.follow_init(self.encoder)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_byol``, and ``pos_sim`` of predictions and targets; the target is updated beforehand."""
        self.target.momentum = cosine_momentum(self.momentum, self.progress)
        self.target.update(self.encoder)
        first, second = self.embed(views)
        pairs = (
            (self.predictor(first), self.target(views["second"])),
            (self.predictor(second), self.target(views["first"])),
        )
        similarity = sum(row_cosine(p, t).mean() for p, t in pairs) / 2
        log = {**embedding_log(first, second), "pos_sim": similarity.detach()}
        return {"loss_byol": 4 - 4 * similarity, **log}
