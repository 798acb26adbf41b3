"""ReLIC (Mitrovic et al., 2021, Representation Learning via Invariant Causal Mechanisms)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods import TwoViewMethod
from mmsync.models.modules import MomentumEncoder
from mmsync.ops.dist import all_gather, rank
from mmsync.registry import MODELS, NECKS
from mmsync.structures import MotionSample, View


@MODELS.register_module()
class ReLIC(TwoViewMethod):
    """Contrast with a moving average, and the same judgement of both views: two views, each ``(N, M, T, V, C)``.

    A prediction of one view is compared with the target's embeddings of the other view of all clips; the softmax of
    these cosines over tau is ``p``. The right clip has to be found in it, and both ways round have to agree on all::

        loss = CE_12 + CE_21 + alpha (KL(p_12 || p_21) + KL(p_21 || p_12)) / 2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Makes the views ``first`` and ``second``.
        predictor: Config of a projection neck; its widths are filled in.
        temperature: tau, above 0.
        invariance_weight: alpha, 0 or more.
        momentum: Of the target, in [0, 1].
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of its range.
    """

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: Optional[dict] = None,
        predictor: Optional[dict] = None,
        temperature: float = 0.1,
        invariance_weight: float = 1.0,
        momentum: float = 0.99,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        if not (temperature > 0 and invariance_weight >= 0):
            raise ConfigError(
                f"ReLIC: temperature={temperature} has to be above 0, invariance_weight={invariance_weight} at least 0"
            )
        self.target = MomentumEncoder(self.encoder, momentum)
        width = self.encoder.out_channels
        widths = dict(in_channels=width, out_channels=width)
        self.predictor = NECKS.build({**(predictor or dict(type="MLPProjector", norm=True)), **widths})
        self.temperature, self.invariance_weight = temperature, invariance_weight

    def init_weights(self) -> None:
        """Initializes all weights, then makes the target equal to the encoder."""
        super().init_weights()
        self.target.follow_init(self.encoder)

    def logits(self, view: View, other: View) -> Tensor:
        """Cosines ``(N, N')`` over tau of a view's predictions and the target's embeddings of all clips' other view."""
        query = F.normalize(self.predictor(self.encoder(view)).float(), dim=1)
        key = F.normalize(self.target(other).float(), dim=1)
        return query @ all_gather(key).t() / self.temperature

    def loss(self, views: dict[str, View], data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """Both terms, the weight included; the target moves before it encodes.

        Args:
            views: ``first`` and ``second``, each a batch of N clips.
            data_samples: Not used.

        Returns:
            dict: ``loss_contrast`` and ``loss_invariance``.
        """
        self.target.update(self.encoder)
        first, second = views["first"], views["second"]
        both = self.logits(first, second), self.logits(second, first)
        clip = torch.arange(len(first.data), device=both[0].device) + rank() * len(first.data)
        p, q = (logits.log_softmax(1) for logits in both)
        divergence = sum(F.kl_div(a, b, reduction="batchmean", log_target=True) for a, b in ((p, q), (q, p))) / 2
        contrast = F.nll_loss(p, clip) + F.nll_loss(q, clip)
        return {"loss_contrast": contrast, "loss_invariance": self.invariance_weight * divergence}
