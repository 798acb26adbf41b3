"""The checks of probes and metrics."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, Optional

import torch

from mmsync.errors import ProtocolError
from mmsync.evaluation.metrics import FeatureMetric, TableMetric
from mmsync.evaluation.probes import Probe
from mmsync.registry import METRICS, PROBES
from mmsync.structures import FeatureTable
from mmsync.testing.parts import Component, maker, name_of, require, same


def example_table(frames: bool = False, n: int = 24) -> FeatureTable:
    """Features ``(N, 5)``, or N sequences of them with ``frames``, of the roles bank and query, labels of 3 classes.

    Columns ``distance`` and ``positive`` are those of pairs, ``distances (N, 5)`` and ``offset`` those of slid windows,
    ``backward (N, 2)`` those of clips and their reversals, ``sound_map (N, 3, 3)``, ``box``, ``heard`` and ``shown``
    those of sounds in pictures, ``separation (N, 2, 2)`` those of separated ones,
    ``score (N, 3)`` those of a classifier.
    Sequences have ``phase``, N of ``(T,)``, and each of their classes is in both roles.
    """
    g = torch.Generator().manual_seed(0)
    features = torch.randn(n, 5, generator=g)
    column = [features[i] + torch.zeros(2 + i % 3, 1) for i in range(n)] if frames else features
    phases = dict(phase=[torch.arange(len(one)) * 2 // len(one) for one in column]) if frames else {}
    return FeatureTable(
        dict(
            feature=column, joints=column, distance=features[:, 0], positive=torch.arange(n) % 2,
            backward=features[:, :2], sound_map=torch.randn(n, 3, 3, generator=g), heard=torch.ones(n),
            separation=features[:, :4].unflatten(1, (2, 2)),
            box=torch.tensor([0.2, 0.2, 0.8, 0.8]).repeat(n, 1), shown=torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(n, 1),
            distances=features, offset=torch.arange(n) % 3 - 1,
            label=torch.arange(n) // (3 if frames else 1) % 3, index=torch.arange(n), name=[f"s{i}" for i in range(n)],
            role=(["bank", "bank", "query"] * n)[:n], kind=(["positive", "hard"] * n)[:n], score=features[:, :3],
            **phases,
        )
    )  # fmt: skip


def check_probe(component: Component, table: Optional[FeatureTable] = None) -> None:
    """Check a probe.

    It has a name and a headline, which is among its results; they are finite numbers; it repeats itself without
    touching torch's random numbers; leaves the table as it was; and a missing column is reported by name.

    Args:
        component: The probe, its config, or a function that makes it.
        table: Features with roles and labels; default: :func:`example_table`, of clips and of sequences, and of
            sequences alone for a probe ``of_frames``.

    Raises:
        ContractError: It does not.
    """
    make = maker(component, PROBES)
    shapes = (True,) if getattr(make(), "of_frames", False) else (False, True)
    for features in [example_table(frames) for frames in shapes] if table is None else (table,):
        probe = make()
        name = name_of(probe)
        require(isinstance(probe, Probe), name, "is no mmsync.evaluation.Probe")
        require(probe.name and probe.headline, name, "has no `name` or no `headline`")
        metric = FeatureMetric(collapse=False)
        metric.probes = {probe.name: probe}
        _check_metric(metric, name, features)


def check_metric(component: Component, table: Optional[FeatureTable] = None) -> None:
    """Check a metric on tables: finite results that do not depend on the batches, and the rest as of a probe.

    Args:
        component: The metric, its config, or a function that makes it.
        table: What the model predicts; default: :func:`example_table`.

    Raises:
        ContractError: It does not.
    """
    metric = maker(component, METRICS)()
    name = name_of(metric)
    require(isinstance(metric, TableMetric), name, "is no mmsync.evaluation.TableMetric")
    _check_metric(metric, name, example_table() if table is None else table)


def _check_metric(metric: Any, name: str, table: FeatureTable) -> None:
    before, state = copy.deepcopy(table.columns), torch.get_rng_state()
    found = metric.compute_metrics([table])
    require(isinstance(found, Mapping) and found, name, f"gives {found!r}; give results by name")
    for key, value in found.items():
        right = isinstance(value, (int, float)) and math.isfinite(value)
        require(right, name, f"its result {key} is {value!r}; give a finite number, not a tensor")
    require(torch.equal(state, torch.get_rng_state()), name, "draws from torch's global generator; seed one of its own")
    require(metric.compute_metrics([table]) == found, name, "gives other results for the same table")
    require(same(dict(table.columns), before), name, "changes the table that it gets")
    for rows in ((0, 5), (5, len(table))):
        metric.process(None, table.take(list(range(*rows))))
    batches = metric.evaluate(len(table))
    close = all(math.isclose(batches[key], found[key], rel_tol=1e-4, abs_tol=1e-4) for key in found)
    require(close, name, f"gives {batches} for the same samples in batches, and {found} at once")
    for column in metric.columns():
        rest = table.select(key for key in table if key != column)
        try:
            metric.compute_metrics([rest])
        except ProtocolError as error:
            text = f"does not name the missing column {column!r}, but says: {error}"
            require(f"`{column}`" in str(error) or "joint" in str(error), name, text)
        else:
            require(False, name, f"asks for the column {column!r}, but does without it")
