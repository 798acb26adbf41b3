"""Confusion matrices and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.fileio import atomic_path

from .verification import majority_share


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts of (label, prediction).

    Args:
        labels: ``(n,)`` int64 in ``[0, num_classes)``; others are left out.
        predictions: ``(n,)`` int64.
        num_classes: Number of classes.

    Returns:
        ``(num_classes, num_classes)`` int64; a row is a label.
    """
    from sklearn.metrics import confusion_matrix as count_pairs  # here: importing it takes most tools' first second

    known = labels >= 0
    return count_pairs(labels[known], predictions[known], labels=np.arange(num_classes))


def class_recall(matrix: np.ndarray) -> np.ndarray:
    """Recall of each class.

    Args:
        matrix: ``(K, K)`` counts, a row is a label.

    Returns:
        ``(K,)`` in [0, 1]; NaN for a class without samples.
    """
    total = matrix.sum(axis=1)
    return np.where(total > 0, np.diag(matrix) / np.maximum(total, 1), np.nan)


def class_report(scores: np.ndarray, labels: np.ndarray, class_names: Sequence[str] = ()) -> dict[str, float]:
    """Accuracy with the numbers to compare it with where classes are uneven, in percent.

    Args:
        scores: ``(n, K)``.
        labels: ``(n,)`` int64 in ``[0, K)``.
        class_names: Names of the first classes; further ones are named by their number.

    Returns:
        ``top1``; ``majority``, the accuracy of always answering the most frequent class; ``balanced``, the mean of
        the recalls of the classes that occur; and each of them, ``recall_<class>``.
    """
    matrix = confusion_matrix(labels, scores.argmax(1), max(scores.shape[1], int(labels.max()) + 1))
    recall = class_recall(matrix)
    names = [*map(str, class_names), *map(str, range(len(class_names), len(recall)))]
    return {
        "top1": 100 * float(np.trace(matrix) / matrix.sum()),
        "majority": 100 * majority_share(labels),
        "balanced": 100 * float(np.nanmean(recall)),
        **{f"recall_{names[i]}": 100 * float(recall[i]) for i in np.flatnonzero(np.isfinite(recall))},
    }


def save_confusion(path: Union[str, Path], matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Write an ``npz`` with ``matrix (K, K)`` int64, a row is a label, and ``class_names (K,)``."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, matrix=matrix, class_names=np.array([str(name) for name in class_names]))
