"""Verification by a distance, which should be small for positive pairs."""

from __future__ import annotations

import numpy as np

# scikit-learn is imported where it is used: every tool imports this module, and few call it.


def pair_auc(distance: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve of distances ``(n,)``, by who is positive ``(n,)``; 0.5 is chance, NaN for one class."""
    from sklearn.metrics import roc_auc_score

    positive = np.asarray(positive, dtype=bool)
    return float(roc_auc_score(positive, -distance)) if 0 < positive.sum() < len(positive) else float("nan")


def auc_interval(
    distance: np.ndarray, positive: np.ndarray, groups: np.ndarray, confidence: float = 0.95, draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:  # fmt: skip
    """Interval of :func:`pair_auc` by a percentile bootstrap over ``groups (n,)``, such as videos (Efron, 1993)."""
    order = np.argsort(distance, kind="stable")
    d, y = distance[order], np.asarray(positive, dtype=bool)[order]
    if not 0 < y.sum() < len(y):
        return float("nan"), float("nan")
    _, group = np.unique(np.asarray(groups)[order], return_inverse=True)
    number = group.max() + 1
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=draws)
    weight = drawn[:, group].astype(np.float64)  # how often each pair counts
    ties = np.flatnonzero(np.diff(d, prepend=-np.inf) > 0)  # where a new distance begins
    pairs, others = (np.add.reduceat(weight * chosen, ties, axis=1) for chosen in (y, ~y))
    farther = others[:, ::-1].cumsum(1)[:, ::-1] - others / 2  # equal distances count half
    both = pairs.sum(1) * others.sum(1)
    area = (pairs * farther).sum(1)[both > 0] / both[both > 0]
    low, high = np.quantile(area, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def mean_interval(
    values: np.ndarray, groups: np.ndarray, confidence: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of ``values (n,)`` by a percentile bootstrap over ``groups (n,)``, such as videos.

    Of ``values (S, n)``, such as those of S seeds, the rows are drawn as well.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    rows, count = np.atleast_2d(np.asarray(values, dtype=float)), np.bincount(group).astype(float)
    total = np.stack([np.bincount(group, row) for row in rows], axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), size=draws)
    share = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=draws) / len(rows)
    means = (drawn @ total / (drawn @ count)[:, None] * share).sum(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def equal_error_rate(distance: np.ndarray, positive: np.ndarray) -> float:
    """Rate, in [0, 1], where false accepts equal false rejects, interpolated between thresholds; NaN for one class."""
    from sklearn.metrics import roc_curve

    positive = np.asarray(positive, dtype=bool)
    if not 0 < positive.sum() < len(positive):
        return float("nan")
    false, true, _ = roc_curve(positive, -distance, drop_intermediate=False)
    gap = 1 - true - false  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    before = after - 1
    share = gap[before] / (gap[before] - gap[after])
    return float(false[before] + share * (false[after] - false[before]))


def best_threshold(distance: np.ndarray, positive: np.ndarray, balanced: bool = False) -> float:
    """Threshold of distances ``(n,)``, between two or infinite, with the highest accuracy or balanced accuracy."""
    order = np.argsort(distance, kind="stable")
    d, y = distance[order].astype(np.float64), np.asarray(positive, dtype=bool)[order]
    weights = (1 / max(y.sum(), 1), 1 / max((~y).sum(), 1)) if balanced else (1.0, 1.0)
    gain = np.concatenate([[0.0], np.where(y, weights[0], -weights[1]).cumsum()])  # of the first k called pairs
    edges = np.concatenate([[-np.inf], d, [np.inf]])
    gain[~(edges[1:] > edges[:-1])] = -np.inf  # no threshold lies between equal distances
    k = int(gain.argmax())
    return float(edges[k] / 2 + edges[k + 1] / 2)


def decisions(distance: np.ndarray, positive: np.ndarray, threshold: float) -> tuple[float, float]:
    """Accuracy and balanced accuracy, in [0, 1], of accepting all pairs nearer than a threshold."""
    from sklearn.metrics import balanced_accuracy_score

    called, positive = distance < threshold, np.asarray(positive, dtype=bool)
    return float((called == positive).mean()), float(balanced_accuracy_score(positive, called))


def majority_share(labels: np.ndarray) -> float:
    """Accuracy, in [0, 1], of always answering the most frequent of the labels ``(n,)``, integers from 0."""
    return float(np.bincount(np.asarray(labels, dtype=np.int64)).max() / len(labels))
