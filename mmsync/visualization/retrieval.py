"""A sheet of query frames and the frames nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.visualization.figures import new_figure, save_figure
from mmsync.visualization.sequences import SequenceClip, clip_panel
from mmsync.visualization.skeleton import MARGIN, bone_segments

SIDE = 1.25  # inches of a cell
RIGHT, WRONG = "#2ca02c", "#d62728"


class Shown(NamedTuple):
    """A frame of a sequence."""

    clip: SequenceClip
    frame: int

    @property
    def phase(self) -> int:
        """Its phase, -1 if it is not known."""
        return -1 if self.clip.phase is None else int(self.clip.phase[self.frame])


def draw_retrieval(rows: Sequence[Sequence[Shown]], path: Union[str, Path], title: str = "") -> None:
    """Draw a row for each query: its skeleton, then the frames found, framed green where the phase is the same.

    Args:
        rows: Of each query, itself and the frames found, the nearest first.
        path: Picture to write; its suffix determines the format.
        title: Of the picture.

    Raises:
        ConfigError: matplotlib does not write such pictures.
        DataError: There is no row, or a sequence has no joints.
        DependencyError: matplotlib is missing.
    """
    if not rows:
        raise DataError("retrieval sheet: there is no query to draw")
    columns, cell = max(map(len, rows)), SIDE + 0.38
    width, height = columns * (SIDE + 0.1) + 0.45, len(rows) * cell + 0.75
    figure = new_figure(max(width, 5.0), height, dpi=110, layout=None)
    size = np.array([max(width, 5.0), height])
    figure.text(0.5, 1 - 0.1 / height, title, fontsize=10, ha="center", va="top")
    heads = ["query", *(f"nearest {n}" for n in range(1, columns))]
    for number, head in enumerate(heads):
        left = 0.1 + number * (SIDE + 0.1) + (0.25 if number else 0)
        figure.text((left + SIDE / 2) / size[0], 1 - 0.5 / height, head, fontsize=8, ha="center", color="0.4")
    for row, shown in enumerate(rows):
        for number, one in enumerate(shown):
            left = 0.1 + number * (SIDE + 0.1) + (0.25 if number else 0)
            bottom = height - 0.58 - row * cell - SIDE
            axes = figure.add_axes((left / size[0], bottom / height, SIDE / size[0], SIDE / height))
            known = one.phase >= 0 and shown[0].phase >= 0
            color = "black" if not number else RIGHT if one.phase == shown[0].phase else WRONG
            _draw_cell(axes, one, color if known or not number else "0.7")
    save_figure(figure, path)


def _draw_cell(axes: Any, shown: Shown, color: str) -> None:
    from matplotlib.collections import LineCollection

    clip, panel = shown.clip, clip_panel(shown.clip)
    panel.keypoint = panel.keypoint[:, shown.frame : shown.frame + 1]
    lines, colors = bone_segments(panel)
    points = lines.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    low, high = (points.min(0), points.max(0)) if len(points) else (-np.ones(2), np.ones(2))
    middle, reach = (low + high) / 2, max(float((high - low).max()), 1e-6) / 2 * MARGIN
    axes.add_collection(LineCollection(list(lines[0]), colors=colors, linewidths=1.8, capstyle="round"), autolim=False)
    axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(color)
        spine.set_linewidth(2)
    name: Optional[str] = clip.phases[shown.phase] if 0 <= shown.phase < len(clip.phases) else None
    about = name or (f"phase {shown.phase}" if shown.phase >= 0 else clip.activity)
    axes.set_xlabel(f"{clip.name}, frame {shown.frame}\n{about}", fontsize=6, labelpad=2)
