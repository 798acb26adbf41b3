"""Phases of sequences: their classification and progress, and codes of position, from frozen embeddings of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from mmsync.errors import ConfigError, DataError
from mmsync.evaluation.functional.alignment import Frames, checked_frames, frame_retrieval

Missing = Literal["tcc", "casa", "carl"]
Classifier = Literal["casa", "carl", "tcc"]


def first_videos(count: int, fraction: float) -> int:
    """Number of the first videos that are a fraction of the labels: ``max(1, int(fraction * count))``."""
    if not 0 < fraction <= 1:
        raise ConfigError(f"alignment: fraction={fraction!r}; give a share of the videos in (0, 1]")
    return max(1, int(fraction * count))


def progress_targets(phases: Frames, num_phases: int, missing: Missing = "tcc") -> list[np.ndarray]:
    """Time to each event between phases, ``(t - t_k) / T`` (TCC, section 4.2), where ``t_k`` ends phase k.

    Args:
        phases: Phases ``(T,)`` of videos, from 0; negative frames belong to none.
        num_phases: Number C of phases of the activity.
        missing: What stands for the end of a phase that a video lacks: ``'tcc'`` the first frame of a later phase, or
            the last frame; ``'casa'`` that of the phase before, or T for the last event; ``'carl'`` raises.

    Returns:
        ``(T, C - 1)`` float64 of each video.

    Raises:
        DataError: There is no event, or a phase is missing and ``missing='carl'``.
    """
    if missing not in ("tcc", "casa", "carl"):
        raise ConfigError(f"progress_targets: missing={missing!r}; use 'tcc', 'casa' or 'carl'")
    if num_phases < 2:
        raise DataError(f"progress_targets: {num_phases} phases have no event between them; give two or more")
    found = []
    for video, phase in enumerate(np.asarray(one) for one in phases):
        length, ends = len(phase), np.zeros(num_phases - 1)
        for k in range(num_phases - 1):
            at = np.flatnonzero(phase == k)
            if len(at):
                ends[k] = at[-1]
            elif missing == "carl":
                raise DataError(f"progress_targets: video {video} has no frame of phase {k}; use missing='tcc'")
            elif missing == "casa":
                ends[k] = length if k == num_phases - 2 else ends[k - 1] if k else 0
            else:
                later = np.flatnonzero(phase > k)
                ends[k] = later[0] if len(later) else length - 1
        found.append((np.arange(length)[:, None] - ends) / length)
    return found


def regression_sums(bank: Frames, targets: Frames, query: Frames, query_targets: Frames) -> np.ndarray:
    """Fit a linear regression with intercept for each column of targets, and sum up its errors in each query video.

    Args:
        bank: Videos ``(T, D)`` to fit.
        targets: Their targets ``(T, K)``.
        query: Videos to judge.
        query_targets: Their targets.

    Returns:
        ``(V, 4, K)``: frames, sum of targets, sum of their squares, sum of squared errors; see :func:`r2`.
    """
    bank, wanted = checked_frames(bank), np.concatenate(targets)
    query = checked_frames(query, width=bank[0].shape[1])
    x = np.concatenate(bank)
    center, level = x.mean(axis=0), wanted.mean(axis=0)
    weight = np.linalg.lstsq(x - center, wanted - level, rcond=None)[0]
    sums = []
    for frames, y in zip(query, query_targets):
        error = (frames - center) @ weight + level - y
        sums.append(np.stack([np.full(y.shape[1], len(y)), y.sum(0), (y**2).sum(0), (error**2).sum(0)]))
    return np.stack(sums)


def r2(sums: np.ndarray) -> np.ndarray:
    """Mean over columns of the coefficient of determination, of sums ``(..., 4, K)`` of :func:`regression_sums`."""
    count, total, squares, error = np.moveaxis(sums, -2, 0)
    spread = squares - total**2 / np.maximum(count, 1)
    return (1 - error / np.maximum(spread, np.finfo(float).tiny)).mean(axis=-1)


def phase_progress(
    bank: Frames, phases: Frames, query: Frames, query_phases: Frames, num_phases: int, missing: Missing = "tcc"
) -> float:
    """R^2 of a linear regression of :func:`progress_targets`, averaged over events; it can be negative.

    Args:
        bank: Videos ``(T, D)`` of one activity to fit.
        phases: Their phases ``(T,)``.
        query: Videos to judge.
        query_phases: Their phases.
        num_phases: Number of phases of the activity.
        missing: As of :func:`progress_targets`.
    """
    targets, wanted = (progress_targets(one, num_phases, missing) for one in (phases, query_phases))
    return float(r2(regression_sums(bank, targets, query, wanted).sum(axis=0)))


def fit_classifier(x: np.ndarray, y: np.ndarray, protocol: Classifier = "casa") -> Any:
    """Fit the classifier of a protocol, float64, C=1: an object with ``predict``.

    Args:
        x: Features ``(N, D)``.
        y: Labels ``(N,)``.
        protocol: ``'casa'``, ``'carl'``: multinomial logistic regression by L-BFGS, without standardization. Of two
            classes it has two vectors of weights, whose penalty is that of one with C=2. ``'tcc'``: an RBF SVC.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if protocol not in ("casa", "carl", "tcc"):
        raise ConfigError(f"fit_classifier: protocol={protocol!r}; use 'casa', 'carl' or 'tcc'")
    classes = len(np.unique(y))
    if classes < 2:
        machine = DummyClassifier(strategy="most_frequent")
    elif protocol == "tcc":
        machine = SVC(decision_function_shape="ovo")
    else:
        machine = LogisticRegression(C=2.0 if classes == 2 else 1.0, max_iter=100_000)
    return machine.fit(np.asarray(x, dtype=np.float64), y)


def phase_classification(
    bank: Frames, phases: Frames, query: Frames, query_phases: Frames,
    protocol: Classifier = "casa", fraction: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Classify the phases of frames of one activity; frames of negative phase are left out.

    Args:
        bank: Videos ``(T, D)`` with labels, in file order.
        phases: Their phases ``(T,)``.
        query: Videos to judge.
        query_phases: Their phases.
        protocol: See :func:`fit_classifier`; ``'carl'`` scales embeddings to unit length first.
        fraction: Share of the bank's videos, the first ones, whose labels are used.

    Returns:
        ``(V, 2)``: right and judged frames of each query video; the accuracy is the ratio of their sums.

    Raises:
        DataError: None of the bank's frames has a phase, or embeddings are broken.
    """
    count = first_videos(len(bank), fraction)
    bank = checked_frames(bank)
    query = checked_frames(query, width=bank[0].shape[1])
    x, y = np.concatenate(bank[:count]), np.concatenate(list(phases[:count]))
    if not (y >= 0).any():
        raise DataError(f"phase_classification: none of the first {count} videos of the bank has a phase")
    norm = _unit if protocol == "carl" else np.asarray
    machine = fit_classifier(norm(x)[y >= 0], y[y >= 0], protocol)
    right = np.split(machine.predict(norm(np.concatenate(query))), np.cumsum([len(one) for one in query])[:-1])
    known = [np.asarray(one) >= 0 for one in query_phases]
    return np.array([((a == b)[k].sum(), k.sum()) for a, b, k in zip(right, query_phases, known)], dtype=float)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def segments(phase: np.ndarray) -> np.ndarray:
    """Runs ``(S, 3)`` of equal phase ``(T,)``: first frame, frame after the last, phase; negative ones are left out."""
    phase = np.asarray(phase)
    edges = np.flatnonzero(np.diff(phase, prepend=phase[:1] - 1, append=phase[-1:] - 1))
    found = np.stack([edges[:-1], edges[1:], phase[edges[:-1]]], axis=1)
    return found[found[:, 2] >= 0]


def segment_features(
    frames: np.ndarray, runs: np.ndarray, num_frames: int = 16, join: Literal["concat", "mean"] = "concat"
) -> np.ndarray:
    """Evenly spaced frames of ``(T, D)`` from the first to the last of each run ``(S, 3)``: ``(S, num_frames * D)``.

    ``join='mean'`` gives their means ``(S, D)`` instead.
    """
    share = np.linspace(0, 1, num_frames)
    place = (runs[:, :1] + share * (runs[:, 1:2] - 1 - runs[:, :1])).round().astype(int)
    return frames[place].mean(axis=1) if join == "mean" else frames[place].reshape(len(runs), -1)


def activity_separability(
    frames: Frames, activity: np.ndarray, k: int = 5, num_frames: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Purity of nearest neighbors in other videos: the share that is of the same activity.

    Args:
        frames: V videos ``(T, D)``.
        activity: ``(V,)``, from 0.
        k: Neighbors; of clip means at most the other videos of the smallest activity, at least 1.
        num_frames: Evenly spaced frames that stand for a video.

    Returns:
        Purity ``(V,)`` in [0, 1] of the frames of each video, and of its mean over frames.
    """
    arrays, activity = checked_frames(frames), np.asarray(activity)
    some = [one[np.linspace(0, len(one) - 1, num_frames).round().astype(int)] for one in arrays]
    of_frames = frame_retrieval(some, [np.full(num_frames, a) for a in activity], (k,), stride=1)[:, 0]
    means = [one.mean(axis=0, keepdims=True).repeat(2, axis=0) for one in arrays]  # the second is not used
    fewest = np.unique(activity, return_counts=True)[1].min()
    clips = frame_retrieval(means, [np.full(2, a) for a in activity], (max(1, min(k, fewest - 1)),), stride=2)[:, 0]
    return of_frames, clips


def position_code(lengths: Sequence[int], frequencies: int = 4) -> list[np.ndarray]:
    """Codes of position alone: sine and cosine of ``pi f t / T`` for f from 1 on, ``(T, 2 frequencies)`` of a video."""
    steps = np.pi * np.arange(1, frequencies + 1)
    angles = [np.arange(length)[:, None] / length * steps for length in lengths]
    return [np.concatenate([np.sin(one), np.cos(one)], axis=1) for one in angles]


def position_targets(lengths: Sequence[int]) -> list[np.ndarray]:
    """The position ``t / T`` of frames, ``(T, 1)`` of a video."""
    return [np.arange(length)[:, None] / length for length in lengths]


def position_r2(bank: Frames, query: Frames) -> float:
    """R^2 of a linear regression of the position ``t / T`` of frames, fitted on the bank's videos ``(T, D)``."""
    targets, wanted = (position_targets([len(one) for one in part]) for part in (bank, query))
    return float(r2(regression_sums(bank, targets, query, wanted).sum(axis=0)))
