"""Probes of the alignment of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmsync.evaluation.functional import alignment as measures
from mmsync.evaluation.functional import phases as of_phases
from mmsync.evaluation.functional.phases import Classifier, Missing
from mmsync.evaluation.probes.base import require_choice, require_range, require_whole
from mmsync.evaluation.probes.sequences import AlignmentProbe, Videos
from mmsync.registry import PROBES


def _ratio(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums ``(V, 2, J)`` of values and counts ``(V, J)``; values that are not finite do not count."""
    known = np.isfinite(values)
    return np.stack([np.where(known, values, 0) * counts, np.where(known, counts, 0)], axis=1)


@PROBES.register_module()
class KendallTau(AlignmentProbe):
    """Kendall's tau of the order of nearest frames ``(T, D)`` between query videos (TCC, section 4.2); in [-1, 1].

    See :func:`mmsync.evaluation.functional.kendall_tau` and :class:`AlignmentProbe` for the results. It says little of
    encoders that know the position: compare ``tau/position``. A video whose nearest frames are all the same one has
    no tau; an activity of such videos, of a collapsed encoder, counts as 0. Intervals draw the query side of pairs.

    Args:
        stride: Every n-th frame is compared; CARL has 2 for Penn Action and 5 for Pouring.
        normalize: Scale embeddings to unit length first, as CARL does.
        column: Name of the column of features.
    """

    name = "tau"
    percent = False
    needs_phases = False
    least_queries = 2

    def __init__(self, stride: int = 2, normalize: bool = False, column: str = "feature") -> None:
        super().__init__(column)
        require_whole(self, stride=stride)
        self.stride = stride
        self.metric: measures.Metric = "cosine" if normalize else "sqeuclidean"  # the order of unit vectors' distances

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        matrix = measures.kendall_tau(query.frames, self.stride, self.metric)[1]
        known = np.isfinite(matrix)
        return np.stack([np.where(known, matrix, 0).sum(axis=1), known.sum(axis=1)], axis=1)[..., None]


@PROBES.register_module()
class FrameRetrieval(AlignmentProbe):
    """Precision of the K nearest frames ``(T, D)`` of other query videos, "AP@K" of CARL, in percent.

    See :func:`mmsync.evaluation.functional.frame_retrieval` and :class:`AlignmentProbe` for the results. ``mean`` is of
    the last K, ``mean_5`` and so on of the others.

    Args:
        k: Numbers of neighbors, the one to report last.
        stride: Every n-th frame is compared.
        normalize: Scale embeddings to unit length first, as CARL does.
        column: Name of the column of features.
    """

    name = "frame_retrieval"
    least_queries = 2

    def __init__(
        self, k: Sequence[int] = (5, 10, 15), stride: int = 2, normalize: bool = False, column: str = "feature"
    ) -> None:
        super().__init__(column)
        require_whole(self, stride=stride)
        require_range(self, k=(len(k), len(k) > 0, "or more of neighbors"))
        require_whole(self, **{f"k[{i}]": n for i, n in enumerate(k)})
        self.k, self.stride = tuple(k), stride
        self.metric: measures.Metric = "cosine" if normalize else "sqeuclidean"
        self.settings = tuple(map(str, k))

    def why_skipped(self, bank: Videos, query: Videos) -> str:
        return f"{len(query)} query videos with phases" if len(query) < 2 else ""  # it does without a bank

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        found = measures.frame_retrieval(query.frames, query.phases, self.k, self.stride, self.metric)
        return _ratio(found, np.ones_like(found))


@PROBES.register_module()
class PhaseClassification(AlignmentProbe):
    """Accuracy of a classifier of the phases of frames ``(T, D)``, one for each activity, in percent of query frames.

    See :func:`mmsync.evaluation.functional.phase_classification` and :class:`AlignmentProbe` for the results. ``mean``
    is of the last fraction, ``mean_10`` and so on (in percent) of the others.

    Args:
        protocol: ``'casa'``, logistic regression; ``'carl'``, the same on embeddings of unit length; ``'tcc'``, an RBF
            support vector machine.
        fractions: Shares of the bank's videos, the first ones in file order, whose labels are used.
        column: Name of the column of features.
    """

    name = "phases"

    def __init__(
        self, protocol: Classifier = "carl", fractions: Sequence[float] = (0.1, 0.5, 1.0), column: str = "feature"
    ) -> None:
        super().__init__(column)
        require_choice(self, ("casa", "carl", "tcc"), protocol=protocol)
        require_range(self, fractions=(len(fractions), len(fractions) > 0, "or more of shares"))
        require_range(self, **{f"fractions[{i}]": (f, 0 < f <= 1, "in (0, 1]") for i, f in enumerate(fractions)})
        self.protocol: Classifier = protocol
        self.fractions = tuple(fractions)
        self.settings = tuple(f"{100 * f:g}" for f in fractions)

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        parts = (bank.frames, bank.phases, query.frames, query.phases)
        return np.stack([of_phases.phase_classification(*parts, self.protocol, f) for f in self.fractions], axis=2)


class _Regression(AlignmentProbe):
    """Base of probes that report R^2 of a linear regression."""

    percent = False

    def value(self, sums: np.ndarray) -> np.ndarray:
        return of_phases.r2(sums)[..., None]


@PROBES.register_module()
class PhaseProgress(_Regression):
    """R^2 of a linear regression of the time to each event between phases (TCC, section 4.2), at most 1.

    It is fitted on frames ``(T, D)`` of the bank's videos. See
    :func:`mmsync.evaluation.functional.phase_progress` and :class:`AlignmentProbe` for the results.

    Args:
        missing: What stands for the end of a phase that a video lacks: ``'tcc'``, ``'casa'``, or ``'carl'`` to raise.
        column: Name of the column of features.
    """

    name = "progress"

    def __init__(self, missing: Missing = "tcc", column: str = "feature") -> None:
        super().__init__(column)
        require_choice(self, ("tcc", "casa", "carl"), missing=missing)
        self.rule: Missing = missing

    def why_skipped(self, bank: Videos, query: Videos) -> str:
        why = super().why_skipped(bank, query)
        return why or ("a single phase" if max(bank.num_phases, query.num_phases) < 2 else "")

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        count = max(bank.num_phases, query.num_phases)
        targets, wanted = (of_phases.progress_targets(p.phases, count, self.rule) for p in (bank, query))
        return of_phases.regression_sums(bank.frames, targets, query.frames, wanted)


@PROBES.register_module()
class PositionProbe(_Regression):
    """R^2 of a linear regression of the position ``t / T`` of frames ``(T, D)``: how much of it they hold, at most 1.

    One regression for each activity; see :class:`AlignmentProbe` for the results.

    Args:
        column: Name of the column of features.
    """

    name = "position"
    needs_phases = False

    def __init__(self, column: str = "feature") -> None:
        super().__init__(column)

    def why_skipped(self, bank: Videos, query: Videos) -> str:
        return super().why_skipped(bank, query) or ("" if len(bank) else "no bank videos")

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        targets, wanted = (of_phases.position_targets([len(f) for f in part.frames]) for part in (bank, query))
        return of_phases.regression_sums(bank.frames, targets, query.frames, wanted)


@PROBES.register_module()
class ActionRecognition(AlignmentProbe):
    """Accuracy of a linear classifier of segments of equal phase, as (activity, phase) classes, in percent.

    A segment is ``num_frames`` evenly spaced frames of it, side by side, of a video that was embedded as a whole
    (MASA, table 3). One logistic regression for all activities. ``top1`` is the accuracy over all segments, ``mean``
    that of each activity, averaged; see :class:`AlignmentProbe` for the other results.

    Args:
        num_frames: Frames of a segment; shorter segments repeat some.
        join: ``'concat'``: their features side by side; ``'mean'``: the mean of them.
        column: Name of the column of features.
    """

    name = "actions"
    headline = "top1"
    gives = ("top1", *AlignmentProbe.gives)

    def __init__(
        self, num_frames: int = 16, join: Literal["concat", "mean"] = "concat", column: str = "feature"
    ) -> None:
        super().__init__(column)
        require_whole(self, num_frames=num_frames)
        require_choice(self, ("concat", "mean"), join=join)
        self.num_frames = num_frames
        self.join: Literal["concat", "mean"] = join

    def by_activity(self, bank: Videos, query: Videos) -> dict[int, np.ndarray]:
        (x, y, _), (q, wanted, owner) = (self._segments(part) for part in (bank, query))
        _, label = np.unique(np.concatenate([y, wanted]), axis=0, return_inverse=True)
        label = label.reshape(-1)  # (S, 1) in NumPy 2.0
        right = of_phases.fit_classifier(x, label[: len(y)]).predict(q) == label[len(y) :]
        counts = [np.bincount(owner, weights, minlength=len(query)) for weights in (right, np.ones(len(right)))]
        sums = np.stack(counts, axis=1)[..., None]
        return {int(a): sums[query.activity == a] for a in np.unique(query.activity)}

    def _segments(self, videos: Videos) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features ``(S, num_frames * D)`` of segments, their activities and phases ``(S, 2)``, and videos ``(S,)``."""
        runs = [of_phases.segments(one) for one in videos.phases]
        x = [of_phases.segment_features(f, r, self.num_frames, self.join) for f, r in zip(videos.frames, runs)]
        owner = np.repeat(np.arange(len(videos)), [len(one) for one in runs])
        return np.concatenate(x), np.stack([videos.activity[owner], np.concatenate(runs)[:, 2]], axis=1), owner

    def _summary(self, sums: dict[int, np.ndarray], alone: dict[int, np.ndarray]) -> dict[str, float]:
        total = np.concatenate(list(sums.values())).sum(axis=0)
        return {"top1": 100 * float(self.value(total)[0]), **super()._summary(sums, alone)}


@PROBES.register_module()
class ActivitySeparability(AlignmentProbe):
    """Share of the nearest frames ``(T, D)`` in other query videos that are of the same activity, in percent.

    ``mean_clips`` is the same of means of videos over their frames. See
    :func:`mmsync.evaluation.functional.activity_separability` and :class:`AlignmentProbe` for the other results.

    Args:
        k: Number of neighbors.
        num_frames: Evenly spaced frames that stand for a video.
        column: Name of the column of features.
    """

    name = "activities"
    needs_phases = False
    least_queries = 2
    settings = ("clips", "frames")

    def __init__(self, k: int = 5, num_frames: int = 16, column: str = "feature") -> None:
        super().__init__(column)
        require_whole(self, k=k)
        require_whole(self, 2, num_frames=num_frames)
        self.k, self.num_frames = k, num_frames

    def by_activity(self, bank: Videos, query: Videos) -> dict[int, np.ndarray]:
        found = of_phases.activity_separability(query.frames, query.activity, self.k, self.num_frames)
        purity = np.stack(found[::-1], axis=1)
        return {int(a): _ratio(purity[query.activity == a], np.ones(1)) for a in np.unique(query.activity)}
