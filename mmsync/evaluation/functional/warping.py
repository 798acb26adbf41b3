"""Alignment of two sequences: nearest frames, and hard dynamic time warping."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from mmsync.errors import ConfigError, DataError
from mmsync.evaluation.functional.alignment import Points, checked_frames, kendall_tau, nearest


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
        return nearest(Points.of(first), Points.of(second)).astype(np.int64)
    path = dtw_path(cdist(first, second, "sqeuclidean"))
    return path[np.searchsorted(path[:, 0], np.arange(len(first))), 1]


class Alignment(NamedTuple):
    """How a sequence of T frames is aligned with one of S frames.

    Attributes:
        index: ``(T,)`` int64, the frame of the second sequence for each frame of the first.
        distance: ``(T, S)`` float64, Euclidean distances of all frames.
        tau: Kendall's tau of the order of nearest frames, whatever ``index`` is; NaN if all are the same one.
    """

    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index, which no one needs
    distance: np.ndarray
    tau: float

    @property
    def matched(self) -> np.ndarray:
        """Distances ``(T,)`` of the frames to those that they are aligned with."""
        return self.distance[np.arange(len(self.index)), self.index]


def align_pair(query: np.ndarray, reference: np.ndarray, how: Literal["nearest", "dtw"] = "nearest") -> Alignment:
    """Align two sequences of embeddings ``(T, D)`` and ``(S, D)`` as :func:`align` does, and judge the result."""
    from scipy.spatial.distance import cdist

    index = align(query, reference, how)
    distance = cdist(np.asarray(query, dtype=np.float64), np.asarray(reference, dtype=np.float64))
    return Alignment(index, distance, float(kendall_tau([query, reference], stride=1)[1][0, 1]))
