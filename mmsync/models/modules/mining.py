"""Nearest-neighbour mining that cannot close the cone of embeddings (docs/design/0011)."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_reduce_sum
from mmsync.ops.neighbors import agreement_beyond_chance, crowding

_TELL_EVERY = 50
"""Steps between two looks at the alarms from Python, which make a GPU wait."""


class NeighborMining(nn.Module):
    """Names the queue entries that count as further positives of a clip, ``(N, K)``, and when to.

    An entry is a positive where **the key agrees**: the query or an extreme view has it among its ``topk`` nearest, and
    the key, which another encoder made of another view, in its neighbourhood. It must be similar enough, and no hub.

    Mining waits until query and key agree on neighbourhoods far beyond chance, and is suspended when they no longer
    do or when all clips name the same entries. No label enters. All decisions are made on the batch of all ranks, and
    what they rest on lies in buffers: two ranks decide as one does, a resumed run as the uninterrupted one.

    Args:
        start_epoch: Epochs without mining, whatever the agreement.
        topk: Entries that each view names.
        neighborhood: Size of a neighbourhood, a share of the queue in (0, 1]; never under ``topk`` entries.
        agreement: Agreement of query and key, beyond chance and smoothed, at which mining starts; below half of it
            mining is suspended.
        max_crowding: Share of a clip's neighbourhood that another clip has too, smoothed, above which mining is
            suspended; it starts and comes back below half of it.
        min_similarity: Least cosine of a view and an entry that it names.
        max_share: An entry in the neighbourhoods of more than this share of the batch's queries or keys is a hub and no
            positive.
        smoothing: Steps over which agreement and crowding are averaged, exponentially.
        max_alarms: Suspensions after which mining stays off; ``None``: it always comes back.

    Raises:
        ConfigError: A number out of its range.
    """

    agreed: Tensor
    crowded: Tensor
    on: Tensor
    alarms: Tensor

    def __init__(
        self,
        start_epoch: int = 0,
        topk: int = 5,
        neighborhood: float = 0.01,
        agreement: float = 0.1,
        max_crowding: float = 0.2,
        min_similarity: float = 0.5,
        max_share: float = 0.1,
        smoothing: int = 50,
        max_alarms: Optional[int] = 3,
    ) -> None:
        super().__init__()
        shares = dict(neighborhood=neighborhood, agreement=agreement, max_crowding=max_crowding, max_share=max_share)
        for name, value in shares.items():
            if not 0 < value <= 1:
                raise ConfigError(f"model.mining.{name}={value}: give a share in (0, 1]")
        if topk < 1 or smoothing < 1:
            raise ConfigError(f"model.mining.topk={topk}, smoothing={smoothing}: both are counts, give at least 1")
        if not -1 <= min_similarity <= 1:
            raise ConfigError(f"model.mining.min_similarity={min_similarity}: a cosine lies in [-1, 1]")
        self.start_epoch = start_epoch
        self.topk = topk
        self.neighborhood = neighborhood
        self.agreement = agreement
        self.max_crowding = max_crowding
        self.min_similarity = min_similarity
        self.max_share = max_share
        self.smoothing = smoothing
        self.max_alarms = max_alarms
        self.register_buffer("agreed", torch.tensor(0.0))
        self.register_buffer("crowded", torch.tensor(1.0))
        self.register_buffer("on", torch.tensor(False))
        self.register_buffer("alarms", torch.tensor(0))
        self._steps = self._told = 0

    @torch.no_grad()
    def forward(self, views: Sequence[Tensor], key: Tensor, epoch: int) -> tuple[Tensor, dict[str, Tensor]]:
        """One step.

        Args:
            views: ``(N, K)`` cosines to the queue, of the query first, then of any other views.
            key: ``(N, K)`` cosines of the keys to the queue.
            epoch: Counted from 0.

        Returns:
            tuple: The positives ``(N, K)`` bool, none while mining is off; and for the log ``mining_on``,
            ``agreement``, ``hub_share`` (the largest share of the batch that has one entry in its neighbourhood),
            ``crowding`` and ``mined`` (positives a clip).
        """
        clips, length = key.shape
        size = min(max(self.topk, math.ceil(self.neighborhood * length)), length)
        of_query, of_key = (x.topk(size, 1, sorted=False).indices for x in (views[0], key))
        key_names = torch.zeros_like(key, dtype=torch.bool).scatter_(1, of_key, True)
        counts = [key.new_zeros(length).index_add_(0, i.flatten(), key.new_ones(i.numel())) for i in (of_query, of_key)]
        shared = key_names.gather(1, of_query).sum()
        sums = all_reduce_sum(torch.cat([*counts, torch.stack([shared, shared.new_tensor(clips)]).to(key)]))
        by_query, by_key, (shared, rows) = sums.split([length, length, 2])

        hub_share = by_query.max() / rows
        self._decide(agreement_beyond_chance(shared, by_query, by_key, rows), crowding(by_query, rows), epoch)
        hub = torch.maximum(by_query, by_key) > (self.max_share * rows).clamp_min(1)
        similarity, entry = (torch.cat(part, 1) for part in zip(*(view.topk(self.topk, 1) for view in views)))
        agreed = (similarity >= self.min_similarity) & key_names.gather(1, entry) & ~hub[entry] & self.on
        positives = torch.zeros_like(key).scatter_add_(1, entry, agreed.to(key)) > 0
        log = dict(mining_on=self.on.float(), agreement=self.agreed.clone(), hub_share=hub_share)
        return positives, {**log, "crowding": self.crowded.clone(), "mined": positives.sum() / clips}

    def _decide(self, agreement: Tensor, crowd: Tensor, epoch: int) -> None:
        """Moves the averages, then switches mining on or off."""
        self.agreed.lerp_(agreement.to(self.agreed), 1 / self.smoothing)
        self.crowded.lerp_(crowd.to(self.crowded), 1 / self.smoothing)
        healthy = (self.agreed >= self.agreement) & (self.crowded <= self.max_crowding / 2)
        sick = (self.agreed < self.agreement / 2) | (self.crowded > self.max_crowding)
        now = torch.where(self.on, ~sick, healthy) & (epoch >= self.start_epoch)
        if self.max_alarms is not None:
            now = now & (self.alarms < self.max_alarms)
        self.alarms += self.on & ~now
        self.on.copy_(now)
        self._steps += 1
        if self._steps % _TELL_EVERY == 0:
            self._tell()

    def _tell(self) -> None:
        """Warns of suspensions since the last look."""
        alarms = int(self.alarms)
        if alarms > self._told:
            for_good = self.max_alarms is not None and alarms >= self.max_alarms
            print_log(
                f"nearest-neighbour mining was suspended, alarm {alarms}: agreement of query and key "
                f"{float(self.agreed):.3f}, to stay above {self.agreement / 2:.3g}; crowding "
                f"{float(self.crowded):.3f}, to stay below {self.max_crowding:.3g}. "
                + ("It stays off." if for_good else "It comes back at twice and at half of these limits."),
                logger="current",
                level=logging.WARNING,
            )
        self._told = alarms
