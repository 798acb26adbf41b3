"""Figures of results: curves of logged values and of probes, confusion matrices, and features in two dimensions."""

from __future__ import annotations

import colorsys
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError, DependencyError
from mmsync.fileio import atomic_path
from mmsync.runlog import Run

METHODS = {"pca": "PCA", "tsne": "t-SNE"}
Curve = Union[Sequence[float], Mapping[int, float]]  # values of the epochs from 1 on, or values by epoch


def new_figure(
    width: float, height: float, dpi: int = 120, layout: Optional[Literal["constrained"]] = "constrained"
) -> Any:
    """A matplotlib figure, in inches, without a display or pyplot's global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: python -m pip install matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Union[str, Path]) -> None:
    """Write a figure in the format of the suffix of ``path``, or raise a ConfigError if matplotlib has none such."""
    kinds = figure.canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in kinds:
        raise ConfigError(f"{path}: pictures are written as {', '.join(sorted(kinds))}, by the suffix of the name")
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def color_of(place: int, count: int) -> tuple[float, float, float]:
    """RGB in [0, 1] of color ``place`` of ``count``: matplotlib's ten, or more hues of alternating brightness."""
    from matplotlib.colors import to_rgb

    return to_rgb(f"C{place}") if count <= 10 else colorsys.hsv_to_rgb(place / count, 0.85, 0.55 + 0.35 * (place % 2))


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Bias-corrected exponential moving average ``(n,)`` of values ``(n,)`` that skips NaN; ``weight`` of the past."""
    out, mean, mass = np.full(len(values), np.nan), 0.0, 0.0
    for i, value in enumerate(values):
        if np.isfinite(value):
            mean, mass = weight * mean + (1 - weight) * value, weight * mass + (1 - weight)
        out[i] = mean / mass if mass else np.nan
    return out


def draw_curves(runs: Sequence[Run], keys: Sequence[str], path: Union[str, Path], smooth: float = 0.0) -> None:
    """Draw values of runs by epoch or iteration, a panel for each.

    Args:
        runs: Their logs; each has a color.
        keys: Names of the values.
        path: Picture to write; its suffix determines the format.
        smooth: Weight of the past in [0, 1), see :func:`smoothed`; raw values are pale behind. 0: raw ones only.

    Raises:
        ConfigError: matplotlib does not write such pictures.
        DataError: No run has such a value.
        DependencyError: matplotlib is missing.
    """
    for key in keys:
        if not any(key in run.keys for run in runs):
            every = Run("log" if len(runs) > 1 else runs[0].name, [row for r in runs for row in r.train + r.val])
            every.curve(key)  # raises, with all available names
    columns = math.ceil(math.sqrt(len(keys)))
    rows = math.ceil(len(keys) / columns)
    figure = new_figure(max(5.0 * columns, 6), 3.4 * rows + 0.3 * (len(runs) > 1))
    unit = {"epoch" if run.by_epoch else "iteration" for run in runs}
    panels = figure.subplots(rows, columns, squeeze=False, sharex=len(unit) == 1).ravel()
    lines: dict[str, Any] = {}
    for axes, key in zip(panels, keys):
        for place, run in enumerate(runs):
            if key not in run.keys:
                continue
            x, y = run.curve(key)
            style: dict[str, Any] = dict(color=color_of(place, len(runs)), marker="o" if len(x) < 30 else None)
            if smooth and any(key in row for row in run.train):
                axes.plot(x, y, color=style["color"], alpha=0.25, linewidth=1)
                y = smoothed(y, smooth)
            (lines[run.name],) = axes.plot(x, y, label=run.name, markersize=3, linewidth=1.5, **style)
        axes.set_title(key, fontsize=10)
        axes.set_xlabel(" or ".join(sorted(unit)), fontsize=8)
        axes.tick_params(labelsize=8, labelbottom=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    if len(runs) > 1:
        figure.legend(lines.values(), lines, loc="outside upper center", ncols=min(len(runs), 4), fontsize=8)
    save_figure(figure, path)


def draw_probe_curves(curves: Mapping[str, Curve], path: Union[str, Path], name: str) -> None:
    """Draw curves of the probe ``name``, one panel each."""
    draw_curves([_run_of(curves, name)], list(curves), path)


def read_history(path: Union[str, Path], name: Optional[str] = None) -> Run:
    """Read values by epoch and protocol of ``tools/benchmark.py --every``; ``name`` (the folder's) is for legends."""
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    curves: dict[str, dict[int, float]] = {}
    try:
        for row in json.loads(file.read_text(encoding="utf-8")):
            curves.setdefault(row["protocol"], {})[int(row["epoch"])] = row["mean"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: no results of mmsync benchmark ({type(error).__name__}: {error})") from error
    return _run_of(curves, name or file.resolve().parent.name)


def _run_of(curves: Mapping[str, Curve], name: str) -> Run:
    rows: dict[int, dict[str, float]] = {}
    for key, curve in curves.items():
        for epoch, value in curve.items() if isinstance(curve, Mapping) else enumerate(curve, 1):
            rows.setdefault(epoch, {"epoch": epoch, "iter": epoch})[key] = value
    return Run(name, [rows[epoch] for epoch in sorted(rows)])


class ConfusedPair(NamedTuple):
    """Clips of one class that were predicted as another: their number, and share of the true class in [0, 1]."""

    true: int
    predicted: int
    clips: int
    share: float


def confused_pairs(matrix: np.ndarray, top: int = 10) -> list[ConfusedPair]:
    """The most frequent confusions of counts ``(K, K)``, rows are true classes, by share of the true class."""
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
    """Draw a confusion matrix as shares of the true classes.

    Args:
        matrix: Counts ``(K, K)``; rows are true classes.
        path: Picture to write; its suffix determines the format.
        class_names: ``(K,)``; ``None``: numbers from 0 on.
        title: If empty, the accuracy.

    Raises:
        ConfigError: matplotlib does not write such pictures.
        DataError: The counts are not square, or there are not K names.
        DependencyError: matplotlib is missing.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise DataError(f"confusion matrix: shape {matrix.shape}; expected (K, K)")
    num = len(matrix)
    names = [*map(str, range(num) if class_names is None else class_names)]
    if len(names) != num:
        raise DataError(f"confusion matrix of {num} classes, but {len(names)} class names")
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell = np.clip(12 / num, 0.13, 0.55)  # inches; 0.13 fits a line of 7 points
    font = float(np.clip(cell * 45, 6, 10))
    side = max(cell * num + 0.012 * font * max(map(len, names)) + 0.8, 4)
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


def embed_2d(features: Tensor, method: str = "pca") -> np.ndarray:
    """Project L2-normalized features ``(N, D)`` to ``(N, 2)`` by ``'pca'`` or, in quadratic time, ``'tsne'``."""
    if method not in METHODS:
        raise ConfigError(f"embedding method {method!r} is unknown; use 'pca' or 'tsne'")
    x = torch.nn.functional.normalize(features.double(), dim=1)
    x = x - x.mean(0)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, max((len(x) - 1) / 3, 1.0))
        return TSNE(random_state=0, perplexity=perplexity, init="pca", max_iter=500).fit_transform(x.numpy())
    plane = (x @ torch.linalg.eigh(x.T @ x).eigenvectors[:, -2:].flip(1)).numpy()
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


def draw_embedding(
    features: Tensor, labels: Union[Tensor, Mapping[str, Sequence]], path: Union[str, Path],
    class_names: Optional[Sequence[str]] = None, method: str = "pca", max_points: int = 3000,
) -> None:  # fmt: skip
    """Draw features as points in the colors of their labels.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``, -1 is grey; or such by the title of each panel.
        path: Picture to write; its suffix determines the format.
        class_names: Names of the labels, which are written in the panel ``label``.
        method: ``'pca'`` or ``'tsne'``, see :func:`embed_2d`.
        max_points: At most so many points are drawn, a fixed random choice.

    Raises:
        ConfigError: Another method, or matplotlib does not write such pictures.
        DependencyError: matplotlib is missing.
    """
    panels = labels if isinstance(labels, Mapping) else {"label": labels}
    figure = new_figure(1 + 7 * len(panels), 7 if len(panels) == 1 else 7.5)
    chosen = np.arange(len(features))
    if len(features) > max_points:
        chosen = np.random.default_rng(0).permutation(len(features))[:max_points]
    points = embed_2d(features[torch.from_numpy(chosen)], method)
    for axes, (title, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        _scatter(axes, points, np.asarray(values)[chosen], class_names if title == "label" else None, title != "label")
        axes.set(xticks=[], yticks=[])
        if len(panels) > 1:
            axes.set_title(f"by {title}")
    figure.suptitle(f"{len(points)} clips, {METHODS[method]} of the features")
    save_figure(figure, path)


def _scatter(
    axes: Any, points: np.ndarray, values: np.ndarray, names: Optional[Sequence[str]], use_legend: bool
) -> None:
    """Draw points ``(N, 2)`` in the colors of their values ``(N,)``, with names at medians or in a legend."""
    from matplotlib.patheffects import withStroke

    present, member = np.unique(values, return_inverse=True)
    unknown = [np.issubdtype(values.dtype, np.number) and value < 0 for value in present]
    shades = np.array([(0.7,) * 3 if unknown[i] else color_of(i, len(present)) for i in range(len(present))])
    # in one collection and random order, so that no class hides another
    order = np.random.default_rng(0).permutation(len(points))
    axes.scatter(*points[order].T, s=8, c=shades[member.ravel()[order]], linewidths=0)
    halo = [withStroke(linewidth=2, foreground="white")]
    for place, value in enumerate(present):
        name = str(value)
        if unknown[place]:
            name = "unlabeled"
        elif names is not None and 0 <= value < len(names):
            name = names[value]
        if use_legend:  # points of a value are everywhere
            axes.scatter([], [], s=20, color=[shades[place]], linewidths=0, label=name)
        else:
            middle = np.median(points[member.ravel() == place], axis=0)
            axes.text(*middle, name, fontsize=8, ha="center", va="center", path_effects=halo)
    if use_legend:
        columns, size = min(len(present), 15), 9 if len(present) <= 30 else 7
        style = {"frameon": False, "handletextpad": 0.0, "columnspacing": 0.8}
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=columns, fontsize=size, **style)
