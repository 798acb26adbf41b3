"""Logistic regression whose strength is chosen on the bank alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import mean_and_std, topk_accuracy
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_whole, scores_of
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class LogisticProbe(Probe):
    """Logistic regression of scikit-learn, to the optimum, on standardised features ``(N, D)``.

    Features are divided by ``sqrt(D)`` as well, so that one ``C`` means the same for any width. Gives ``top1`` in
    percent and ``C``.

    Args:
        C: Inverse strength of the L2 penalty; of several the best one is taken, by the accuracy in cross-validation on
            the bank, and the smallest of equals.
        groups: Column whose values are never on both sides of the cross-validation, such as performers; a table
            without it, or with one value, is split by classes alone.
        folds: Folds of the cross-validation, fewer if there are fewer groups, or fewer samples of each class.
        column: Name of the column of features.

    Raises:
        ConfigError: A C that is not positive, or fewer than two folds.
        ProtocolError: The bank has one class.
    """

    name = "logistic"
    headline = "top1"
    gives = ("top1", "C")
    softmax = True

    def __init__(
        self,
        C: Union[float, Sequence[float]] = (0.1, 1.0, 10.0, 100.0, 1000.0),
        groups: str = "subject",
        folds: int = 5,
        column: str = "feature",
    ) -> None:
        super().__init__(column)
        self.choices = sorted([C] if isinstance(C, (int, float)) else C)
        if not self.choices or not min(self.choices) > 0:
            raise ConfigError(f"LogisticProbe: C={C!r}: give a number above 0, or several")
        require_whole(self, 2, folds=folds)
        self.groups, self.folds, self.wishes = groups, folds, (groups,)

    def check_labels(self, bank: np.ndarray, query: np.ndarray) -> None:
        """Raise a ProtocolError if the bank has one class."""
        if len(np.unique(bank)) < 2:
            raise ProtocolError("LogisticProbe: all samples of the bank have one label; give two classes or more")

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, features, labels, classes = self.arrays(bank, query, "cpu")
        target = y.numpy()
        self.check_labels(target, labels.numpy())
        data, wanted = _scaled(x, features)
        C = self._choose(data, target, bank) if len(self.choices) > 1 else self.choices[0]
        machine = _fit(_machine(C), data, target)
        found = machine.predict_log_proba(wanted)
        scores = torch.full((len(labels), classes), found.min() - 1)  # classes that the bank lacks come last
        scores[:, machine.classes_] = torch.from_numpy(found).float()
        note = f"logistic regression, C={C:g}, standardised features"
        metrics = {"top1": 100 * topk_accuracy(scores, labels), "C": float(C)}
        return ProbeResult(metrics, scores_of(query, scores), note=note)

    def _choose(self, x: np.ndarray, target: np.ndarray, bank: FeatureTable) -> float:
        right = np.zeros(len(self.choices))
        for train, test in self._splits(target, bank):
            machine = _machine(self.choices[0])
            for i, C in enumerate(self.choices):  # from strong to weak penalties, each from the solution before
                _fit(machine.set_params(C=C), x[train], target[train])
                right[i] += (machine.predict(x[test]) == target[test]).sum()
        return self.choices[int(right.argmax())]

    def _splits(self, target: np.ndarray, bank: FeatureTable) -> list[tuple[np.ndarray, np.ndarray]]:
        """Places in the bank to train on and to judge; folds that train on one class are left out."""
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        _, group = np.unique(bank.texts(self.groups, ""), return_inverse=True)
        most = min(self.folds, int(np.bincount(target).max()), int(group.max()) + 1 if group.any() else self.folds)
        if most < 2:
            return []
        kind = StratifiedGroupKFold if group.any() else StratifiedKFold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes with fewer samples than folds
            found = list(kind(most, shuffle=True, random_state=0).split(target, target, group))
        return [(train, test) for train, test in found if len(np.unique(target[train])) > 1]


def _scaled(bank: Tensor, query: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features of mean squared length 1, in the span of the bank if that is smaller."""
    mean, std = mean_and_std(bank.double())
    bank, query = ((x - mean) / (std * math.sqrt(x.shape[1])) for x in (bank, query))
    if bank.shape[1] > len(bank):  # the solution lies in the span of the bank: the same one in fewer dimensions
        basis, _ = torch.linalg.qr(bank.T)
        bank, query = bank @ basis, query @ basis
    return bank.numpy(), query.numpy()


def _machine(C: float) -> Any:
    from sklearn.linear_model import LogisticRegression  # here: importing it takes most tools' first second

    return LogisticRegression(C=C, max_iter=500, warm_start=True)


def _fit(machine: Any, x: np.ndarray, target: np.ndarray) -> Any:
    with warnings.catch_warnings():  # of weak penalties, whose last digits do not matter, and of many small classes
        warnings.simplefilter("ignore", UserWarning)  # ConvergenceWarning is one
        return machine.fit(x, target)
