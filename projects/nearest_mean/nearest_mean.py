"""Classification by the nearest class mean, a probe; and lengths of features, a metric."""

from __future__ import annotations

import torch

from mmsync.evaluation import Probe, ProbeResult, TableMetric
from mmsync.registry import METRICS, PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class NearestMean(Probe):
    """Classifies each query by the nearest class mean of the bank, on features ``(N, D)``.

    Args:
        column: Name of the column of features.
    """

    name = "nearest_mean"
    headline = "top1"

    def __init__(self, column: str = "feature") -> None:
        super().__init__(column)

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        """Judge the features, computing on ``device``."""
        x, y, q, labels, classes = self.arrays(bank, query, device)
        known = [c for c in range(classes) if (y == c).any()]
        means = torch.stack([x[y == c].mean(0) for c in known])
        found = y.new_tensor(known)[torch.cdist(q, means).argmin(1)]
        return ProbeResult({"top1": 100 * (found == labels).float().mean().item()}, note="nearest class mean")


@METRICS.register_module()
class FeatureLength(TableMetric):
    """Mean and spread of the lengths of the features ``(N, D)`` of all samples, labeled or not.

    Args:
        column: Name of the column of features.
    """

    def __init__(self, column: str = "feature") -> None:
        super().__init__()
        self.column = column

    def columns(self) -> dict[str, str]:
        """The column that it needs, and the message if the model does not predict it."""
        return {self.column: f"the model's predict() sets no `{self.column}`"}

    def keeps(self, table: FeatureTable) -> FeatureTable:
        """Keep that column of each batch."""
        return table.select([self.column])

    def compute(self, table: FeatureTable) -> dict[str, float]:
        """The results of all samples, by name."""
        length = table.vectors(self.column).norm(dim=1)
        return {"length/mean": length.mean().item(), "length/std": length.std(unbiased=False).item()}
