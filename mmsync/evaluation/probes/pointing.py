"""Whether maps of sound point at what sounds."""

from __future__ import annotations

import numpy as np

from mmsync.errors import DataError
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class Pointing(Probe):
    """The pointing game (Zhang et al., 2016): does the maximum of a map of sound lie in the box of what sounds?

    It needs a model that gives ``sound_map (N, H, W)``, an :class:`AudioVisualDataset` and the boxes of a
    ``SceneSource``; clips whose sound is not their own, and boxes outside the pictures, do not count. It takes the role
    ``query`` alone. All results in percent.

    =======================================  ==================================================================
    ``pointing/accuracy``                    maxima in the box
    ``pointing/accuracy_low``, ``_high``     its confidence interval, videos drawn by a bootstrap
    ``pointing/chance``                      mean share of the pictures in the box: points drawn evenly
    ``pointing/center``                      boxes that the pictures' center lies in
    =======================================  ==================================================================
    """

    name = "pointing"
    headline = "accuracy"
    sees = "roles"

    def __init__(self) -> None:
        super().__init__("")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("sound_map", "box", "heard", "shown")

    def missing(self, column: str) -> str:
        who = {"sound_map": "model's predict()", "shown": "data set"}.get(column, "source")
        return f"Pointing: the {who} sets no `{column}`; it is for Multisensory on AudioVisualDataset and SceneSource"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        maps = np.asarray(query["sound_map"], dtype=np.float64)
        if maps.ndim != 3 or not np.isfinite(maps).all():
            raise DataError(f"Pointing: sound_map {maps.shape} are not all finite numbers (N, H, W)")
        box, shown = (np.array(query[name], dtype=np.float64).reshape(len(maps), 2, 2) for name in ("box", "shown"))
        box = ((box - shown[:, :1]) / (shown[:, 1:] - shown[:, :1])).clip(0, 1)  # shares of the pictures
        area = (box[:, 1] - box[:, 0]).prod(1)
        counts = np.asarray(query["heard"], dtype=bool) & (area > 0)
        if not counts.any():
            raise DataError(f"Pointing: none of {len(maps)} clips has its own sound and a box within the pictures")
        rows, columns = np.divmod(maps.reshape(len(maps), -1).argmax(1), maps.shape[2])
        point = np.stack([(columns + 0.5) / maps.shape[2], (rows + 0.5) / maps.shape[1]], 1)
        right, middle = (_inside(box, at)[counts] for at in (point, np.full((1, 2), 0.5)))
        low, high = mean_interval(right, np.array(query.texts("name", "?"))[counts])
        found = dict(accuracy=right.mean(), accuracy_low=low, accuracy_high=high, center=middle.mean())
        found["chance"] = area[counts].mean()
        return ProbeResult({key: 100 * float(value) for key, value in found.items()})


def _inside(box: np.ndarray, at: np.ndarray) -> np.ndarray:
    """1.0 where points ``(N or 1, 2)`` lie in boxes ``(N, 2, 2)``, else 0.0."""
    return np.logical_and(box[:, 0] <= at, at <= box[:, 1]).all(axis=1).astype(float)
