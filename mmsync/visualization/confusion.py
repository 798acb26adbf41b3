"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.visualization.canvas import new_figure, save_figure


class ConfusedPair(NamedTuple):
    """Clips of one class that were predicted as another.

    Attributes:
        true: True class index.
        predicted: Predicted class index.
        clips: Number of clips.
        share: Share of the true class, in [0, 1].
    """

    true: int
    predicted: int
    clips: int
    share: float


def confused_pairs(matrix: np.ndarray, top: int = 10) -> list[ConfusedPair]:
    """The most frequent confusions, by share of the true class.

    Args:
        matrix: ``(K, K)`` counts, rows are true classes.
        top: Maximum number of pairs.

    Returns:
        Pairs that occur, most confused first.
    """
    counts = np.array(matrix)
    np.fill_diagonal(counts, 0)
    share = counts / np.maximum(np.asarray(matrix).sum(axis=1, keepdims=True), 1)
    order = np.lexsort((-counts.ravel(), -share.ravel()))[:top]
    return [
        ConfusedPair(int(i), int(j), int(counts[i, j]), float(share[i, j]))
        for i, j in zip(*np.unravel_index(order, counts.shape))
        if counts[i, j]
    ]


def draw_confusion(
    matrix: np.ndarray, path: Union[str, Path], class_names: Optional[Sequence[str]] = None, title: str = ""
) -> None:
    """Draw a confusion matrix with rows as shares of the true class.

    Args:
        matrix: ``(K, K)`` counts, rows are true classes. Names stay readable for 120 classes.
        path: The picture; its suffix chooses the format.
        class_names: ``(K,)``; ``None`` for numbers.
        title: Title; the accuracy if empty.

    Raises:
        DataError: The matrix is not square, or does not match the names.
        DependencyError: matplotlib is missing.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise DataError(f"confusion matrix: shape {matrix.shape}; expected (K, K)")
    num = len(matrix)
    names = [str(i) for i in range(num)] if class_names is None else [str(name) for name in class_names]
    if len(names) != num:
        raise DataError(f"confusion matrix of {num} classes, but {len(names)} class names")
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell = np.clip(12 / num, 0.13, 0.55)  # inches; 0.13 fits a line of 7 points
    font = float(np.clip(cell * 45, 6, 10))
    margin = 0.012 * font * max(map(len, names)) + 0.8
    side = max(cell * num + margin, 4)
    figure = new_figure(side + 0.8, side, dpi=150)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(num), names, rotation=90, fontsize=font)
    axes.set_yticks(range(num), names, fontsize=font)
    axes.set(xlabel="predicted", ylabel="true")
    axes.tick_params(length=0)
    axes.set_title(title or f"{100 * np.trace(matrix) / max(matrix.sum(), 1):.1f} % of {matrix.sum()} clips correct")
    if num <= 25:
        for i, j in zip(*np.nonzero(share >= 0.5)):
            ink = "white" if share[i, j] > 55 else "black"
            axes.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", fontsize=font * 0.85, color=ink)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02, shrink=0.6)
    bar.set_label("% of the true class")
    bar.outline.set_visible(False)
    save_figure(figure, path)
