"""Curves of probes, and results of a pretraining's checkpoints over its epochs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from mmsync.errors import DataError
from mmsync.runlog import Run
from mmsync.visualization.curves import draw_curves

Curve = Union[Sequence[float], Mapping[int, float]]


def curves_run(curves: Mapping[str, Curve], name: str) -> Run:
    """Curves as a run that :func:`~mmsync.visualization.draw_curves` draws.

    Args:
        curves: By name, values of the epochs from 1 on, or values by epoch.
        name: For legends.
    """
    rows: dict[int, dict[str, float]] = {}
    for key, curve in curves.items():
        for epoch, value in curve.items() if isinstance(curve, Mapping) else enumerate(curve, 1):
            rows.setdefault(epoch, {"epoch": epoch, "iter": epoch})[key] = value
    return Run(name, [rows[epoch] for epoch in sorted(rows)])


def draw_probe_curves(curves: Mapping[str, Curve], path: Union[str, Path], name: str = "probe") -> None:
    """Draw curves of a probe, one panel each.

    Args:
        curves: By name, as for :func:`curves_run`.
        path: The picture; its suffix chooses the format.
        name: Of the run.

    Raises:
        DependencyError: matplotlib is missing.
    """
    draw_curves([curves_run(curves, name)], list(curves), path)


def read_history(path: Union[str, Path], name: Optional[str] = None) -> Run:
    """Read the results that ``tools/benchmark.py --every`` wrote: values by epoch, named by their protocols.

    Args:
        path: ``results.json``, or its folder.
        name: For legends; ``None`` takes that of the folder.

    Raises:
        DataError: The file is missing, or holds no results of protocols.
    """
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    curves: dict[str, dict[int, float]] = {}
    try:
        for row in json.loads(file.read_text(encoding="utf-8")):
            curves.setdefault(row["protocol"], {})[int(row["epoch"])] = row["mean"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: no results of tools/benchmark.py ({type(error).__name__}: {error})") from error
    return curves_run(curves, name or file.resolve().parent.name)
