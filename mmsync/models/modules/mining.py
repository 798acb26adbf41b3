"""Nearest-neighbor mining with safeguards against collapse (docs/design/0011)."""

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

_REPORT_EVERY = 50
"""Steps between two checks for alarms from Python, which synchronize with the GPU."""


class NeighborMining(nn.Module):
    """Selection of queue entries ``(N, K)`` as additional positives, on a schedule that adapts to the embeddings.

    An entry is a positive if **the key agrees**: it is among the ``topk`` nearest entries of the query or an extreme
    view, and in the neighborhood of the key, which another encoder computed from another view. It must also be similar
    enough, and must not be a hub. Mining starts when query and key agree on neighborhoods far beyond chance, and is
    suspended when they no longer do or when all clips select the same entries. Decisions use the batch of all ranks and
    state in buffers, so they do not depend on the number of ranks or on interruptions.

    Args:
        start_epoch: Epochs without mining, regardless of the agreement.
        topk: Nearest entries of each view.
        neighborhood: Size of a neighborhood, a share of the queue in (0, 1]; at least ``topk`` entries.
        agreement: Smoothed agreement beyond chance at which mining starts; it is suspended below half of it.
        max_crowding: Smoothed share of a clip's neighborhood that other clips have in common above which mining is
            suspended; it starts below half of it.
        min_similarity: Minimum cosine of a view and a selected entry.
        max_share: Share of the batch's queries or keys that makes an entry of their neighborhoods a hub.
        smoothing: Steps of the exponential average of agreement and crowding.
        max_alarms: Suspensions after which mining stays off; ``None``: it always resumes.

    Raises:
        ConfigError: A number out of range.
    """

    agreed: Tensor
    crowded: Tensor
    on: Tensor
    alarms: Tensor

    def __init__(
        self, start_epoch: int = 0, topk: int = 5, neighborhood: float = 0.01, agreement: float = 0.1,
        max_crowding: float = 0.2, min_similarity: float = 0.5, max_share: float = 0.1, smoothing: int = 50,
        max_alarms: Optional[int] = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        shares = dict(neighborhood=neighborhood, agreement=agreement, max_crowding=max_crowding, max_share=max_share)
        for name, value in shares.items():
            if not 0 < value <= 1:
                raise ConfigError(f"model.mining.{name}={value}: give a share in (0, 1]")
        if topk < 1 or smoothing < 1:
            raise ConfigError(f"model.mining.topk={topk}, smoothing={smoothing}: both are counts, give at least 1")
        if not -1 <= min_similarity <= 1:
            raise ConfigError(f"model.mining.min_similarity={min_similarity}: a cosine is in [-1, 1]")
        self.start_epoch, self.topk, self.neighborhood = start_epoch, topk, neighborhood
        self.agreement, self.max_crowding, self.min_similarity = agreement, max_crowding, min_similarity
        self.max_share, self.smoothing, self.max_alarms = max_share, smoothing, max_alarms
        self.register_buffer("agreed", torch.tensor(0.0))
        self.register_buffer("crowded", torch.tensor(1.0))
        self.register_buffer("on", torch.tensor(False))
        self.register_buffer("alarms", torch.tensor(0))
        self._steps = self._reported = 0

    @torch.no_grad()
    def forward(self, views: Sequence[Tensor], key: Tensor, epoch: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Select positives, and update the state of mining.

        Args:
            views: ``(N, K)`` cosines to the queue, of the query first, then of any other views.
            key: ``(N, K)`` cosines of the keys to the queue.
            epoch: Counted from 0.

        Returns:
            tuple: The positives ``(N, K)`` bool, none while mining is off; for the log, ``mining_on``, ``agreement``,
            ``hub_share`` (of the most frequent entry), ``crowding`` and ``mined`` (positives per clip).
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
        """Update the averages, then switch mining on or off."""
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
        if self._steps % _REPORT_EVERY == 0:
            self._report_alarms()

    def _report_alarms(self) -> None:
        """Warn of suspensions since the last report."""
        alarms = int(self.alarms)
        if alarms > self._reported:
            for_good = self.max_alarms is not None and alarms >= self.max_alarms
            message = (
                f"nearest-neighbor mining was suspended, alarm {alarms}: agreement of query and key "
                f"{float(self.agreed):.3f} (at least {self.agreement / 2:.3g} required); crowding "
                f"{float(self.crowded):.3f} (at most {self.max_crowding:.3g} allowed). "
                + ("It stays off." if for_good else "It resumes at twice and at half of these limits.")
            )
            print_log(message, logger="current", level=logging.WARNING)
        self._reported = alarms
