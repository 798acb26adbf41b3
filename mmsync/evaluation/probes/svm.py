"""The linear SVM of the audio benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from mmsync.errors import ConfigError
from mmsync.evaluation.functional import Scores, top_accuracy
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class SVMProbe(Probe):
    """A linear one-vs-all SVM on standardized features ``(N, D)``, whose scores are averaged over each recording.

    The protocol of SoundNet, L3-Net and AVTS on ESC-50 and DCASE: several windows of a recording, mean and deviation
    of the bank's windows, squared hinge loss. Windows of one name are one recording. Gives ``top1`` of the recordings,
    ``window``, that of single windows, and ``C``, percent but the last.

    Args:
        C: Inverse of the strength of the L2 penalty. Of several the best one is taken, by the accuracy of the bank's
            windows in five-fold cross-validation without a recording on both sides.
        column: Name of the column of features, ``'feature_audio'`` of methods on pictures and sound.

    Raises:
        ConfigError: A C that is not positive.
    """

    name = "svm"
    headline = "top1"
    gives = ("top1", "window", "C")

    def __init__(self, C: Union[float, Sequence[float]] = 1.0, column: str = "feature") -> None:
        super().__init__(column)
        self.choices = [C] if isinstance(C, (int, float)) else list(C)
        if not self.choices or not min(self.choices) > 0:
            raise ConfigError(f"SVMProbe: C={C!r}: give a number above 0, or several")

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, features, labels, classes = self.arrays(bank, query, "cpu")
        mean, std = x.mean(0), x.std(0, unbiased=False)
        std[std == 0] = 1.0  # as StandardScaler: a feature that never changes says nothing
        data, target = ((x - mean) / std).numpy(), y.numpy()
        C = self._choose(data, target, bank.texts("name", "?")) if len(self.choices) > 1 else self.choices[0]
        machine = _machine(C).fit(data, target)
        found = machine.decision_function(((features - mean) / std).numpy())
        scores = np.full((len(found), classes), found.min() - 1, np.float32)  # classes that the bank lacks come last
        scores[:, machine.classes_] = np.stack([-found, found], 1) if found.ndim == 1 else found
        windows = Scores(query.texts("name", "?"), scores, labels.numpy())
        whole = _recordings(windows)
        top1, window = (top_accuracy(one.logits, one.labels)["top1"] for one in (whole, windows))
        metrics = {"top1": top1, "window": window, "C": float(C)}
        note = f"linear one-vs-all SVM, C={C:g}, standardized features, mean score of {len(whole.names)} recordings"
        return ProbeResult(metrics, whole, note=note)

    def _choose(self, data: np.ndarray, target: np.ndarray, names: list[str]) -> float:
        from sklearn.model_selection import GroupKFold, cross_val_score

        folds = GroupKFold(min(5, len(set(names))))
        found = [cross_val_score(_machine(C), data, target, groups=names, cv=folds).mean() for C in self.choices]
        return self.choices[int(np.argmax(found))]


def _recordings(windows: Scores) -> Scores:
    """Mean scores of the windows of each name."""
    names, first, place = np.unique(np.array(windows.names), return_index=True, return_inverse=True)
    total = np.zeros((len(names), windows.logits.shape[1]), np.float32)
    np.add.at(total, place, windows.logits)
    return Scores(names.tolist(), total / np.bincount(place)[:, None].astype(np.float32), windows.labels[first])


def _machine(C: float) -> Any:
    from sklearn.svm import LinearSVC  # here: importing it takes most tools' first second

    return LinearSVC(C=C, dual="auto", random_state=0, max_iter=5000)
