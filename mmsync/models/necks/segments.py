"""Pooling that keeps segments of time and body parts apart, or learns what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import Backbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.models.necks.pool import MeanPool
from mmsync.ops.attention import attention, default_heads
from mmsync.ops.segments import STATISTICS, cell_statistics, segment_weights
from mmsync.registry import NECKS, OptConfig
from mmsync.structures import FeatureMap


@NECKS.register_module()
class SegmentPartPool(MeanPool):
    """Statistics over segments of the valid frames and body parts: a map ``(P, ...)`` to ``(N, S * K * R * D)``.

    A mean over a clip forgets what came first and which arm moved. Cells of S segments and K parts keep both; all K of
    the first segment come first. Segments are of each clip's own valid frames. A map without parts has K = 1.

    Args:
        segments: S segments of equal length; several numbers are a pyramid, ``(1, 2, 4)`` of 7.
        parts: Whether to keep the backbone's ``map_parts`` apart, as a rule trunk, arms and legs; or the places V' of
            each part.
        statistics: R of ``'mean'``, ``'max'`` and ``'std'``.
        persons: As of :class:`MeanPool`; ``'spread'``: mean and mean absolute deviation from it over the present
            persons, ``2 D`` for D, which keeps two persons apart, whatever their order.
        unit: Whether to scale the D values of each cell and statistic to unit length.
        norm: Whether to bring each feature to zero mean and unit variance, last: by the batch in training, by running
            statistics in evaluation. Otherwise a few features of large variance decide a cosine. They are those of the
            neck that trains, so set it in ``pool``, which probes see too without a ``probe_pool``.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: No segment, an unknown statistic or rule, or a map that lacks the places of a part.
    """

    def __init__(
        self, segments: Union[int, Sequence[int]] = 4, parts: Union[bool, Sequence[Sequence[int]]] = True,
        statistics: Sequence[Literal["mean", "max", "std"]] = ("mean",),
        persons: Literal["valid_mean", "mean", "spread"] = "valid_mean", unit: bool = False,
        norm: bool = False, in_channels: Optional[int] = None,
    ) -> None:  # fmt: skip
        super().__init__("valid_mean" if persons == "spread" else persons)
        self.segments = [segments] if isinstance(segments, int) else list(segments)
        if not self.segments or min(self.segments) < 1:
            raise ConfigError(f"SegmentPartPool: segments={segments!r}; give 1 or more, or several such numbers")
        if isinstance(statistics, str) or not statistics or set(statistics) - set(STATISTICS):
            raise ConfigError(f"SegmentPartPool: statistics={statistics!r}; give a list of 'mean', 'max' and 'std'")
        self.statistics, self.spread, self.unit = tuple(statistics), persons == "spread", unit
        self.keep_parts = parts is True
        self.parts = () if isinstance(parts, bool) else tuple(map(tuple, parts))
        self.norm: Optional[BatchNorm] = None
        self._set_width(in_channels or 0, norm)

    def _set_width(self, channels: int, norm: bool) -> None:
        cells = sum(self.segments) * max(len(self.parts), 1)
        self.out_channels = channels * cells * len(self.statistics) * (1 + self.spread)
        # eps: tokens have unit variance, and a feature that hardly varies is noise
        self.norm = BatchNorm(self.out_channels, eps=1e-3, affine=False) if norm else None

    def pooled_channels(self, backbone: Backbone) -> int:
        """Number of features."""
        if self.keep_parts:
            self.parts = tuple(map(tuple, getattr(backbone, "map_parts", ())))
        self._set_width(backbone.out_channels, self.norm is not None)
        return self.out_channels

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, S * K * R * D)``."""
        grid = feature.grid().permute(0, 2, 3, 1)  # (P, T', V', D)
        frames, places = grid.shape[1:3]
        parts = self.parts or (range(places),)
        if any(not 0 <= place < places for part in parts for place in part):
            text = f"SegmentPartPool: the parts are places up to {max(map(max, parts))}, but the map has {places}"
            raise ConfigError(f"{text}; set parts=False, or `map_parts` of the backbone as its map has them")
        valid = feature.valid if "T" in feature.axes else None
        weight = segment_weights(frames, self.segments, valid).to(grid.device)
        cells = cell_statistics(grid, weight if valid is None else weight[feature.owner], parts, self.statistics)
        pooled = feature.mean_persons(cells, self.counts_absent)
        if self.spread:
            away = (cells - pooled[feature.owner]).abs()
            pooled = torch.cat([pooled, feature.mean_persons(away, self.counts_absent)], -1)
        pooled = (F.normalize(pooled, dim=-1) if self.unit else pooled).flatten(1)
        return pooled if self.norm is None else self.norm(pooled.float())


@NECKS.register_module()
class AttentionPool(BaseModule):
    """Attention of learned queries to the places and valid frames of a map: ``(P, ...)`` to ``(N, Q * D)``.

    The attention of pooling by multi-head attention (Lee et al., ICML 2019, eq. 11), without its residual MLP. Queries
    learn with the method, or with the head of a classifier, what to look at; persons are averaged.

    Args:
        queries: Number of queries Q.
        num_heads: A divisor of D; ``None``: see :func:`~mmsync.ops.attention.default_heads`.
        persons: As of :class:`MeanPool`.
        in_channels: D; the encoder fills it in.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No ``in_channels``, no query, an unknown rule, or heads that do not divide D.
    """

    def __init__(
        self, queries: int = 1, num_heads: Optional[int] = None,
        persons: Literal["valid_mean", "mean"] = "valid_mean", in_channels: Optional[int] = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if in_channels is None or queries < 1:
            raise ConfigError(f"AttentionPool: {in_channels=}, {queries=}; give a width, and 1 or more queries")
        self.heads = num_heads or default_heads(in_channels)
        if in_channels % self.heads:
            raise ConfigError(f"AttentionPool: num_heads={num_heads} does not divide in_channels={in_channels}")
        self.counts_absent = MeanPool(persons).counts_absent
        self.out_channels = queries * in_channels
        self.query = nn.Parameter(torch.randn(queries, in_channels) * 0.02)
        self.norm = nn.LayerNorm(in_channels)
        self.key = nn.Linear(in_channels, in_channels, bias=False)  # a bias would change no weight of the softmax
        self.value = nn.Linear(in_channels, in_channels)

    def pooled_channels(self, backbone: Backbone) -> int:
        """Number of features."""
        return self.out_channels

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, Q * D)``."""
        grid = feature.grid().permute(0, 2, 3, 1)
        tokens, valid = self.norm(grid.flatten(1, 2)), None
        if feature.valid is not None and "T" in feature.axes:
            valid = feature.valid[feature.owner].repeat_interleave(grid.shape[2], 1)
        query = self.query.expand(len(tokens), -1, -1)
        out = attention(query, self.key(tokens), self.value(tokens), self.heads, "softmax", valid)
        return feature.mean_persons(out.flatten(1), self.counts_absent)
