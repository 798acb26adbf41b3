"""Measures of collapse."""

from __future__ import annotations

from mmsync.evaluation.functional import effective_rank, feature_std
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class Collapse(Probe):
    """Spread of all features ``(N, D)``, labelled or not, which the loss of a contrastive method does not show.

    Gives ``std``, see :func:`mmsync.evaluation.functional.feature_std`, and ``effective_rank``, see
    :func:`mmsync.evaluation.functional.effective_rank`.

    Args:
        column: Name of the column of features.
    """

    name = "collapse"
    headline = "effective_rank"
    sees = "all"

    def __init__(self, column: str = "feature") -> None:
        super().__init__(column)

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        """Measure the spread of the bank, which holds all samples."""
        features = bank.vectors(self.column)
        return ProbeResult({"std": feature_std(features), "effective_rank": effective_rank(features)})
