"""Kendall's tau, retrieval of frames and soft-DTW against loops over pairs.

Each loop does what a plain implementation does, on the same data in the same run: SciPy's ``cdist`` and ``kendalltau``
for each ordered pair of videos; ``cdist`` for each pair and a sort for each query frame; soft-DTW and its gradient cell
by cell for each pair. Results have to agree. The last line is the peak memory that tau of long videos adds, in a
process of its own (Linux and macOS).

Example: python tools/benchmarks/alignment_eval.py --quick
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import sys
import time
from typing import Any, Callable

import numpy as np
import torch
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau

from mmsync.evaluation.functional import frame_retrieval, kendall_tau
from mmsync.ops.soft_dtw import soft_dtw

K, STRIDE = (5, 10, 15), 2


def videos(count: int, frames: tuple[int, int], dim: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Smooth embeddings ``(T, D)`` of four phases at uneven speed, and the phases."""
    rng = np.random.default_rng(0)
    path, data, phases = np.cumsum(rng.normal(size=(1000, dim)), axis=0), [], []
    for _ in range(count):
        length = int(rng.integers(frames[0], frames[1] + 1))
        at = np.linspace(0, 1, length) ** rng.uniform(0.7, 1.4)
        data.append(path[(at * 999).astype(int)] + 5 * rng.normal(size=(length, dim)))
        phases.append((at * 3.999).astype(int))
    return data, phases


def tau_by_pairs(data: list[np.ndarray]) -> float:
    """Mean of tau by SciPy, pair by pair."""
    found = []
    for i, query in enumerate(data):
        for j, other in enumerate(data):
            if i != j:
                nearest = cdist(query[::STRIDE], other[::STRIDE], "sqeuclidean").argmin(axis=1)
                found.append(kendalltau(np.arange(len(nearest)), nearest).statistic)
    return float(np.nanmean(found))


def retrieval_by_pairs(data: list[np.ndarray], phases: list[np.ndarray]) -> np.ndarray:
    """Precision at each K, video by video and frame by frame."""
    found = []
    for i, query in enumerate(data):
        others = [j for j in range(len(data)) if j != i]
        distance = np.concatenate([cdist(query[::STRIDE], data[j][::STRIDE], "sqeuclidean") for j in others], axis=1)
        labels = np.concatenate([phases[j][::STRIDE] for j in others])
        ranked = [labels[np.argsort(row, kind="stable")[: max(K)]] for row in distance]
        found.append([np.mean([(r[:k] == p).mean() for r, p in zip(ranked, phases[i][::STRIDE])]) for k in K])
    return np.mean(found, axis=0)


def soft_dtw_of_pair(cost: np.ndarray, gamma: float) -> tuple[float, np.ndarray]:
    """Soft-DTW (Cuturi and Blondel, 2017) of one pair and its gradient, cell by cell (algorithms 1 and 2)."""
    n, m = cost.shape
    total = [[math.inf] * (m + 2) for _ in range(n + 2)]
    total[0][0] = 0.0
    d = np.pad(cost, ((1, 1), (1, 1))).tolist()
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            ways = (total[i - 1][j - 1], total[i - 1][j], total[i][j - 1])
            least = min(ways)
            total[i][j] = d[i][j] + least - gamma * math.log(sum(math.exp((least - way) / gamma) for way in ways))
    value, share = total[n][m], [[0.0] * (m + 2) for _ in range(n + 2)]
    for row in total:
        row[m + 1] = -math.inf
    total[n + 1] = [-math.inf] * (m + 2)
    total[n + 1][m + 1], share[n + 1][m + 1] = value, 1.0
    for i in range(n, 0, -1):
        for j in range(m, 0, -1):
            here, nexts = total[i][j], ((i + 1, j), (i, j + 1), (i + 1, j + 1))
            share[i][j] = sum(share[a][b] * math.exp((total[a][b] - here - d[a][b]) / gamma) for a, b in nexts)
    return value, np.array(share)[1 : n + 1, 1 : m + 1]


def soft_dtw_in_batch(cost: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and gradients of a batch by mmsync, in float32 as in training."""
    leaf = torch.from_numpy(cost).float().requires_grad_()
    values = soft_dtw(leaf, gamma)
    values.sum().backward()
    return values.detach().numpy(), np.asarray(leaf.grad)


def best(function: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Least CPU seconds of some calls, which other processes disturb less than wall time; and the result."""
    seconds, found = [], None
    for _ in range(repeat):
        start = time.process_time()
        found = function()
        seconds.append(time.process_time() - start)
    return min(seconds), found


def compare(name: str, ours: Callable[[], Any], loop: Callable[[], Any], repeat: int, atol: float = 1e-8) -> None:
    """Print the seconds of both and their ratio; exit if the results differ."""
    (fast, found), (slow, expected) = best(ours, repeat), best(loop, 1)
    if not np.allclose(found, expected, rtol=1e-6, atol=atol):
        sys.exit(f"{name}: {found} in batches, {expected} by the loop")
    print(f"{name:>10}: {fast:8.3f} s, loop over pairs {slow:8.2f} s: {slow / fast:6.1f} times as fast", flush=True)


def peak() -> float:
    """MiB at the highest so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def memory(count: int, length: int, dim: int) -> tuple[float, float, float]:
    """MiB that tau of long videos adds at its peak, stride 1, MiB of the videos, and seconds."""
    torch.set_num_threads(1)
    kendall_tau(videos(2, (20, 20), dim)[0])  # libraries are loaded
    data = videos(count, (length, length), dim)[0]
    before, start = peak(), time.perf_counter()
    kendall_tau(data, stride=1)
    return peak() - before, sum(one.nbytes for one in data) / 2**20, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--frames", type=int, nargs=2, default=(60, 140), help="shortest and longest video")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--long", type=int, nargs=2, default=(4, 4078), help="number and frames of the long videos")
    parser.add_argument("--dtw", type=int, nargs=2, default=(32, 128), help="pairs and frames of soft-DTW")
    parser.add_argument("--repeat", type=int, default=3, help="of the fast form; the loop runs once")
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    args = parser.parse_args()
    if args.quick:
        args.videos, args.frames, args.long, args.dtw, args.repeat = 6, (20, 40), (2, 300), (2, 12), 1
    torch.set_num_threads(1)
    data, phases = videos(args.videos, args.frames, args.dim)
    kendall_tau(data[:2], STRIDE), frame_retrieval(data[:2], phases[:2])  # libraries are loaded
    compare("tau", lambda: kendall_tau(data, STRIDE)[0], lambda: tau_by_pairs(data), args.repeat)
    ours = lambda: frame_retrieval(data, phases, K, STRIDE).mean(axis=0)  # noqa: E731
    compare("retrieval", ours, lambda: retrieval_by_pairs(data, phases), args.repeat)
    pairs, length = args.dtw
    cost = np.random.default_rng(1).random((pairs, length, length))
    soft_dtw_in_batch(cost[:1], 0.1)  # the library is loaded
    flat = lambda values, shares: np.concatenate([np.ravel(values), np.ravel(shares)])  # noqa: E731
    loop = lambda: flat(*zip(*[soft_dtw_of_pair(one, 0.1) for one in cost]))  # noqa: E731
    compare("soft-DTW", lambda: flat(*soft_dtw_in_batch(cost, 0.1)), loop, args.repeat, 1e-4)
    print(f"peak memory of all of the above: {peak():.0f} MiB")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        added, size, seconds = pool.apply(memory, (*args.long, args.dim))
    count, frames = args.long
    print(f"tau of {count} videos of {frames} frames: {added:.0f} MiB beside {size:.0f} of data, {seconds:.1f} s")


if __name__ == "__main__":
    main()
