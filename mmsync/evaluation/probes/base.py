"""Base of probes: the columns they need and the result they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Optional

import numpy as np
from torch import Tensor

from mmsync.errors import ConfigError, ContractError, ProtocolError, unwritten
from mmsync.evaluation.functional import Scores
from mmsync.ops.scaling import Standardize
from mmsync.structures import FeatureTable

Arrays = tuple[Tensor, Tensor, Tensor, Tensor, int]


@dataclass
class ProbeResult:
    """The outcome of a probe."""

    metrics: dict[str, float]
    scores: Optional[Scores] = None  # of the queries, of a probe that classifies
    curves: dict[str, list[float]] = field(default_factory=dict)  # values after each epoch, of a probe that trains
    note: str = ""  # the protocol in a few words, for the log


class Probe:
    """Judges features that were extracted once; a subclass sets ``name`` and ``headline`` and writes :meth:`run`.

    Args:
        column: Name of the column of features ``(N, D)``; of sequences the mean over their frames is used.
    """

    name: ClassVar[str] = ""  # first word of its results, unless the metric is given another one
    headline: ClassVar[str] = ""  # the result to report
    gives: Sequence[str] = ()  # names of its results, as patterns of fnmatch; empty if they are not known beforehand
    sees: ClassVar[Literal["labeled", "roles", "all"]] = "labeled"
    """Samples that it gets: bank and query of those with a label; bank and query of all; or all samples, twice."""
    of_frames: ClassVar[bool] = False  # whether it judges the frames (T, D) of sequences, and not their means
    classes: Sequence[str] = ()  # names of the labels; the metric sets those of the data set
    optional: Sequence[str] = ()  # columns that it uses where the table has them
    softmax: ClassVar[bool] = False  # whether the softmax of its scores is a probability, to be averaged over a video

    def __init__(self, column: str = "feature") -> None:
        self.column = column

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it needs."""
        return (self.column,) if self.column else ()

    def missing(self, column: str) -> str:
        """The error message for a column that the table does not have."""
        return f"the model's predict() sets no `{column}`"

    def check_labels(self, bank: np.ndarray, query: np.ndarray) -> None:
        """Raise a ProtocolError if the probe does not apply to these labels ``(B,)`` and ``(Q,)`` of a data set."""

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        """Judge the features of the roles bank and query, computing on ``device``."""
        raise unwritten(self, "run(bank, query, device)")

    def arrays(self, bank: FeatureTable, query: FeatureTable, device: str) -> Arrays:
        """Features ``(N, D)`` and labels ``(N,)`` of the bank and of the queries, and the number of classes."""
        x, y, q, labels = (t.to(device) for s in (bank, query) for t in (s.vectors(self.column), s.numbers("label")))
        return x, y, q, labels, int(max(y.max(), labels.max())) + 1


def checked(probe: Probe, result: Any) -> ProbeResult:
    """The outcome of a probe; a ContractError for another type, values that are no numbers, or a missing headline."""
    name = type(probe).__name__
    if not isinstance(result, ProbeResult):
        raise ContractError(f"{name}.run returns {type(result).__name__}; give a ProbeResult({{'name': number}})")
    for key, value in result.metrics.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ContractError(f"{name}: its result {key!r} is {value!r}; give a number, for instance value.item()")
    if probe.headline not in result.metrics:
        found = ", ".join(result.metrics)
        raise ContractError(f"{name}: its headline {probe.headline!r} is not among its results, {found}")
    return result


def row_names(table: FeatureTable) -> list[str]:
    """A unique name for each row, by which streams are fused: that of the sample; of pairs, windows, kind and index."""
    names = table.texts("name", "?")
    if "kind" not in table and "distance" not in table:
        return names
    windows = table.texts("windows", "") if "windows" in table else names
    places = table.numbers("index").tolist()
    kinds = table.texts("kind", "")
    return [f"{w}:{k}:{i}" for w, k, i in zip(windows, kinds, places)]


def scores_of(query: FeatureTable, logits: Tensor) -> Scores:
    """Logits of the queries with their names and labels."""
    return Scores(row_names(query), logits.float().cpu().numpy(), query.numbers("label").numpy())


def bank_and_query(table: FeatureTable, labeled: bool = True) -> tuple[FeatureTable, FeatureTable]:
    """Split a table by role; ``labeled`` leaves out samples without a label, and requires some in both roles."""
    known = table.numbers("label").numpy() >= 0
    if labeled and not known.any():
        advice = "give the source its labels, or drop the probes: --cfg-options val_evaluator.probes=[]"
        raise ProtocolError(f"probes compare with labels, but none of the evaluated samples has one; {advice}")
    roles = np.array(table.texts("role", "train"))
    parts = []
    for role in ("bank", "query"):
        index = np.flatnonzero((roles == role) & known if labeled else roles == role)
        if labeled and not len(index):
            found = f"the evaluated data set has only roles {', '.join(sorted(set(roles.tolist())))}"
            advice = "set roles=dict(bank=<training split>, query=<test split>)"
            raise ProtocolError(f"probes need labeled samples with role {role!r}, but {found}: {advice}")
        parts.append(table.take(index))
    return parts[0], parts[1]


def require_whole(owner: Probe, least: int = 1, **values: Any) -> None:
    """Raise a ConfigError unless all arguments are whole numbers from ``least`` on."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{type(owner).__name__}.{name}={value!r}: give a whole number from {least} on")


def require_range(owner: Probe, **values: tuple[float, bool, str]) -> None:
    """Raise a ConfigError unless all arguments, given as value, whether it is right, and the range, are right."""
    for name, (value, right, words) in values.items():
        if not right:
            raise ConfigError(f"{type(owner).__name__}.{name}={value!r}: give a number {words}")


def require_choice(owner: Probe, names: Sequence[str], **values: str) -> None:
    """Raise a ConfigError unless all arguments are among these names."""
    for name, value in values.items():
        if value not in names:
            raise ConfigError(f"{type(owner).__name__}.{name}={value!r}: use {' or '.join(map(repr, names))}")


def require_scaling(owner: Probe, standardize: Standardize) -> None:
    """Raise a ConfigError unless the argument names a preparation of features."""
    if standardize not in (False, True, "whiten"):
        raise ConfigError(f"{type(owner).__name__}.standardize={standardize!r}: use False, True or 'whiten'")


def scaled(standardize: Standardize) -> str:
    """The preparation of features in a word, for the log."""
    return "whitened" if standardize == "whiten" else "standardized" if standardize else "raw"
