"""Probes that train nothing: KNN, retrieval, one-shot recognition, and measures of collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
from mmengine.logging import print_log
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.evaluation.functional import features as measures
from mmsync.evaluation.probes.base import (
    Probe,
    ProbeResult,
    require_range,
    require_scaling,
    require_whole,
    scaled,
    scores_of,
)
from mmsync.ops.scaling import Scaling, Standardize
from mmsync.ops.subsets import exemplars
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class KNN(Probe):
    """Weighted nearest neighbors on features ``(N, D)``, see :func:`mmsync.evaluation.functional.knn_classify`.

    Gives ``top1`` and, of more than five classes, ``top5``; of further ``k``, ``top1_k<k>`` and ``top5_k<k>``. No more
    neighbors vote than the median class has samples in the bank: others would be of other classes.

    Args:
        k: Number of neighbors, or a list of them, the one to report first.
        temperature: Of the weights ``exp(cos / temperature)``, above 0.
        standardize: ``True`` or ``'whiten'``: scale features by the bank first, see
            :class:`~mmsync.ops.scaling.Scaling`; ``False``: the plain cosine. ``None``: that of the three
            with which most of the bank's samples have a nearest one of their class, among those of other performers
            (``subject``) where they are known.
        column: Name of the column of features.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "knn"
    headline = "top1"
    optional = ("subject",)

    def __init__(
        self,
        k: Union[int, Sequence[int]] = 20,
        temperature: float = 0.1,
        standardize: Optional[Standardize] = "whiten",
        column: str = "feature",
    ) -> None:
        super().__init__(column)
        self.k = [k] if isinstance(k, (int, str)) else list(k)
        if not self.k or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in self.k):
            raise ConfigError(f"KNN.k={k!r}: give the number of neighbors, 1 or more, or a list of such numbers")
        require_range(self, temperature=(temperature, temperature > 0, "above 0"))
        if standardize is not None:
            require_scaling(self, standardize)
        self.temperature, self.standardize = temperature, standardize
        self.gives = [f"top{n}{suffix}" for suffix in ["", *(f"_k{k}" for k in self.k[1:])] for n in (1, 5)]
        self._warned = False

    def check_labels(self, bank: np.ndarray, query: np.ndarray) -> None:
        """Warn once if ``k`` is above the size of the usual class, so that fewer neighbors vote."""
        k, usual = max(self.k), _usual_class(bank)
        if k > usual and not self._warned:
            text = f"KNN.k={k}, but half of the classes have at most {usual} samples in the bank"
            print_log(f"{text}: {usual} neighbors vote", logger="current", level=30)
            self._warned = True

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, q, labels, classes = self.arrays(bank, query, device)
        self.check_labels(y.cpu().numpy(), labels.cpu().numpy())
        usual = _usual_class(y.cpu().numpy())
        k_text = f"{self.k if len(self.k) > 1 else self.k[0]}{f' (at most {usual})' if max(self.k) > usual else ''}"
        how = _best_scaling(x, y, bank.texts("subject", "")) if self.standardize is None else self.standardize
        self.scaled_by = how  # for tools that list the neighbors
        result = ProbeResult({}, note=f"KNN k={k_text}, T={self.temperature}, {scaled(how)} features")
        if how:
            scaling = Scaling.of(x, how)
            x, q = scaling(x), scaling(q)
        for k in self.k:
            scores = measures.knn_classify(x, y, q, classes, min(k, usual), self.temperature)
            suffix = "" if result.scores is None else f"_k{k}"
            result.scores = result.scores or scores_of(query, scores)
            for n in (1, 5) if classes > 5 else (1,):  # of five classes, any five scores hold the right one
                result.metrics[f"top{n}{suffix}"] = 100 * measures.topk_accuracy(scores, labels, n)
        return result


def _best_scaling(bank: Tensor, labels: Tensor, groups: Sequence[str]) -> Standardize:
    choices: tuple[Standardize, ...] = (False, True, "whiten")
    right = [measures.leave_one_out(Scaling.of(bank, how)(bank), labels, groups) for how in choices]
    return choices[int(np.argmax(right))]


def _usual_class(labels: np.ndarray) -> int:
    """Median size of the classes that labels ``(B,)`` have."""
    sizes = np.bincount(labels)
    return int(np.median(sizes[sizes > 0]))


@PROBES.register_module()
class Retrieval(Probe):
    """Retrieval by the cosine of raw features ``(N, D)``: each query takes the label of its nearest bank sample.

    Args:
        mean_average_precision: Give ``map`` beside ``top1``; this sorts the bank for each query.
        column: Name of the column of features.
    """

    name = "retrieval"
    headline = "top1"
    gives = ("top1", "map")

    def __init__(self, mean_average_precision: bool = False, column: str = "feature") -> None:
        super().__init__(column)
        self.mean_average_precision = mean_average_precision

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, q, labels, classes = self.arrays(bank, query, device)
        scores = measures.knn_classify(x, y, q, classes, k=1)
        metrics = {"top1": 100 * measures.topk_accuracy(scores, labels)}
        if self.mean_average_precision:
            metrics["map"] = 100 * measures.mean_average_precision(x, y, q, labels)
        return ProbeResult(metrics, scores_of(query, scores), note="retrieval: cosine 1-NN, raw features")


@PROBES.register_module()
class OneShot(Probe):
    """Cosine 1-NN on raw features ``(N, D)`` by one bank sample of each class.

    Gives ``top1`` and ``std``, mean and standard deviation over the draws.

    Args:
        draws: Number of draws of exemplars.
        seed: Of the first draw; further ones count up.
        column: Name of the column of features.

    Raises:
        ConfigError: ``draws`` is not positive.
    """

    name = "oneshot"
    headline = "top1"
    gives = ("top1", "std")

    def __init__(self, draws: int = 10, seed: int = 0, column: str = "feature") -> None:
        super().__init__(column)
        require_whole(self, draws=draws)
        require_whole(self, 0, seed=seed)
        self.draws, self.seed = draws, seed

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, q, labels, classes = self.arrays(bank, query, device)
        accuracy = []
        for draw in range(self.draws):
            rows = exemplars(y.cpu(), self.seed + draw).to(device)
            scores = measures.knn_classify(x[rows], y[rows], q, classes, k=1)
            accuracy.append(100 * measures.topk_accuracy(scores, labels))
        note = f"one-shot: cosine 1-NN, mean of {self.draws} draws of one clip a class"
        return ProbeResult({"top1": float(np.mean(accuracy)), "std": float(np.std(accuracy))}, note=note)


@PROBES.register_module()
class Collapse(Probe):
    """Spread, ``std`` and ``effective_rank``, of all features ``(N, D)``, which contrastive losses do not show.

    Args:
        column: Name of the column of features.
    """

    name = "collapse"
    headline = "effective_rank"
    gives = ("std", "effective_rank")
    sees = "all"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x = bank.vectors(self.column)
        return ProbeResult({"std": measures.feature_std(x), "effective_rank": measures.effective_rank(x)})
