"""MoCo v2 (Chen et al., 2020, Improved Baselines with Momentum Contrastive Learning).

SkeletonCLR is its name on skeletons (Li et al., 2021, CrosSCLR, section 3.1); both names build the same class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import info_nce, queue_logits
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import Encoder, MemoryQueue, MomentumEncoder, build_encoder
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import View


@MODELS.register_module(name=["MoCo", "SkeletonCLR"])
class MoCo(SelfSupervisedModel):
    """Momentum contrast of two views of any modality: ``loss = CE([q.k, q.Q] / tau, 0)``.

    The key encoder is updated before it encodes, and the keys enter the queue after the logits are computed.

    Args:
        encoder: Config of the encoder, with a projector, or a module, see :func:`~mmsync.models.modules.build_encoder`.
        data_preprocessor: Config of the preprocessor that makes the views ``query`` and ``key``.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoder, in [0, 1].
        temperature: Temperature tau, above 0.
        key_init: Whether the key encoder starts as a ``'copy'`` of the query encoder, or is initialized independently,
            as AimCLR's ``'reference'`` does.
        feature_from: Encoder whose features probes see, ``'query'`` or ``'key'``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A temperature or momentum out of range.
    """

    views_needed: ClassVar[Sequence[str]] = ("query", "key")

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.07, key_init: Literal["copy", "reference"] = "copy",
        feature_from: Literal["query", "key"] = "query", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        if not temperature > 0:
            raise ConfigError(f"model.temperature={temperature}: give a number above 0; 0.07 to 0.2 are usual")
        self.encoder = build_encoder(encoder)
        self.key_encoder = MomentumEncoder(self.encoder, momentum, copy_init=key_init == "copy")
        self.queue = MemoryQueue(self.encoder.out_channels, queue_size)
        self.temperature = temperature
        self.feature_from = feature_from

    def init_weights(self) -> None:
        """Initialize both encoders, then copy the query encoder to the key encoder if ``key_init`` is ``'copy'``."""
        super().init_weights()
        self.key_encoder.follow_init(self.encoder)

    @torch.no_grad()
    def encode_key(self, view: View) -> Tensor:
        """Update the key encoder and return its keys, unit rows ``(N, D)``."""
        self.key_encoder.update(self.encoder)
        return F.normalize(self.key_encoder(view), dim=1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute InfoNCE of the views ``query`` and ``key``; log the mean positive and negative similarity."""
        query = F.normalize(self.encoder(views["query"]), dim=1)
        key = self.encode_key(views["key"])
        logits = queue_logits(query, key, self.queue.snapshot(), self.temperature)
        self.queue.enqueue(key)
        return {"loss_infonce": info_nce(logits), **similarity_gap(logits, self.temperature)}

    @classmethod
    def encoder_prefixes(cls, cfg: Mapping[str, Any]) -> dict[str, str]:
        """Prefix of the weights that produce the features: the key encoder's with ``feature_from='key'``."""
        return {"encoder": "key_encoder.module." if cfg.get("feature_from") == "key" else "encoder."}

    def feature_encoder(self, name: str) -> Encoder:
        """The query encoder, or the key encoder with ``feature_from='key'``."""
        return self.encoder if self.feature_from == "query" else self.key_encoder.module


@torch.no_grad()
def similarity_gap(logits: Tensor, temperature: float) -> dict[str, Tensor]:
    """Mean cosines of positives and negatives; a closing gap reveals a collapse that the loss does not show."""
    return {"pos_sim": logits[:, 0].mean() * temperature, "neg_sim": logits[:, 1:].mean() * temperature}
