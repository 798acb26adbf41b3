"""The values that a run logged, read from the ``scalars.json`` files that MMEngine writes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError, did_you_mean, nearest

_POSITION = {"step", "iter", "epoch"}  # the position of a row; everything else is a value


@dataclass
class Run:
    """The logged values of one run, those of its resumed parts joined."""

    name: str  # for legends
    train: list[dict[str, Any]] = field(default_factory=list)  # in order: ``iter``, perhaps ``epoch``, values by name
    val: list[dict[str, Any]] = field(default_factory=list)  # ``step`` (the epoch, or the iteration), values by name
    notes: list[str] = field(default_factory=list)  # lines that were skipped, with the reason

    @property
    def by_epoch(self) -> bool:
        """Whether the run counts epochs."""
        return any("epoch" in row for row in self.train)

    @property
    def epoch_length(self) -> int:
        """Iterations per epoch: the smallest number that agrees with all rows."""
        return max((math.ceil(row["iter"] / row["epoch"]) for row in self.train if row.get("epoch")), default=1)

    @property
    def keys(self) -> list[str]:
        """Names of all values, in order of appearance."""
        return [key for key in dict.fromkeys(k for row in self.train + self.val for k in row) if key not in _POSITION]

    def curve(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """The ``(n,)`` epochs (or iterations) and ``(n,)`` values of one name; ``DataError`` if it was not logged."""
        if key not in self.keys:
            hint = did_you_mean(nearest(key, self.keys))
            raise DataError(f"{self.name}: no value {key!r}{hint or '.'} Available: {', '.join(self.keys) or 'none'}")
        scale = self.epoch_length if self.by_epoch else 1
        points = [(row["iter"] / scale, row[key]) for row in self.train if key in row]
        if not any(key in row for row in self.train):  # `time` is in both; show training's
            points = [(row["step"], row[key]) for row in self.val if key in row]
        x, y = np.array(points, dtype=float).T
        return x, y


def read_run(path: Union[str, Path], name: Optional[str] = None) -> Run:
    """Read the logged values of a run."""
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give a work dir, or its <time>/vis_data/scalars.json")
    # folders are named by their start time, so this is the order of the parts
    files = sorted(path.rglob("vis_data/scalars.json")) if path.is_dir() else [path]
    files = [file for file in files if file.parents[2:3] == (path,)] or files  # its own, and not of runs further below
    if not files:
        raise DataError(f"{path}: no vis_data/scalars.json in this folder; is it the work dir of a training?")
    found = sorted({str(file.parents[2]) for file in files if path in file.parents[3:]})
    if len(found) > 1:
        more = ", ..." if len(found) > 6 else ""
        raise DataError(f"{path} holds {len(found)} runs; give their folders: {', '.join(found[:6])}{more}")
    parents = path.resolve().parents
    inside = path.is_file() and path.parent.name == "vis_data" and len(parents) > 2  # <work dir>/<time>/vis_data/
    run = Run(name or (parents[2].name if inside else path.resolve().name if path.is_dir() else path.stem))
    for file in files:
        train: list[dict[str, Any]] = []
        val: list[dict[str, Any]] = []
        for row in _rows(file, run.notes):
            (train if "iter" in row else val).append(row)
        if not train and run.train:
            continue  # a later evaluation in the same folder
        if train:
            start, epoch = train[0]["iter"], train[0].get("epoch", train[0]["iter"])
            run.train = [row for row in run.train if row["iter"] < start]
            run.val = [row for row in run.val if row["step"] < epoch]
        run.train += train
        run.val += val
    if not run.train and not run.val:
        raise DataError(f"{path}: no readable row" + "".join(f"; {note}" for note in run.notes))
    return run


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
            why = "incomplete, the run was stopped while writing" if number == len(lines) else "not a row of a log"
            notes.append(f"{file}, line {number} is skipped: {why}")
    return rows
