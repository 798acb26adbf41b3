"""S-JEPA (Abdelfattah and Alahi, 2024, A Joint Embedding Predictive Architecture for Skeletal Action Recognition)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.masked import MaskedPrediction
from mmsync.models.modules import MomentumEncoder, cosine_momentum
from mmsync.ops.distances import embedding_std
from mmsync.ops.masked import mean_row_over_ranks
from mmsync.ops.masks import feature_cross_entropy, take_tokens
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class SJEPA(MaskedPrediction):
    """S-JEPA: predict a moving-average encoder's features of the hidden tokens, which it gets from the whole clip.

    Of Q hidden tokens of P persons, features ``t (P, Q, D)`` and predictions ``s``; the center c is a moving average of
    the features of all tokens and ranks, which keeps them from being all alike::

        loss = -mean sum_d softmax((t - c) / tau_t)_d log softmax(s / tau_s)_d

    The momentum rises to 1 as BYOL's. Temperatures and momenta are DINO's (Caron et al., 2021), the mask is MAMP's. In
    the paper the visible tokens are of joints without depth; here they are of the same clip as the features.

    Args:
        encoder: Config of the encoder; its backbone has tokens.
        decoder: Config of the predictor, a ``TokenDecoder``; its widths and grid are filled in.
        mask_ratio: Share of the tokens to hide, in (0, 1).
        motion_tau: Temperature of the motion-aware mask; 0: a uniform one.
        num_coords: The first channels, whose motion counts; ``None``: all.
        momentum: Of the target encoder at the start, in [0, 1].
        center_momentum: Of the center, in [0, 1].
        temperature: tau_s, above 0.
        target_temperature: tau_t, above 0.
        data_preprocessor: Config of the preprocessor that makes the view ``clip``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of its range; see also :class:`MaskedPrediction`.
    """

    predicts_features = True
    center: Tensor

    def __init__(
        self, encoder: Part, decoder: OptPart = None, mask_ratio: float = 0.9, motion_tau: float = 0.8,
        num_coords: Optional[int] = None, momentum: float = 0.996, center_momentum: float = 0.9,
        temperature: float = 0.1, target_temperature: float = 0.04, data_preprocessor: OptPart = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, decoder, mask_ratio, motion_tau, num_coords, data_preprocessor, init_cfg)
        if not (0 <= center_momentum <= 1 and temperature > 0 and target_temperature > 0):
            given = f"temperature={temperature}, target_temperature={target_temperature}"
            text = "give a momentum in [0, 1] and temperatures above 0"
            raise ConfigError(f"SJEPA: center_momentum={center_momentum}, {given}; {text}")
        self.target = MomentumEncoder(self.encoder, momentum)
        self.momentum, self.center_momentum = momentum, center_momentum
        self.temperature, self.target_temperature = temperature, target_temperature
        self.register_buffer("center", torch.zeros(self.encoder.backbone.out_channels))

    def init_weights(self) -> None:
        """Initialize all weights, then copy the encoder to the target encoder."""
        super().init_weights()
        self.target.follow_init(self.encoder)

    @torch.no_grad()
    def targets(self, rows: Tensor) -> Tensor:
        """Features ``(P, T', V, D)`` of the target encoder for persons ``(P, T, V, C)``."""
        return self.target.module.backbone.forward_rows(rows).permute(0, 2, 3, 1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_sjepa``, and ``target_std`` of features; the target encoder is updated beforehand."""
        self.target.momentum = cosine_momentum(self.momentum, self.progress)
        self.target.update(self.encoder)
        rows = self.rows(views["clip"])
        keep, hidden = self.split(rows)
        features = self.targets(rows).flatten(1, 2)
        predicted, target = self.predict_tokens(rows, keep, hidden), take_tokens(features, hidden)
        loss = feature_cross_entropy(predicted, target, self.center.clone(), self.temperature, self.target_temperature)
        self.center.lerp_(mean_row_over_ranks(features).to(self.center.dtype), 1 - self.center_momentum)
        return {"loss_sjepa": loss, "target_std": embedding_std(features.flatten(0, 1))}
