"""Pictures of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError, DependencyError
from mmsync.fileio import atomic_path


def embed_2d(features: Tensor, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Bring L2-normalised features to two dimensions.

    Args:
        features: ``(N, D)``.
        method: ``'pca'``, or ``'tsne'`` (seconds for 1,000 points, and quadratic in their number).
        seed: Of t-SNE.

    Returns:
        ``(N, 2)``.
    """
    x = torch.nn.functional.normalize(features.double(), dim=1)
    x = x - x.mean(0)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, max((len(x) - 1) / 3, 1.0))
        return TSNE(random_state=seed, perplexity=perplexity, init="pca", max_iter=500).fit_transform(x.numpy())
    if method != "pca":
        raise ConfigError(f"embedding method {method!r} is unknown; use 'pca' or 'tsne'")
    axes = torch.linalg.eigh(x.T @ x).eigenvectors[:, -2:].flip(1)
    plane = (x @ axes).numpy()
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


def draw_embedding(
    features: Tensor,
    labels: Tensor,
    path: Union[str, Path],
    class_names: Optional[Sequence[str]] = None,
    method: str = "pca",
    max_points: int = 3000,
) -> None:
    """Draw features as points, coloured by label.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``; -1 is drawn grey.
        path: The picture; its suffix chooses the format.
        class_names: Written where each class's points are; ``None`` writes label numbers.
        method: See :func:`embed_2d`.
        max_points: A fixed random choice of this many points is drawn.

    Raises:
        DependencyError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patheffects import withStroke
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: python -m pip install matplotlib") from error
    if len(features) > max_points:
        chosen = torch.from_numpy(np.random.default_rng(0).permutation(len(features))[:max_points])
        features, labels = features[chosen], labels[chosen]
    points, classes = embed_2d(features, method), labels.numpy()
    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)  # no display, and pyplot's global state stays alone
    axes = figure.subplots()
    present = np.unique(classes)
    for place, label in enumerate(present):
        member = classes == label
        colour = "0.7" if label < 0 else figure_colour(place, len(present))
        named = class_names is not None and 0 <= label < len(class_names)
        name = "unlabelled" if label < 0 else (class_names[label] if named and class_names else str(label))
        axes.scatter(*points[member].T, s=8, color=colour, linewidths=0)
        halo = [withStroke(linewidth=2, foreground="white")]
        axes.text(*np.median(points[member], axis=0), name, fontsize=8, ha="center", path_effects=halo)
    kind = {"pca": "PCA", "tsne": "t-SNE"}[method]
    axes.set(xticks=[], yticks=[], title=f"{len(points)} clips, {kind} of the features")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def figure_colour(place: int, count: int) -> tuple[float, float, float]:
    """A colour for class ``place`` of ``count``: hues evenly spread, brightness alternating."""
    from colorsys import hsv_to_rgb

    return hsv_to_rgb(place / max(count, 1), 0.85, 0.55 + 0.35 * (place % 2))
