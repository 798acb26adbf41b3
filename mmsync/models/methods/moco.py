"""MoCo v2 (Chen et al., 2020, Improved Baselines with Momentum Contrastive Learning).

On skeletons it is called SkeletonCLR (Li et al., 2021, CrosSCLR, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import info_nce, queue_logits
from mmsync.models.methods.base import Samples, SelfSupervisedModel, Views
from mmsync.models.modules import MemoryQueue, MomentumEncoder
from mmsync.registry import MODELS
from mmsync.structures import View


@MODELS.register_module(name=["MoCo", "SkeletonCLR"])
class MoCo(SelfSupervisedModel):
    """Momentum contrast of two views, of any kind that the encoder takes.

    ``loss = CE([q.k, q.Q] / tau, 0)``; the key encoder moves before it encodes, and the keys enter the queue after the
    logits are made.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Makes the views ``query`` and ``key``.
        queue_size: K.
        momentum: Of the key encoder, in [0, 1].
        temperature: tau, above 0.
        key_init: ``'copy'`` starts the key encoder equal to the query encoder; ``'reference'`` initialises it on its
            own, as the released code does.
        feature_from: Whose features probes see: the ``'query'`` or the ``'key'`` encoder's.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: A temperature or momentum out of its range.
    """

    views_needed = ("query", "key")

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: Optional[dict] = None,
        queue_size: int = 32768,
        momentum: float = 0.999,
        temperature: float = 0.07,
        key_init: Literal["copy", "reference"] = "copy",
        feature_from: Literal["query", "key"] = "query",
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if not temperature > 0:
            raise ConfigError(f"model.temperature={temperature}: give a number above 0; 0.07 to 0.2 are usual")
        self.encoder = MODELS.build(encoder)
        self.key_encoder = MomentumEncoder(self.encoder, momentum, copy_init=key_init == "copy")
        self.queue = MemoryQueue(self.encoder.out_channels, queue_size)
        self.temperature = temperature
        self.feature_from = feature_from

    def init_weights(self) -> None:
        """Initialises both encoders, then lets the key encoder follow the query encoder if so configured."""
        super().init_weights()
        self.key_encoder.follow_init(self.encoder)

    @torch.no_grad()
    def encode_key(self, view: View) -> Tensor:
        """Moves the key encoder one step and returns its keys, ``(N, D)`` unit rows."""
        self.key_encoder.update(self.encoder)
        return F.normalize(self.key_encoder(view), dim=1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """InfoNCE of the views ``query`` and ``key``.

        Args:
            views: ``query`` and ``key``, each a batch of N clips.
            data_samples: Not used.

        Returns:
            dict: ``loss_infonce``; for the log, the mean positive and negative similarity.
        """
        query = F.normalize(self.encoder(views["query"]), dim=1)
        key = self.encode_key(views["key"])
        logits = queue_logits(query, key, self.queue.snapshot(), self.temperature)
        self.queue.enqueue(key)
        return {"loss_infonce": info_nce(logits), **similarity_gap(logits, self.temperature)}

    @classmethod
    def encoder_prefixes(cls, cfg: Mapping[str, Any]) -> dict[str, str]:
        """Prefix of the weights that make the features; those of the key encoder with ``feature_from='key'``."""
        return {"encoder": "key_encoder.module." if cfg.get("feature_from") == "key" else "encoder."}

    def feature_encoder(self, name: str) -> nn.Module:
        """The query encoder, or the key encoder with ``feature_from='key'``."""
        return self.encoder if self.feature_from == "query" else self.key_encoder.module


@torch.no_grad()
def similarity_gap(logits: Tensor, temperature: float) -> dict[str, Tensor]:
    """Mean cosine of the positives and of the negatives; a gap that closes is a collapse that the loss does not show.

    Args:
        logits: ``(N, 1 + K)``, positive first.
        temperature: What the cosines were divided by.
    """
    return {"pos_sim": logits[:, 0].mean() * temperature, "neg_sim": logits[:, 1:].mean() * temperature}
