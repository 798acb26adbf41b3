"""Clips a second of SkeletonDataset.__getitems__ without a cache, with one in memory and with one on disk.

A store of synthetic raw clips (one or two persons, ghosts, body slots), AimCLR's preparation, batches in random order.

Example: python tools/benchmarks/clip_cache.py --num-clips 4000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import StoreSource, SyntheticSource
from mmsync.store import StoreWriter
from mmsync.worlds.ntu_raw import track

PIPELINE = [dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=2)]


def write_store(root: Path, num_clips: int) -> None:
    """A store as the NTU converter makes it."""
    source = SyntheticSource((200, 0), num_frames=(60, 120))
    with StoreWriter(root, "ntu25") as store:
        for index in range(num_clips):
            tracks = track(source.load(index % 200), np.random.default_rng(index), ghosts=0.2, swaps=0.1, dropouts=0.1)
            store.add(f"clip{index}", tracks.keypoint, index % 60, tracks.slots, view=index % 3, subject=index % 40)


def clips_per_second(fetch, num_clips: int, batch: int, seconds: float) -> float:
    """From the median time of a batch of random clips; other load on the machine hardly moves it."""
    order = np.random.default_rng(0)
    fetch(list(range(batch)))
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        rows = order.permutation(num_clips)[:batch].tolist()
        start = time.perf_counter()
        fetch(rows)
        times.append(time.perf_counter() - start)
    return batch / float(np.median(times))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-clips", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        root = Path(folder) / "store"
        write_store(root, args.num_clips)
        source = StoreSource(root)
        for cache in (False, True, "disk"):
            start = time.perf_counter()
            dataset = SkeletonDataset(source, PIPELINE, cache=cache)
            built = time.perf_counter() - start
            start = time.perf_counter()
            dataset = SkeletonDataset(source, PIPELINE, cache=cache)
            opened = time.perf_counter() - start
            rate = clips_per_second(dataset.__getitems__, len(dataset), args.batch_size, args.seconds)
            print(f"cache={cache!r:7}: {rate:9,.0f} clips/s; first build {built:6.2f} s, the next {opened:6.2f} s")
        for workers in (0, 2):
            loader = DataLoader(
                dataset, args.batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0,
                collate_fn=dataset.collate,
            )  # fmt: skip
            sum(1 for _ in loader)
            start = time.perf_counter()
            done = sum(len(batch["data_samples"]) for _ in range(3) for batch in loader)
            print(f"loader on disk cache, {workers} workers: {done / (time.perf_counter() - start):9,.0f} clips/s")


if __name__ == "__main__":
    main()
