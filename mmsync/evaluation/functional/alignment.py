"""Alignment of sequences: nearest frames, Kendall's tau, and retrieval of frames.

All functions take embeddings of sequences as a list of arrays ``(T, D)`` and compute in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Optional

import numpy as np

from mmsync.errors import ConfigError, DataError

Frames = Sequence[np.ndarray]
Metric = Literal["sqeuclidean", "cosine"]
_BLOCK = 2**20  # distances at a time, at most 8 MiB: what fits into a cache is read again quickly


def checked_frames(frames: Frames, least: int = 1, width: int = 0) -> list[np.ndarray]:
    """The sequences as float64 arrays ``(T, D)``.

    Args:
        frames: Sequences.
        least: Frames that each has to have.
        width: D; 0 for that of the first sequence.

    Raises:
        DataError: There is none, or one is too short, of another shape, or holds values that are not finite.
    """
    if not len(frames):
        raise DataError("alignment: there is no sequence")
    arrays = [np.ascontiguousarray(one, dtype=np.float64) for one in frames]
    for i, one in enumerate(arrays):
        width = width or one.shape[-1]
        if one.ndim != 2 or one.shape[1] != width:
            raise DataError(f"alignment: sequence {i} has the shape {one.shape}; all have to be (T, {width})")
        if len(one) < least:
            what = "it is empty or masked as a whole" if not len(one) else "leave it out"
            raise DataError(f"alignment: sequence {i} has {len(one)} frames, but {least} or more are needed: {what}")
        if not np.isfinite(one).all():
            raise DataError(f"alignment: sequence {i} holds values that are not finite; the model has diverged")
    return arrays


def comparable(frames: list[np.ndarray], metric: Metric) -> list[np.ndarray]:
    """Arrays whose squared Euclidean distances order frames as ``metric`` does: unit vectors for the cosine."""
    if metric not in ("sqeuclidean", "cosine"):
        raise ConfigError(f"alignment: metric={metric!r}; use 'sqeuclidean' or 'cosine'")
    if metric == "sqeuclidean":
        return frames
    norms = [np.linalg.norm(one, axis=1, keepdims=True) for one in frames]
    return [one / np.maximum(norm, np.finfo(float).tiny) for one, norm in zip(frames, norms)]


class Points(NamedTuple):
    """Embeddings of frames and half of their squared lengths."""

    data: np.ndarray  # (N, D)
    half: np.ndarray  # (N,)

    @classmethod
    def of(cls, data: np.ndarray) -> Points:
        """Points of embeddings ``(N, D)``."""
        return cls(data, np.einsum("nd,nd->n", data, data) / 2)

    @classmethod
    def rough(cls, data: np.ndarray) -> Points:
        """In float32, which ranks distances in half of the time; centered, the longest of length 1."""
        data = data - data.mean(axis=0)
        return cls.of((data / max(np.linalg.norm(data, axis=1).max(), np.finfo(np.float32).tiny)).astype(np.float32))

    def take(self, rows: Any) -> Points:
        """Select frames by an index or slice."""
        return Points(self.data[rows], self.half[rows])

    def distances(self, rows: Any, others: Points) -> np.ndarray:
        """Half of the squared distances ``(len(rows), M)``, less a constant of each row."""
        out = self.data[rows] @ others.data.T
        return np.subtract(others.half, out, out=out)

    def slack(self, others: Points) -> np.floating:
        """Twice the bound of the rounding errors of distances; what is nearer to each other than this is in doubt."""
        lengths = [np.sqrt(2 * points.half.max(initial=0)) for points in (self, others)]
        width, dtype = self.data.shape[1], self.data.dtype
        return dtype.type((width + 8) * np.finfo(dtype).eps * lengths[1] * sum(lengths))


def _parts(rows: np.ndarray, width: int) -> list[np.ndarray]:
    """Split rows so that distances to ``width`` others fit into the working space."""
    return np.array_split(rows, -(-len(rows) * width // _BLOCK)) if len(rows) else []


def nearest(query: Points, reference: Points, rough: Optional[tuple[Points, Points]] = None) -> np.ndarray:
    """Index ``(N,)`` of the nearest of M reference frames for each of N query frames; the first of equal ones.

    Distances are products of matrices. Queries whose two least distances differ by less than the rounding errors are
    computed once more: those of float32 in float64, those of float64 by SciPy's ``cdist``. Working space is small.

    Args:
        query: Float64.
        reference: Float64.
        rough: Both in float32, with the same order of distances.
    """
    from scipy.spatial.distance import cdist

    first, second = rough or (query, reference)
    found, slack, doubtful = np.empty(len(first.data), dtype=np.int32), first.slack(second), []
    step = max(1, _BLOCK // len(second.data))
    for start in range(0, len(found), step):
        distance = first.distances(slice(start, start + step), second)
        best = found[start : start + step] = distance.argmin(axis=1)
        limit = np.take_along_axis(distance, best[:, None], axis=1) + slack
        doubtful.append(start + np.flatnonzero(np.count_nonzero(distance <= limit, axis=1) > 1))
    again = np.concatenate(doubtful)
    if rough is not None and len(again):
        found[again] = nearest(query.take(again), reference)
        return found
    for part in _parts(again, len(reference.data)):
        found[part] = cdist(query.data[part], reference.data, "sqeuclidean").argmin(axis=1)
    return found


def kendall_tau(frames: Frames, stride: int = 2, metric: Metric = "sqeuclidean") -> tuple[float, np.ndarray]:
    """Kendall's tau of the order of nearest frames, of all ordered pairs of videos (TCC, section 4.2).

    The nearest frames in the one video are found for every ``stride``-th frame of the other; tau-b compares their
    order with that of the query frames, as ``scipy.stats.kendalltau`` does. Pairs without a tau (all nearest frames
    are the same) are left out of the mean. The cost is ``Q Q D`` products for Q strided frames in all, and ``T T``
    comparisons of bits for each pair.

    Args:
        frames: V videos ``(T, D)``.
        stride: 2 for Penn Action and 5 for Pouring in CARL; report it beside the result.
        metric: Distance of embeddings.

    Returns:
        The mean, NaN if no pair has a tau; and tau of each pair, ``(V, V)``: row i has the queries of video i. The
        diagonal is NaN.

    Raises:
        DataError: Fewer than two videos, or broken embeddings.
    """
    rows = comparable(_strided(frames, stride), metric)
    if len(rows) < 2:
        raise DataError("kendall_tau: one video has no other to be aligned with; give two or more")
    ends = np.cumsum([len(one) for one in rows])
    data = np.concatenate(rows)
    query, rough = Points.of(data), Points.rough(data)
    videos = [slice(end - len(one), end) for end, one in zip(ends, rows)]
    found = np.stack([nearest(query, query.take(one), (rough, rough.take(one))) for one in videos], axis=1)  # (Q, V)
    matrix = np.stack([_tau_b(part) for part in np.split(found, ends[:-1])])
    np.fill_diagonal(matrix, np.nan)
    known = np.isfinite(matrix)
    return float(matrix[known].mean()) if known.any() else float("nan"), matrix


def _strided(frames: Frames, stride: int) -> list[np.ndarray]:
    if not isinstance(stride, int) or stride < 1:
        raise ConfigError(f"alignment: stride={stride!r}; give a whole number from 1 on")
    return [np.ascontiguousarray(one[::stride]) for one in checked_frames(frames, least=2)]


def _tau_b(values: np.ndarray) -> np.ndarray:
    """Tau-b of each column of ``(n, V)`` with its row number; NaN where a column is constant."""
    n, count = values.shape
    columns = np.ascontiguousarray(values.T)
    after = np.tri(n, k=-1, dtype=bool).T  # (a, b): b comes after a
    agree, untied = (np.zeros(count, dtype=np.int64) for _ in range(2))
    step = max(1, 4 * _BLOCK // (n * n))  # one byte each
    for start in range(0, count, step):
        part = columns[start : start + step]
        higher = part[:, None, :] > part[:, :, None]
        untied[start : start + step] = np.count_nonzero(higher.reshape(len(part), -1), axis=1)
        higher &= after
        agree[start : start + step] = np.count_nonzero(higher.reshape(len(part), -1), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip((2 * agree - untied) / np.sqrt(n * (n - 1) / 2) / np.sqrt(untied), -1, 1)


def frame_retrieval(
    frames: Frames, labels: Frames, k: Sequence[int] = (5, 10, 15), stride: int = 2, metric: Metric = "sqeuclidean"
) -> np.ndarray:
    """Precision of the K nearest frames of other videos, "AP@K" of CARL; it is not an average precision.

    Every ``stride``-th frame of a video is a query; candidates are the strided frames of all other videos. The score
    is the share of candidates with the query's label, averaged over the queries of a video. Frames of negative label
    are left out. The cost is ``Q Q D`` products for Q strided frames in all.

    Args:
        frames: V videos ``(T, D)``.
        labels: Their phases ``(T,)``.
        k: Numbers of neighbors; all candidates count where there are fewer. Equal distances rank by their place.
        stride: As of :func:`kendall_tau`.
        metric: Distance of embeddings.

    Returns:
        ``(V, len(k))`` in [0, 1], of each video; NaN for one without labels or without candidates.

    Raises:
        DataError: Labels and frames have different lengths, or embeddings are broken.
    """
    if not k or min(k) < 1:
        raise ConfigError(f"frame_retrieval: k={k}; give numbers from 1 on")
    rows = _strided(frames, stride)
    if [len(one) for one in labels] != [len(one) for one in frames]:
        raise DataError("frame_retrieval: a video has more or fewer labels than frames")
    owner = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    label = np.concatenate([np.asarray(one)[::stride] for one in labels])
    known = label >= 0
    data, owner, label = np.concatenate(comparable(rows, metric))[known], owner[known], label[known]
    found = np.full((len(rows), len(k)), np.nan)
    if not len(data):
        return found
    bounds = np.searchsorted(owner, np.arange(len(rows) + 1))  # frames of a video stand together
    order = _ranked(Points.of(data), np.arange(len(data)), bounds[np.stack([owner, owner + 1])], k, Points.rough(data))
    same = np.cumsum(label[order] == label[:, None], axis=1) / np.arange(1, order.shape[1] + 1)
    for video, (start, end) in enumerate(zip(bounds[:-1], bounds[1:])):
        others = len(data) - (end - start)
        if others and end > start:
            found[video] = [same[start:end, min(n, others) - 1].mean() for n in k]
    return found


def _ranked(
    points: Points, rows: np.ndarray, own: np.ndarray, k: Sequence[int], rough: Optional[Points] = None
) -> np.ndarray:
    """Places ``(len(rows), max(k))`` of the nearest of Q points for some of them; doubts as in :func:`nearest`.

    Points of the own video, from ``own[0]`` to before ``own[1]``, ``(2, Q)``, come last.
    """
    import torch
    from scipy.spatial.distance import cdist

    used, count = rough or points, len(points.data)
    most, slack = min(max(k), count), used.slack(used)
    edges = [n - 1 for n in k if n < count]  # the order within an edge does not matter
    order = np.empty((len(rows), most), dtype=np.int64)
    doubtful = np.zeros(len(rows), dtype=bool)
    for part in _parts(np.arange(len(rows)), count):
        distance = _without(used.distances(rows[part], used), own[:, rows[part]])
        least, place = torch.from_numpy(distance).topk(min(most + 1, count), dim=1, largest=False)
        with np.errstate(invalid="ignore"):  # infinite ones have no order
            doubtful[part] = (np.diff(least.numpy(), axis=1)[:, edges] <= slack).any(axis=1)
        order[part] = place.numpy()[:, :most]
    again = np.flatnonzero(doubtful)
    if rough is not None and len(again):
        order[again] = _ranked(points, rows[again], own, k)
        return order
    for part in _parts(again, count):
        exact = _without(cdist(points.data[rows[part]], points.data, "sqeuclidean"), own[:, rows[part]])
        order[part] = np.argsort(exact, axis=1, kind="stable")[:, :most]
    return order


def _without(distance: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Make distances ``(n, Q)`` to the columns ``own (2, n)`` of each row infinite."""
    for start, end in np.unique(own, axis=1).T:
        distance[own[0] == start, start:end] = np.inf
    return distance
