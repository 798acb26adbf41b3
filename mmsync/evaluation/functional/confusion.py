"""What a classifier takes for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np
from sklearn.metrics import confusion_matrix as count_pairs

from mmsync.fileio import atomic_path


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts of (label, prediction).

    Args:
        labels: ``(n,)`` int64 in ``[0, num_classes)``; others are left out.
        predictions: ``(n,)`` int64.
        num_classes: Number of classes.

    Returns:
        ``(num_classes, num_classes)`` int64; a row is a label.
    """
    known = labels >= 0
    return count_pairs(labels[known], predictions[known], labels=np.arange(num_classes))


def class_recall(matrix: np.ndarray) -> np.ndarray:
    """Share of each class that is recognised.

    Args:
        matrix: ``(K, K)`` counts, a row is a label.

    Returns:
        ``(K,)`` in [0, 1]; NaN for a class without samples.
    """
    total = matrix.sum(axis=1)
    return np.where(total > 0, np.diag(matrix) / np.maximum(total, 1), np.nan)


def save_confusion(path: Union[str, Path], matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Write an ``npz`` with ``matrix (K, K)`` int64, a row is a label, and ``class_names (K,)``."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, matrix=matrix, class_names=np.array([str(name) for name in class_names]))
