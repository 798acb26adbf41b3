"""AimCLR (Guo et al., 2022, Contrastive Learning from Extremely Augmented Skeleton Sequences)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import (
    distribution_matching,
    info_nce,
    multi_positive_nce,
    nearest_neighbor_mask,
    queue_logits,
)
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.moco import MoCo, similarity_gap
from mmsync.models.modules import NeighborMining
from mmsync.models.modules.attention_drop import attention_drop
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class AimCLR(MoCo):
    """Momentum contrast with an extremely augmented third view and mined positives.

    With ``l(z) = [z.k, z.Q] / tau`` of the query ``z``, of the extreme view ``z~`` and of the extreme view with
    attention drop ``z~d``::

        loss = InfoNCE(l(z)) + w (D3M(l(z~), l(z)) + D3M(l(z~d), l(z)))

    Mining adds positives from the queue to InfoNCE. ``mining`` takes only those on which the key agrees;
    ``mining_epoch`` takes each view's nearest entries as published, which can collapse a transformer
    (docs/design/0011). The extreme view passes the backbone once; attention drop acts on its feature map.

    Args:
        encoder: Config of the encoder, with a projector, or a module.
        data_preprocessor: Config of the preprocessor that makes the views ``query``, ``key`` and ``extreme``.
        queue_size: Number K of keys in the queue.
        momentum: Momentum of the key encoder.
        temperature: Temperature tau.
        key_init: As in MoCo.
        feature_from: Encoder whose features probes see, ``'query'`` or ``'key'``.
        d3m_weight: Weight w of both D3M terms; 0.5 as published.
        drop_threshold: Attention above which features are dropped, in (0, 1); ``None`` omits the third term.
        drop_scope: Whether to rescale over the whole ``'batch'``, as in the released code, or each ``'sample'``.
        mining: Arguments of :class:`~mmsync.models.modules.NeighborMining`, ``dict()`` for its defaults; ``None``: off.
        mining_epoch: Epochs before mining as published starts (150: the 151st is the first with it); ``None``: off.
        mining_topk: Neighbors of each view in mining as published.
        positive_reduction: ``'mean_log'`` as in the released code, or ``'log_sum'`` as in the paper.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range, or both ``mining`` and ``mining_epoch``.
    """

    views_needed: ClassVar[Sequence[str]] = ("query", "key", "extreme")
    config_schema: ClassVar = {"mining": NeighborMining}
    chained: ClassVar[bool] = False
    """Whether each extreme view matches the one before it, and only the first one the query."""

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, queue_size: int = 32768, momentum: float = 0.999,
        temperature: float = 0.07, key_init: Literal["copy", "reference"] = "copy",
        feature_from: Literal["query", "key"] = "query", d3m_weight: float = 0.5, drop_threshold: Optional[float] = 0.7,
        drop_scope: Literal["sample", "batch"] = "sample", mining: OptConfig = None, mining_epoch: Optional[int] = None,
        mining_topk: int = 1, positive_reduction: Literal["mean_log", "log_sum"] = "mean_log",
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(
            encoder, data_preprocessor, queue_size, momentum, temperature, key_init, feature_from, init_cfg
        )
        if drop_threshold is not None and not 0 < drop_threshold < 1:
            raise ConfigError(f"model.drop_threshold={drop_threshold}: give a number in (0, 1), or None for off")
        if mining is not None and mining_epoch is not None:
            raise ConfigError(f"model.mining={mining} and model.mining_epoch={mining_epoch}: set one of them to None")
        self.miner = None if mining is None else NeighborMining(**mining)
        for name, topk in (("mining_topk", mining_topk), ("mining.topk", self.miner.topk if self.miner else 1)):
            if not 1 <= topk <= queue_size:
                raise ConfigError(f"model.{name}={topk}: give at least 1 and at most queue_size={queue_size}")
        self.d3m_weight, self.drop_threshold, self.drop_scope = d3m_weight, drop_threshold, drop_scope
        self.mining_epoch, self.mining_topk, self.positive_reduction = mining_epoch, mining_topk, positive_reduction

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_infonce`` (or ``loss_mining``), ``loss_d3m``, ``loss_d3m_drop``, and values for the log."""
        query = F.normalize(self.encoder(views["query"]), dim=1)
        extremes, log = self.encode_extremes(views)
        key = self.encode_key(views["key"])
        queue = self.queue.snapshot()
        self.queue.enqueue(key)

        logits = queue_logits(query, key, queue, self.temperature)
        extreme_logits = [queue_logits(z, key, queue, self.temperature) for z in extremes.values()]
        targets = [logits, *extreme_logits] if self.chained else [logits] * len(extremes)
        losses = {
            name: self.d3m_weight * distribution_matching(other, target)
            for name, other, target in zip(extremes, extreme_logits, targets)
        }
        if self.miner is not None:
            similarities = [x.detach()[:, 1:] * self.temperature for x in (logits, *extreme_logits)]
            # as in queue_logits; also, bfloat16 cannot count clips
            with torch.autocast(key.device.type, enabled=False):
                of_key = key.to(queue.dtype) @ queue
            mined, mining_log = self.miner(similarities, of_key, self.epoch)
            mask = F.pad(mined.to(logits.dtype), (1, 0), value=1)
            losses["loss_infonce"] = multi_positive_nce(logits, mask, self.positive_reduction)
            log.update(mining_log)
        elif self.mining_epoch is not None and self.epoch >= self.mining_epoch:
            mask = nearest_neighbor_mask([x.detach()[:, 1:] for x in (logits, *extreme_logits)], self.mining_topk)
            losses["loss_mining"] = multi_positive_nce(logits, mask, self.positive_reduction)
            log["positives"] = mask.sum(1).mean()
        else:
            losses["loss_infonce"] = info_nce(logits)
        return {**losses, **log, **similarity_gap(logits, self.temperature)}

    def encode_extremes(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Unit embeddings ``(N, D)`` of the extreme view by the name of their loss, and drop rates, in one pass."""
        encoder = self.encoder
        feature = encoder.forward_map(views["extreme"])
        pooled, log = {"loss_d3m": encoder.pool(feature)}, {}
        if self.drop_threshold is not None:
            drop = attention_drop(feature.grid(), self.drop_threshold, self.drop_scope)
            pooled["loss_d3m_drop"] = encoder.pool(feature.with_grid(drop.output))
            with torch.no_grad():
                log["joint_drop"] = 1 - drop.joint_mask.mean()
                log["element_drop"] = 1 - drop.element_mask.mean()
        return {name: F.normalize(encoder.project(x), dim=1) for name, x in pooled.items()}, log
