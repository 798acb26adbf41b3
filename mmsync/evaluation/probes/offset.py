"""Estimation of the offset between two streams."""

from __future__ import annotations

import numpy as np

from mmsync.errors import DataError
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class OffsetEstimation(Probe):
    """Estimates by how many pictures the second stream is early: where the distance to a slid window is least.

    It needs a data set with ``slide``, whose samples have their true ``offset`` and whose model gives ``distances (N,
    2 slide + 1)``; it takes the role ``query`` alone.

    ===================================  ==============================================================================
    ``offset/within``                    estimates at most ``tolerance`` pictures off, percent
    ``offset/within_low``, ``_high``     its confidence interval, videos drawn by a bootstrap
    ``offset/median``, ``offset/mean``   error, pictures
    ``offset/chance``                    ``within`` of estimates drawn evenly, percent
    ===================================  ==============================================================================

    Args:
        tolerance: Pictures; 1 as for SyncNet.
    """

    name = "offset"
    headline = "within"
    sees = "roles"

    def __init__(self, tolerance: int = 1) -> None:
        super().__init__("")
        self.tolerance = tolerance

    @property
    def columns(self) -> tuple[str, ...]:
        return ("distances", "offset")

    def missing(self, column: str) -> str:
        who = "data set" if column == "offset" else "model's predict()"
        return f"OffsetEstimation: the {who} sets no `{column}`; it is for AVTS on a data set with slide=15 or so"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        distances = np.asarray(query["distances"], dtype=np.float64)
        if not np.isfinite(distances).all() or distances.ndim != 2:
            raise DataError(f"OffsetEstimation: distances {distances.shape} are not all finite numbers (N, K)")
        true = np.asarray(query["offset"]).reshape(-1)
        slide = distances.shape[1] // 2
        error = np.abs(slide - distances.argmin(1) - true)
        right = error <= self.tolerance
        options = np.abs(np.arange(-slide, slide + 1) - true[:, None]) <= self.tolerance
        low, high = mean_interval(right.astype(float), np.array(query.texts("name", "?")))
        found = dict(
            within=100 * right.mean(), within_low=100 * low, within_high=100 * high, median=np.median(error),
            mean=error.mean(), chance=100 * options.mean(),
        )  # fmt: skip
        return ProbeResult({key: float(value) for key, value in found.items()})
