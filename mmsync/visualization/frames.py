"""Features of the frames of many sequences in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.structures import FeatureTable
from mmsync.visualization.figures import METHODS, color_of, embed_2d, new_figure, save_figure

MARKERS = "o^sPDv*X<>phd"  # of phases; they repeat after the last


class FrameSample(NamedTuple):
    """Some frames of sequences."""

    features: Tensor  # (K, D)
    activity: np.ndarray  # (K,), -1 for unknown
    phase: np.ndarray  # (K,), -1 for unknown


def is_ragged(table: FeatureTable, name: str = "feature") -> bool:
    """Whether a column holds features ``(T, D)`` of frames."""
    column = table.get(name, ())
    return len(column) > 0 and all(isinstance(row, Tensor) and row.dim() == 2 for row in column)


def queries_of(table: FeatureTable) -> FeatureTable:
    """The rows of the role ``query``, or all where there are none."""
    rows = [i for i, role in enumerate(table.texts("role", "train")) if role == "query"]
    return table.take(rows) if rows else table


def sample_frames(table: FeatureTable, per_activity: int = 300, name: str = "feature") -> FrameSample:
    """A fixed random choice of frames, at most ``per_activity`` of each label of a table with features of frames."""
    frames = table.ragged(name)
    lengths = [len(one) for one in frames]
    phases = table.ragged("phase") if "phase" in table else [torch.full((n,), -1) for n in lengths]
    phase = torch.cat([one[:n] for one, n in zip(phases, lengths)]).numpy()
    activity = np.repeat(table.numbers("label").numpy(), lengths)
    order = np.random.default_rng(0).permutation(len(activity))
    chosen = np.sort(np.concatenate([order[activity[order] == one][:per_activity] for one in np.unique(activity)]))
    features = torch.cat([one.float() for one in frames])[torch.from_numpy(chosen)]
    return FrameSample(features, activity[chosen], phase[chosen])


def draw_frame_embedding(
    sample: FrameSample, path: Union[str, Path], class_names: Optional[Sequence[str]] = None, method: str = "tsne"
) -> None:
    """Draw frames as points, the color is their activity and the marker their phase.

    Args:
        sample: Of :func:`sample_frames`.
        path: Picture to write; its suffix determines the format.
        class_names: Names of the activities.
        method: ``'tsne'`` or ``'pca'``, see :func:`mmsync.visualization.embed_2d`.

    Raises:
        ConfigError: Another method, or matplotlib does not write such pictures.
        DependencyError: matplotlib is missing.
    """
    figure = new_figure(9.5, 7)
    points, axes = embed_2d(sample.features, method), figure.subplots()
    activities, phases = np.unique(sample.activity), np.unique(sample.phase)
    count = max(int(activities.max(initial=0)) + 1, len(class_names or ()))
    for phase in phases.tolist():
        rows = sample.phase == phase
        colors = [(0.6, 0.6, 0.6) if one < 0 else color_of(int(one), count) for one in sample.activity[rows]]
        axes.scatter(*points[rows].T, s=16, c=colors, marker=_marker(phase), linewidths=0, alpha=0.8)
    for one in activities.tolist():
        name = "unlabeled" if one < 0 else class_names[one] if class_names else f"activity {one}"
        axes.scatter([], [], s=40, marker="o", color=[(0.6, 0.6, 0.6) if one < 0 else color_of(one, count)], label=name)
    if phases.max(initial=-1) >= 0:
        for phase in phases.tolist():
            label = f"phase {phase}" if phase >= 0 else "no phase"
            axes.scatter([], [], s=30, marker=_marker(phase), color="0.3", label=label)
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    figure.suptitle(f"{len(points)} frames, {METHODS[method]} of the features")
    save_figure(figure, path)


def _marker(phase: int) -> str:
    return "." if phase < 0 else MARKERS[phase % len(MARKERS)]
