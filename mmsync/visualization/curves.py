"""Curves of logged values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from mmsync.runlog import Run
from mmsync.visualization.canvas import colour, new_figure, save_figure


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Bias-corrected exponential moving average that skips NaN.

    Args:
        values: ``(n,)``.
        weight: Weight of the past, in [0, 1).

    Returns:
        ``(n,)``.
    """
    out, mean, mass = np.full(len(values), np.nan), 0.0, 0.0
    for i, value in enumerate(values):
        if np.isfinite(value):
            mean, mass = weight * mean + (1 - weight) * value, weight * mass + (1 - weight)
        out[i] = mean / mass if mass else np.nan
    return out


def draw_curves(runs: Sequence[Run], keys: Sequence[str], path: Union[str, Path], smooth: float = 0.0) -> None:
    """Draw values of several runs, one panel per value.

    Args:
        runs: The runs, one colour each.
        keys: Names of values; each has to be logged by at least one of the runs.
        path: The picture; its suffix determines the format.
        smooth: Weight of the past for values of training, see :func:`smoothed`; raw values are then drawn pale.

    Raises:
        DataError: No run has one of the values.
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
    for axes, key in zip(panels, keys):
        for place, run in enumerate(runs):
            if key not in run.keys:
                continue
            x, y = run.curve(key)
            shade = colour(place, len(runs))
            marker = "o" if len(x) < 30 else None
            if smooth and any(key in row for row in run.train):
                axes.plot(x, y, color=shade, alpha=0.25, linewidth=1)
                y = smoothed(y, smooth)
            axes.plot(x, y, color=shade, label=run.name, marker=marker, markersize=3, linewidth=1.5)
        axes.set_title(key, fontsize=10)
        axes.set_xlabel(" or ".join(sorted(unit)), fontsize=8)
        axes.tick_params(labelsize=8, labelbottom=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    if len(runs) > 1:
        found: dict[str, Any] = {}
        for axes in panels[: len(keys)]:
            found.update({label: line for line, label in zip(*axes.get_legend_handles_labels())})
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=min(len(runs), 4), fontsize=8)
    save_figure(figure, path)
