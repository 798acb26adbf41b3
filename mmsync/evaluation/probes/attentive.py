"""A probe that learns which cells of pooled features to look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsync.errors import ProtocolError
from mmsync.evaluation.probes.base import Arrays, Probe, require_whole
from mmsync.evaluation.probes.trained import MLPProbe
from mmsync.ops.attention import attention, default_heads
from mmsync.ops.scaling import Scaling
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


class Cells(nn.Module):
    """Attention of one learned query to cells of features, ``(N, cells * D)`` to ``(N, D)``."""

    def __init__(self, cells: int, channels: int) -> None:
        super().__init__()
        self.heads, self.cells = default_heads(channels), cells
        self.norm, self.place = nn.LayerNorm(channels), nn.Parameter(torch.randn(cells, channels) * 0.5)
        self.query = nn.Parameter(torch.randn(1, channels) * 0.02)
        self.key, self.value = nn.Linear(channels, channels, bias=False), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.unflatten(1, (self.cells, -1))) + self.place
        query = self.query.expand(len(x), 1, -1)
        return attention(query, self.key(x), self.value(x), self.heads, "softmax", None)[:, 0]


@PROBES.register_module()
class AttentionProbe(MLPProbe):
    """Attentive pooling of cells and a linear classifier, trained on features ``(N, cells * D)`` of a frozen encoder.

    Cells are those of :class:`~mmsync.models.necks.SegmentPartPool`, so that features are extracted once; the bank
    whitens them. A learned query weighs them (as in V-JEPA, Bardes et al., 2024, without its MLP), each with a learned
    code of its place. No linear probe, so report its number as of an attentive probe. Gives ``last`` and ``best``.

    Args:
        cells: Cells whose features stand side by side: segments times parts.
        dropout: Of the pooled features, in [0, 1).
        epochs: Passes over the bank, at least 1.
        batch_size: Samples per step, at least 2.
        lr: Learning rate of the first step of AdamW; it falls to zero by a half cosine.
        weight_decay: Of all parameters.
        seed: Of the initialization, the dropout and the order of the samples.
        column: Name of the column of features.

    Raises:
        ConfigError: An argument is out of its range.
        ProtocolError: The features are no such number of cells.
    """

    name = "attention"
    note = "attentive probe (no linear one) on the cells of the pooled features"

    def __init__(
        self, cells: int = 20, dropout: float = 0.5, epochs: int = 50, batch_size: int = 64, lr: float = 3e-3,
        weight_decay: float = 1e-2, seed: int = 0, column: str = "feature",
    ) -> None:  # fmt: skip
        require_whole(self, cells=cells)
        super().__init__(1, dropout, epochs, batch_size, "adamw", lr, weight_decay, seed=seed, column=column)
        self.cells = cells

    def missing(self, column: str) -> str:
        return Probe.missing(self, column)

    def arrays(self, bank: FeatureTable, query: FeatureTable, device: str) -> Arrays:
        x, y, q, labels, classes = super().arrays(bank, query, device)
        width, rest = divmod(x.shape[1], self.cells)
        if rest:
            text = f"AttentionProbe.cells={self.cells}, but {x.shape[1]} features are not so many cells of equal width"
            raise ProtocolError(f"{text}; give segments times parts of probe_pool=dict(type='SegmentPartPool')")
        scaling = Scaling.of(x.reshape(-1, width), "whiten")
        x, q = (scaling(part.reshape(-1, width)).view_as(part) for part in (x, q))
        return x, y, q, labels, classes

    def network(self, channels: int, num_classes: int) -> nn.Sequential:
        width = channels // self.cells
        return nn.Sequential(Cells(self.cells, width), nn.Dropout(self.dropout), nn.Linear(width, num_classes))
