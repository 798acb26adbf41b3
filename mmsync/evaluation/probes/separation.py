"""How well mixed sounds are separated."""

from __future__ import annotations

import numpy as np

from mmsync.errors import DataError
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class SeparationQuality(Probe):
    """Improvement of the signal-to-distortion ratio by separating two sounds; 0 is that of the mixture. All in dB.

    It needs a model that gives ``separation (N, 2, 2)``, the improvement of each separated sound, on and off screen, as
    an estimate of each true one, and takes the role ``query`` alone.

    ===========================================  ===================================================================
    ``separation/on_screen``                     mean improvement of the sound on screen
    ``separation/on_screen_low``, ``_high``      its confidence interval, videos drawn by a bootstrap
    ``separation/off_screen``                    mean improvement of the other sound
    ``separation/any_order``                     mean of both, in the better of both orders of each sample
    ``separation/order``                         percent of samples whose given order is the better one; 50 is chance
    ===========================================  ===================================================================
    """

    name = "separation"
    headline = "on_screen"
    sees = "roles"

    def __init__(self) -> None:
        super().__init__("")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("separation",)

    def missing(self, column: str) -> str:
        return f"SeparationQuality: the model's predict() sets no `{column}`; it is for OnOffScreen, see `contrast`"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        found = np.asarray(query["separation"], dtype=np.float64)
        if found.shape != (len(query), 2, 2) or not np.isfinite(found).all():
            raise DataError(f"SeparationQuality: separation {found.shape} are not all finite numbers (N, 2, 2)")
        given, crossed = (found[:, 0, k] / 2 + found[:, 1, 1 - k] / 2 for k in (0, 1))
        low, high = mean_interval(found[:, 0, 0], np.array(query.texts("name", "?")))
        means = dict(
            on_screen=found[:, 0, 0].mean(), on_screen_low=low, on_screen_high=high, off_screen=found[:, 1, 1].mean(),
            any_order=np.maximum(given, crossed).mean(), order=100 * (given > crossed).mean(),
        )  # fmt: skip
        return ProbeResult({key: float(value) for key, value in means.items()})
