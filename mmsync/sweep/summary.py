"""Accuracies of several methods on several sets: their intervals and ranks, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
from scipy.stats import rankdata

from mmsync.evaluation.functional import Scores
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.visualization.figures import color_of, new_figure, save_figure


@dataclass
class Result:
    """What probes give for one method, or one floor, on a fold of a set, with one seed."""

    group: str  # the set
    part: str  # the fold
    row: str  # the method
    seed: int
    scores: dict[str, Scores]  # by protocol
    epochs: int = 0
    minutes: float = 0.0  # of CPU time in training


def summary(results: Iterable[Result]) -> list[dict[str, Any]]:
    """A row for each set and method: accuracies by protocol in percent, with interval and rank.

    They are those of the test clips of all folds together. A seed that lacks a fold is left out.
    """
    groups: dict[str, dict[str, list[Result]]] = {}
    for one in results:
        groups.setdefault(one.group, {}).setdefault(one.row, []).append(one)
    rows = []
    for group, members in groups.items():
        folds = {one.part for own in members.values() for one in own}
        block = [_row(group, row, own, folds) for row, own in members.items()]
        block = [row for row in block if row["seeds"]]
        for protocol in {name for row in block for name in row["accuracy"]}:
            cells = [row["accuracy"][protocol] for row in block if protocol in row["accuracy"]]
            for cell, rank in zip(cells, rankdata([-cell["mean"] for cell in cells])):
                cell["rank"] = float(rank)
        rows += block
    return rows


def _row(group: str, row: str, members: Sequence[Result], folds: set[str]) -> dict[str, Any]:
    seeds = [
        seed
        for seed in sorted({one.seed for one in members})
        if {one.part for one in members if one.seed == seed} == folds
    ]
    chosen = sorted((one for one in members if one.seed in seeds), key=lambda one: (one.seed, one.part))
    found = {name: _accuracy(chosen, seeds, name) for name in (chosen[0].scores if chosen else ())}
    cost = dict(epochs=[one.epochs for one in chosen], cpu_minutes=[one.minutes for one in chosen])
    return dict(set=group, row=row, seeds=seeds, **cost, accuracy=found)


def _accuracy(chosen: Sequence[Result], seeds: Sequence[int], protocol: str) -> dict[str, Any]:
    """Mean over seeds, and the interval of a bootstrap over clips and seeds; a clip of several folds is drawn once."""
    right, names = [], []
    for seed in seeds:
        scores = [one.scores[protocol] for one in chosen if one.seed == seed]
        right.append(np.concatenate([100.0 * (one.logits.argmax(1) == one.labels) for one in scores]))
        names = [name for one in scores for name in one.names]
    low, high = mean_interval(np.stack(right), np.array(names))
    return dict(mean=float(np.mean(right)), low=low, high=high, seeds=[float(one.mean()) for one in right])


def mean_ranks(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean rank over the sets, by method and protocol, of the methods that have a row in every set."""
    sets = {row["set"] for row in rows}
    found = {}
    for name in dict.fromkeys(row["row"] for row in rows):
        own = [row["accuracy"] for row in rows if row["row"] == name]
        if len(own) == len(sets):
            shared = [key for key in own[0] if all(key in one for one in own)]
            found[name] = {key: float(np.mean([one[key]["rank"] for one in own])) for key in shared}
    return found


def summary_cells(rows: Sequence[Mapping[str, Any]], protocols: Sequence[str]) -> list[tuple[str, ...]]:
    """Cells, header first: a block for each set, then the mean ranks; the last column is the mean over protocols."""
    cells = [("set", "row", "epochs", "CPU min", *protocols, "rank")]
    for row in rows:
        found = {name: row["accuracy"][name] for name in protocols if name in row["accuracy"]}
        text = {name: f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]" for name, one in found.items()}
        trained = any(row["epochs"])
        cost = (f"{np.mean(row['epochs']):.0f}", f"{np.mean(row['cpu_minutes']):.2f}") if trained else ("-", "-")
        rank = f"{np.mean([one['rank'] for one in found.values()]):.1f}" if found else "-"
        cells.append((row["set"], row["row"], *cost, *(text.get(name, "-") for name in protocols), rank))
    for name, ranks in mean_ranks(rows).items():
        texts = [f"{ranks[key]:.2f}" if key in ranks else "-" for key in protocols]
        cells.append(("mean rank", name, "", "", *texts, f"{np.mean(list(ranks.values())):.2f}" if ranks else "-"))
    return cells


def draw_summary(rows: Sequence[Mapping[str, Any]], protocols: Sequence[str], path: Union[str, Path]) -> None:
    """Draw a panel for each set: a point for each method and protocol, a line for its interval."""
    sets, names = (list(dict.fromkeys(row[key] for row in rows)) for key in ("set", "row"))
    figure = new_figure(1.5 + 2.6 * len(sets), 1.2 + 0.2 * len(names) * (len(protocols) + 1))
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for panel, group in zip(panels, sets):
        for place, protocol in enumerate(protocols):
            own = [row for row in rows if row["set"] == group and protocol in row["accuracy"]]
            found = [row["accuracy"][protocol] for row in own]
            y = [names.index(row["row"]) + 0.8 * ((place + 0.5) / len(protocols) - 0.5) for row in own]
            color = color_of(place, len(protocols))
            panel.hlines(y, [one["low"] for one in found], [one["high"] for one in found], color=color, alpha=0.5)
            panel.plot([one["mean"] for one in found], y, "o", color=color, markersize=4, label=protocol)
        panel.set(title=group, xlabel="accuracy, %")
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(protocols))
    save_figure(figure, path)
