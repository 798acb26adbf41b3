"""Base of probes on sequences: a table's ragged features and phases by activity, intervals, and the position alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Union

import numpy as np
from torch import Tensor
from tqdm import tqdm

from mmsync.errors import DataError, ProtocolError, unwritten
from mmsync.evaluation.functional.phases import position_code
from mmsync.evaluation.probes.base import Probe, ProbeResult
from mmsync.structures import FeatureTable

_DRAWS = 1000


@dataclass(frozen=True)
class Videos:
    """Sequences of a role; phases are empty arrays where they are not asked for."""

    frames: list[np.ndarray]  # (T, D) float64
    phases: list[np.ndarray]  # (T,) int64
    activity: np.ndarray  # (V,)

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: np.ndarray) -> Videos:
        """Select videos by an index."""
        return Videos([self.frames[i] for i in rows], [self.phases[i] for i in rows], self.activity[rows])

    def position(self) -> Videos:
        """The videos with codes of position as their features."""
        return Videos(position_code([len(one) for one in self.frames]), self.phases, self.activity)

    @property
    def num_phases(self) -> int:
        """Highest phase and one."""
        return 1 + max((int(one.max(initial=-1)) for one in self.phases), default=-1)


class AlignmentProbe(Probe):
    """Judges frames of sequences by activity: a subclass writes :meth:`statistics`.

    The table has a ragged ``feature`` (N of ``(T, D)``), ``phase`` (N of ``(T,)``, -1 for none), and the activity as
    ``label``. An encoder of fewer steps than frames gives step j of J the phase of frame ``floor(j T / J)``. An
    activity that lacks what the probe needs is left out and named in the log. All results are in percent, or as they
    are for tau and R^2.

    ============================  ===================================================================================
    ``mean``                      mean over activities
    ``mean_low``, ``mean_high``   its interval of 95 percent; query videos drawn by a bootstrap within each activity
    ``position``                  ``mean`` of codes of the position t / T in place of features
    ``<activity>``                of each activity, by its name in the data set, else its number
    ============================  ===================================================================================

    Args:
        column: Name of the column of features.
    """

    headline = "mean"
    gives: Sequence[str] = ("mean", "mean_low", "mean_high", "position", "*")
    of_frames = True
    percent: ClassVar[bool] = True
    needs_phases: ClassVar[bool] = True
    least_queries: ClassVar[int] = 1  # videos of an activity
    settings: tuple[str, ...] = ("",)  # endings of the names of several means; the last is the one to report

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, "phase") if self.needs_phases else (self.column,)

    def missing(self, column: str) -> str:
        name = type(self).__name__
        if column == "phase":
            text = "the data set sets no `phase`; it is for a SequenceDataset whose source has frame_labels"
            return f"{name}: {text}. Without phases, take probes=dict(_delete_=True, tau=dict(type='KendallTau'))"
        return f"{name}: {super().missing(column)}"

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        """Sums ``(V, P, len(settings))`` of each query video of one activity, of which :meth:`value` makes results."""
        raise unwritten(self, "statistics(bank, query)")

    def value(self, sums: np.ndarray) -> np.ndarray:
        """Results ``(..., len(settings))`` of sums over videos; by default the ratio of the first two."""
        return sums[..., 0, :] / np.maximum(sums[..., 1, :], np.finfo(float).tiny)

    def by_activity(self, bank: Videos, query: Videos) -> dict[int, np.ndarray]:
        """:meth:`statistics` of each activity of the queries; what is judged over all activities replaces this."""
        activities = tqdm(np.unique(query.activity), desc=self.name, delay=2, leave=False, disable=None)
        return {
            int(a): self.statistics(*(part.take(np.flatnonzero(part.activity == a)) for part in (bank, query)))
            for a in activities
        }

    def why_skipped(self, bank: Videos, query: Videos) -> str:
        """The reason why an activity with these videos cannot be judged; empty if it can."""
        if len(query) < self.least_queries:
            return f"{len(query)} query videos" + " with phases" * self.needs_phases
        if self.needs_phases and not len(bank):
            return "no bank videos with phases"
        return ""

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        activities = np.union1d(bank.numbers("label"), query.numbers("label"))
        videos = [self._phased(self._videos(part)) for part in (bank, query)]
        kept, skipped = [], []
        for a in activities:
            mine = [part.take(np.flatnonzero(part.activity == a)) for part in videos]
            why = self.why_skipped(*mine)
            kept += [] if why else [a]
            skipped += [f"{self._name(a)} ({why})"] if why else []
        if not kept:
            some = ", ".join(skipped[:3]) + f" and {len(skipped) - 3} more" * (len(skipped) > 3)
            needs = f"{self.least_queries} or more query videos of an activity" + " with phases" * self.needs_phases
            raise ProtocolError(f"{type(self).__name__}: no activity can be judged: {some}; it needs {needs}")
        shown, asked = (p.take(np.flatnonzero(np.isin(p.activity, kept))) for p in videos)
        sums = self.by_activity(shown, asked)
        alone = self.by_activity(shown.position(), asked.position())
        metrics = self._summary(sums, alone)
        note = f"{self.name}: {len(kept)} activities, {len(asked)} query videos"
        note += f", {len(skipped)} activities left out: {', '.join(skipped)}" if skipped else ""
        return ProbeResult(metrics, note=note)

    def _summary(self, sums: dict[int, np.ndarray], alone: dict[int, np.ndarray]) -> dict[str, float]:
        scale = 100.0 if self.percent else 1.0
        each = {a: scale * self.value(one.sum(axis=0)) for a, one in sums.items()}
        mean = np.mean(list(each.values()), axis=0)
        rng = np.random.default_rng(0)
        drawn = np.mean([self._drawn(one, rng) for one in sums.values()], axis=0)
        low, high = scale * np.quantile(drawn, [0.025, 0.975])
        position = scale * np.mean([self.value(one.sum(axis=0))[-1] for one in alone.values()])
        found = dict(mean=float(mean[-1]), mean_low=float(low), mean_high=float(high), position=float(position))
        found.update({f"mean_{name}": float(x) for name, x in zip(self.settings[:-1], mean)})
        for a, value in each.items():
            found.setdefault(self._name(a), float(value[-1]))
        return found

    def _drawn(self, sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Results to report ``(draws,)`` of drawn query videos of one activity."""
        count = len(sums)
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS)
        return self.value(np.tensordot(drawn.astype(float), sums, axes=1))[:, -1]

    def _name(self, activity: int) -> str:
        return str(self.classes[activity]) if activity < len(self.classes) else str(int(activity))

    def _phased(self, videos: Videos) -> Videos:
        """The videos that have phases, if they are needed."""
        if not self.needs_phases:
            return videos
        return videos.take(np.flatnonzero([(one >= 0).any() for one in videos.phases]))

    def _videos(self, table: FeatureTable) -> Videos:
        names, column = table.texts("name", "?"), table[self.column]
        if not all(isinstance(one, Tensor) and one.dim() == 2 for one in column):
            text = f"{type(self).__name__} judges frames (T, D) of sequences, but column {self.column!r} holds none"
            raise ProtocolError(f"{text}; give the encoder pool=dict(type='FramePool')")
        frames = [one.double().cpu().numpy() for one in column]
        for name, one in zip(names, frames):
            if len(one) < 2:
                raise DataError(f"{type(self).__name__}: {name} has {len(one)} valid frames; 2 or more are needed")
            if not np.isfinite(one).all():
                raise DataError(f"{type(self).__name__}: {name} has features that are not finite")
        phases = [np.empty(0, dtype=np.int64)] * len(frames)
        if self.needs_phases:
            phases = [_of_steps(p, len(f), name) for p, f, name in zip(table["phase"], frames, names)]
        return Videos(frames, phases, table.numbers("label").cpu().numpy())


def _of_steps(phase: Union[Tensor, np.ndarray], steps: int, name: str) -> np.ndarray:
    """Phases ``(T,)`` of the steps of an encoder."""
    given = np.asarray(phase.cpu() if isinstance(phase, Tensor) else phase)
    if given.ndim != 1 or len(given) < steps or given.dtype.kind not in "iu":
        raise DataError(f"{name} has {steps} features, but phases {given.shape} {given.dtype}; give one for each frame")
    return given[np.arange(steps) * len(given) // steps].astype(np.int64)
