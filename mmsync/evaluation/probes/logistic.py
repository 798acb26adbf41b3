"""Logistic regression whose strength is chosen on the bank alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import topk_accuracy
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_whole, scores_of
from mmsync.ops.scaling import mean_and_std
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class LogisticProbe(Probe):
    """Logistic regression of scikit-learn, to the optimum, on features ``(N, D)`` of zero mean over the bank.

    Their mean squared length over the bank is made 1, so that one ``C`` means the same for any unit and width. Gives
    ``top1`` in percent, ``C``, and ``standardized``, 1 or 0.

    Args:
        C: Inverse strength of the L2 penalty; of several the best one is taken, by the accuracy in cross-validation on
            the bank, and the smallest of equals.
        standardize: Bring each feature to unit variance over the bank. ``None``: if the cross-validation is better
            so; it suits learned features, and blows up what hardly moves in coordinates.
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
    gives = ("top1", "C", "standardized")
    softmax = True

    def __init__(
        self, C: Union[float, Sequence[float]] = (0.1, 1.0, 10.0, 100.0, 1000.0), standardize: Optional[bool] = None,
        groups: str = "subject", folds: int = 5, column: str = "feature",
    ) -> None:  # fmt: skip
        super().__init__(column)
        self.choices = sorted([C] if isinstance(C, (int, float)) else C)
        if not self.choices or not min(self.choices) > 0:
            raise ConfigError(f"LogisticProbe: C={C!r}: give a number above 0, or several")
        require_whole(self, 2, folds=folds)
        self.scales = [True, False] if standardize is None else [standardize]
        self.groups, self.folds, self.optional = groups, folds, (groups,)

    def check_labels(self, bank: np.ndarray, query: np.ndarray) -> None:
        """Raise a ProtocolError if the bank has one class."""
        if len(np.unique(bank)) < 2:
            raise ProtocolError("LogisticProbe: all samples of the bank have one label; give two classes or more")

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, features, labels, classes = self.arrays(bank, query, "cpu")
        target = y.numpy()
        self.check_labels(target, labels.numpy())
        scale, C = self.scales[0], self.choices[0]
        if len(self.scales) * len(self.choices) > 1:
            scale, C = self._choose(x, target, bank)
        data, wanted = _scaled(x, features, scale)
        machine = _fit(_machine(C), data, target)
        found = machine.predict_log_proba(wanted)
        scores = torch.full((len(labels), classes), found.min() - 1)  # classes that the bank lacks come last
        scores[:, machine.classes_] = torch.from_numpy(found).float()
        note = f"logistic regression, C={C:g}, {'standardized' if scale else 'centered'} features"
        metrics = {"top1": 100 * topk_accuracy(scores, labels), "C": float(C), "standardized": float(scale)}
        return ProbeResult(metrics, scores_of(query, scores), note=note)

    def _choose(self, x: Tensor, target: np.ndarray, bank: FeatureTable) -> tuple[bool, float]:
        splits, right = self._splits(target, bank), np.zeros((len(self.scales), len(self.choices)))
        for row, scale in zip(right, self.scales):
            data, _ = _scaled(x, x[:0], scale)
            for train, test in splits:
                machine = _machine(self.choices[0])
                for i, C in enumerate(self.choices):  # from strong to weak penalties, each from the solution before
                    _fit(machine.set_params(C=C), data[train], target[train])
                    row[i] += (machine.predict(data[test]) == target[test]).sum()
        best = divmod(int(right.argmax()), len(self.choices))
        return self.scales[best[0]], self.choices[best[1]]

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


def _scaled(bank: Tensor, query: Tensor, each: bool) -> tuple[np.ndarray, np.ndarray]:
    """Features of zero mean and mean squared length 1 over the bank, and in its span; ``each`` is scaled, or all."""
    mean, std = mean_and_std(bank.double())
    # what never changes in the bank says nothing
    std = torch.where(std > 1e-6, std, 1.0) if each else std.square().mean().sqrt()
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
