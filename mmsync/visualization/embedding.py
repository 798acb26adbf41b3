"""Two-dimensional pictures of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.visualization.canvas import colour, new_figure, save_figure

METHODS = {"pca": "PCA", "tsne": "t-SNE"}


def embed_2d(features: Tensor, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Project L2-normalised features to two dimensions.

    Args:
        features: ``(N, D)``.
        method: ``'pca'`` or ``'tsne'``, which takes seconds for 1,000 points and grows quadratically.
        seed: Seed of t-SNE.

    Returns:
        ``(N, 2)``.

    Raises:
        ConfigError: Unknown method.
    """
    if method not in METHODS:
        raise ConfigError(f"embedding method {method!r} is unknown; use 'pca' or 'tsne'")
    x = torch.nn.functional.normalize(features.double(), dim=1)
    x = x - x.mean(0)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, max((len(x) - 1) / 3, 1.0))
        return TSNE(random_state=seed, perplexity=perplexity, init="pca", max_iter=500).fit_transform(x.numpy())
    axes = torch.linalg.eigh(x.T @ x).eigenvectors[:, -2:].flip(1)
    plane = (x @ axes).numpy()
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


def draw_embedding(
    features: Tensor,
    labels: Union[Tensor, Mapping[str, Sequence]],
    path: Union[str, Path],
    class_names: Optional[Sequence[str]] = None,
    method: str = "pca",
    max_points: int = 3000,
) -> None:
    """Draw features as points coloured by label, in one panel or several.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``, -1 is drawn grey; or ``N`` values by the title of each panel, for instance
            ``dict(label=..., subject=..., view=...)``.
        path: The picture; its suffix determines the format.
        class_names: Names written at the points of each class in the panel ``label``; ``None`` for numbers.
        method: Projection, see :func:`embed_2d`.
        max_points: Maximum number of points, a fixed random choice.

    Raises:
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
    """Draw points ``(N, 2)`` in the colours of their values ``(N,)``.

    Names are written at the median of the points of a class, or in a legend if points of a value are everywhere.
    """
    from matplotlib.patheffects import withStroke

    present, member = np.unique(values, return_inverse=True)
    unknown = [np.issubdtype(values.dtype, np.number) and value < 0 for value in present]
    shades = np.array([(0.7,) * 3 if unknown[i] else colour(i, len(present)) for i in range(len(present))])
    # in one collection and random order, so that no class hides another
    order = np.random.default_rng(0).permutation(len(points))
    axes.scatter(*points[order].T, s=8, c=shades[member.ravel()[order]], linewidths=0)
    halo = [withStroke(linewidth=2, foreground="white")]
    for place, value in enumerate(present):
        name = str(value)
        if unknown[place]:
            name = "unlabelled"
        elif names is not None and 0 <= value < len(names):
            name = names[value]
        if use_legend:
            axes.scatter([], [], s=20, color=[shades[place]], linewidths=0, label=name)
        else:
            middle = np.median(points[member.ravel() == place], axis=0)
            axes.text(*middle, name, fontsize=8, ha="center", va="center", path_effects=halo)
    if use_legend:
        columns, size = min(len(present), 15), 9 if len(present) <= 30 else 7
        style = {"frameon": False, "handletextpad": 0.0, "columnspacing": 0.8}
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=columns, fontsize=size, **style)
