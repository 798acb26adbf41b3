"""Alignment of sequences: nearest frames, Kendall's tau, retrieval of frames, and hard dynamic time warping.

All functions take embeddings of sequences as a list of arrays ``(T, D)`` and compute in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmsync.errors import ConfigError, DataError

Frames = Sequence[np.ndarray]
Metric = Literal["sqeuclidean", "cosine"]
_BLOCK = 2**22  # numbers of working space at a time, 32 MiB
_ROUNDING = 1e-12  # relative error of distances by products of matrices, with a margin


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


def _relative(query: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Half of the squared distances ``(N, M)``, less a constant of each query."""
    out = query @ reference.T
    return np.subtract(np.einsum("md,md->m", reference, reference) / 2, out, out=out)


def _slack(query: np.ndarray, reference: np.ndarray) -> float:
    """Distances of :func:`_relative` that are nearer to each other than this are compared once more."""
    size = np.linalg.norm(reference, axis=1).max(initial=0)
    return float(_ROUNDING * size * (size + np.linalg.norm(query, axis=1).max(initial=0)))


def nearest(query: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Index ``(N,)`` of the nearest of ``reference (M, D)`` for each of ``query (N, D)``; the first of equal ones.

    One product of matrices; queries whose two least distances differ by less than its rounding error are computed
    again by SciPy's ``cdist``. Working space is 32 MiB.
    """
    from scipy.spatial.distance import cdist

    found = np.empty(len(query), dtype=np.int32)
    slack, step = _slack(query, reference), max(1, _BLOCK // len(reference))
    for start in range(0, len(query), step):
        rows = query[start : start + step]
        distance = _relative(rows, reference)
        best = distance.argmin(axis=1)
        limit = np.take_along_axis(distance, best[:, None], axis=1) + slack
        close = np.flatnonzero(np.count_nonzero(distance <= limit, axis=1) > 1)
        for part in np.array_split(close, -(-len(close) // step)) if len(close) else ():
            best[part] = cdist(rows[part], reference, "sqeuclidean").argmin(axis=1)
        found[start : start + step] = best
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
    query = np.concatenate(rows)
    found = np.stack([nearest(query, one) for one in rows], axis=1)  # (Q, V)
    ends = np.cumsum([len(one) for one in rows])
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
    bounds = np.searchsorted(owner, np.arange(len(rows) + 1))  # frames of a video stand together
    for video, (start, end) in enumerate(zip(bounds[:-1], bounds[1:])):
        if start == end or end - start == len(data):
            continue
        step = max(1, _BLOCK // len(data))
        blocks = (slice(first, min(first + step, end)) for first in range(start, end, step))
        order = np.concatenate([_ranked(data, block, slice(start, end), k) for block in blocks])
        same = np.cumsum(label[order] == label[start:end, None], axis=1) / np.arange(1, order.shape[1] + 1)
        found[video] = [same[:, min(n, order.shape[1]) - 1].mean() for n in k]
    return found


def _ranked(data: np.ndarray, block: slice, own: slice, k: Sequence[int]) -> np.ndarray:
    """Places of the ``max(k)`` nearest of ``data (Q, D)`` outside the rows ``own``, for the rows ``block``."""
    import torch
    from scipy.spatial.distance import cdist

    most = min(max(k), len(data) - (own.stop - own.start))
    distance = _relative(data[block], data)
    distance[:, own] = np.inf
    least, place = torch.from_numpy(distance).topk(min(most + 1, len(data)), dim=1, largest=False)
    gap, order = np.diff(least.numpy(), axis=1), place.numpy()[:, :most]
    edges = [n - 1 for n in {min(n, most) for n in k} if n <= gap.shape[1]]  # within an edge the order does not matter
    tied = np.flatnonzero((gap[:, edges] <= _slack(data[block], data)).any(axis=1))
    for part in np.array_split(tied, -(-len(tied) // max(1, _BLOCK // len(data)))) if len(tied) else ():
        exact = cdist(data[block][part], data, "sqeuclidean")
        exact[:, own] = np.inf
        order[part] = np.argsort(exact, axis=1, kind="stable")[:, :most]
    return order


def dtw_path(cost: np.ndarray) -> np.ndarray:
    """The path of least cost through ``(N, M)`` from corner to corner, by steps along a row, a column or a diagonal.

    Of equal ways to a cell the diagonal is taken, then the step from the row above, then the one from the left. The
    cells of an anti-diagonal are computed at once: ``N + M`` steps.

    Args:
        cost: Costs of matching frame i of the query with frame j of the reference.

    Returns:
        ``(L, 2)`` int64, cells of the path, ascending.

    Raises:
        DataError: The costs are no matrix of finite numbers.
    """
    cost = np.ascontiguousarray(cost, dtype=np.float64)
    if cost.ndim != 2 or not cost.size or not np.isfinite(cost).all():
        raise DataError(f"dtw_path: costs {cost.shape} are no matrix (N, M) of finite numbers")
    n, m = cost.shape
    came = np.zeros((n, m), dtype=np.int8)  # 0 diagonal, 1 from above, 2 from the left
    flat, flat_came = cost.reshape(-1), came.reshape(-1)
    before, last = np.full(n + 1, np.inf), np.full(n + 1, np.inf)  # by row, from 1 on, of the two anti-diagonals before
    before[0] = 0  # the cell before the first
    for d in range(n + m - 1):
        low, high = max(0, d - m + 1), min(d, n - 1) + 1
        cells = slice(low * (m - 1) + d, (high - 1) * (m - 1) + d + 1, max(m - 1, 1))
        ways = np.stack([before[low:high], last[low:high], last[low + 1 : high + 1]])
        flat_came[cells] = way = ways.argmin(axis=0)
        now = np.full(n + 1, np.inf)
        now[low + 1 : high + 1] = flat[cells] + np.take_along_axis(ways, way[None], axis=0)[0]
        before, last = last, now
    path, i, j = [], n - 1, m - 1
    while i >= 0 and j >= 0:
        path.append((i, j))
        i, j = i - (came[i, j] != 2), j - (came[i, j] != 1)
    return np.array(path[::-1], dtype=np.int64)


def align(query: np.ndarray, reference: np.ndarray, how: Literal["nearest", "dtw"] = "nearest") -> np.ndarray:
    """Find the frame of the reference that each frame of the query is aligned with.

    Args:
        query: ``(T, D)``.
        reference: ``(S, D)``.
        how: ``'nearest'`` by squared Euclidean distance, each frame for itself; ``'dtw'`` in order, see
            :func:`dtw_path`, the first of several frames.

    Returns:
        ``(T,)`` int64, frames of the reference.
    """
    from scipy.spatial.distance import cdist

    if how not in ("nearest", "dtw"):
        raise ConfigError(f"align: how={how!r}; use 'nearest' or 'dtw'")
    first, second = checked_frames([query, reference])
    if how == "nearest":
        return nearest(first, second).astype(np.int64)
    path = dtw_path(cdist(first, second, "sqeuclidean"))
    return path[np.searchsorted(path[:, 0], np.arange(len(first))), 1]
