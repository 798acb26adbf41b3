"""Curves of logged values, from the ``scalars.json`` files that MMEngine writes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError, did_you_mean, nearest

from .canvas import colour, new_figure, save_figure

_POSITION = {"step", "iter", "epoch"}  # say where a row stands; all else is a value


@dataclass
class Run:
    """The logged values of one run, those of its resumed parts joined.

    Args:
        name: For legends.
        train: Rows that training wrote, in order: ``iter``, with epochs also ``epoch``, and values by name.
        val: Rows that validation wrote: ``step`` (the epoch, or without epochs the iteration), and values by name.
        notes: What was left out, and why.
    """

    name: str
    train: list[dict[str, Any]] = field(default_factory=list)
    val: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def by_epoch(self) -> bool:
        """Whether the run counts epochs."""
        return any("epoch" in row for row in self.train)

    @property
    def epoch_length(self) -> int:
        """Iterations of an epoch: the least number that fits all rows."""
        return max((math.ceil(row["iter"] / row["epoch"]) for row in self.train if row.get("epoch")), default=1)

    @property
    def keys(self) -> list[str]:
        """Names of all values, in the order of their appearance."""
        return [key for key in dict.fromkeys(k for row in self.train + self.val for k in row) if key not in _POSITION]

    def curve(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Where a value was logged, and the value.

        Args:
            key: Its name.

        Returns:
            ``(n,)`` epochs (iterations, where the run counts none) and ``(n,)`` values.

        Raises:
            DataError: The run has no such value.
        """
        if key not in self.keys:
            hint = did_you_mean(nearest(key, self.keys))
            raise DataError(f"{self.name}: no value {key!r}{hint or '.'} There are: {', '.join(self.keys) or 'none'}")
        scale = self.epoch_length if self.by_epoch else 1
        points = [(row["iter"] / scale, row[key]) for row in self.train if key in row]
        if not any(key in row for row in self.train):  # `time` is logged by both; the curve is that of training
            points = [(row["step"], row[key]) for row in self.val if key in row]
        x, y = np.array(points, dtype=float).T
        return x, y


def read_run(path: Union[str, Path], name: Optional[str] = None) -> Run:
    """Read what a run logged.

    Args:
        path: A work dir, whose parts are joined (a part that starts at iteration i replaces earlier rows from i on), or
            one json file.
        name: For legends; ``None`` takes that of the folder.

    Returns:
        The run.

    Raises:
        DataError: There is no log, or none of its rows can be read.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give a work dir, or its <time>/vis_data/scalars.json")
    # the folders are named by the time of the start
    files = sorted(path.rglob("vis_data/scalars.json")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no vis_data/scalars.json in this folder; is it the work dir of a training?")
    run = Run(name or (path.resolve().name if path.is_dir() else _run_of(path)))
    for file in files:
        train: list[dict[str, Any]] = []
        val: list[dict[str, Any]] = []
        for row in _rows(file, run.notes):
            (train if "iter" in row else val).append(row)
        if not train and run.train:
            continue  # an evaluation that was run later in the same folder
        if train:
            start, epoch = train[0]["iter"], train[0].get("epoch", train[0]["iter"])
            run.train = [row for row in run.train if row["iter"] < start]
            run.val = [row for row in run.val if row["step"] < epoch]
        run.train += train
        run.val += val
    if not run.train and not run.val:
        raise DataError(f"{path}: no row can be read" + "".join(f"; {note}" for note in run.notes))
    return run


def _run_of(file: Path) -> str:
    """The work dir's name of ``<work dir>/<time>/vis_data/scalars.json``, else that of the file."""
    parents = file.resolve().parents
    return parents[2].name if file.parent.name == "vis_data" and len(parents) > 2 else file.stem


def _rows(file: Path, notes: list[str]) -> list[dict[str, Any]]:
    rows = []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and "step" in row:
            rows.append({key: value for key, value in row.items() if isinstance(value, (int, float))})
        else:
            why = "the run was stopped while it wrote it" if number == len(lines) else "it is no row of a log"
            notes.append(f"{file}, line {number} is left out: {why}")
    return rows


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average without the bias of its start; NaN is passed over.

    Args:
        values: ``(n,)``.
        weight: Of the past, in [0, 1).

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
    """Draw values of several runs, one panel a value.

    Args:
        runs: The runs, one colour each.
        keys: Names of values. A run without one of them is left out of its panel, as long as another has it.
        path: The picture; its suffix chooses the format.
        smooth: Of what training logged, see :func:`smoothed`; the values themselves are then drawn pale. Results of
            validations stay as they are.

    Raises:
        DataError: No run has one of the values.
        DependencyError: matplotlib is missing.
    """
    for key in keys:
        if not any(key in run.keys for run in runs):
            every = Run("log" if len(runs) > 1 else runs[0].name, [row for r in runs for row in r.train + r.val])
            every.curve(key)  # raises with all names there are
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
