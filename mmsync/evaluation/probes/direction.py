"""Whether a model tells clips from their reversal."""

from __future__ import annotations

import numpy as np

from mmsync.errors import DataError
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class DirectionAccuracy(Probe):
    """Accuracy of telling clips from their reversal, each shown once; 50 is chance. All results in percent.

    It needs a model that gives ``backward (N, 2)``, the logits of clips and reversed clips, and takes the role
    ``query`` alone.

    ====================================  ==============================================================
    ``direction/accuracy``                right answers, backward where the logit is positive
    ``direction/accuracy_low``, ``_high`` its confidence interval, clips drawn by a bootstrap
    ``direction/order``                   clips whose reversal has the larger logit of the two
    ====================================  ==============================================================
    """

    name = "direction"
    headline = "accuracy"
    sees = "roles"

    def __init__(self) -> None:
        super().__init__("")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("backward",)

    def missing(self, column: str) -> str:
        return f"DirectionAccuracy: the model's predict() sets no `{column}`; it is for PlaybackDirection"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        logits = np.asarray(query["backward"], dtype=np.float64)
        if logits.shape != (len(query), 2) or not np.isfinite(logits).all():
            raise DataError(f"DirectionAccuracy: backward {logits.shape} are not all finite numbers (N, 2)")
        right = ((logits > 0) == (False, True)).mean(1)
        low, high = mean_interval(right, np.array(query.texts("name", "?")))
        found = dict(
            accuracy=right.mean(), accuracy_low=low, accuracy_high=high, order=(logits[:, 1] > logits[:, 0]).mean()
        )
        return ProbeResult({key: 100 * float(value) for key, value in found.items()})
