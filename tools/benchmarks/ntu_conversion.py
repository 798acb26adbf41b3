"""Speed of the NTU converter and size of its store: ``python tools/benchmarks/ntu_conversion.py``.

Writes raw files of the synthetic world, then prints files per second of a plain reader (line by line, number by
number, in this file), of mmsync's reader, and of whole conversions with 1, 2, ... processes; and the bytes of the store
against the array (N, 3, 300, 25, 2) float32 that other code bases make of the same files. Rounds of all are taken in
turn; the best round counts. Files are in the system's cache: this is the processor's share, not the disk's. The ratio
is of CPU time, all processes together, which other work on the machine disturbs less than the clock.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from mmsync.converters.ntu_file import read_skeleton
from mmsync.converters.ntu_folder import convert_ntu
from mmsync.datasets.sources import SyntheticSource
from mmsync.worlds.ntu_raw import write_ntu_raw

PADDED = 3 * 300 * 25 * 2 * 4  # bytes of a clip


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1200, help="raw files (default: %(default)s)")
    parser.add_argument("--recordings", type=int, default=120, help="different files among them")
    parser.add_argument(
        "--frames", type=int, nargs=2, default=(60, 110), help="their lengths (real ones: 85 on average)"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2), help="numbers of processes")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def plain_reader(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A plain reader that follows the grammar word by word; ``(M, T, 25, 3)`` and slots ``(M, T)``."""
    with open(path) as file:
        frames = int(file.readline())
        bodies: dict[str, dict[int, tuple[int, list[list[float]]]]] = {}
        for frame in range(frames):
            for slot in range(int(file.readline())):
                who = file.readline().split()[0]
                joints = []
                for _ in range(int(file.readline())):
                    values = [float(word) for word in file.readline().split()]
                    joints.append(values[:3])
                bodies.setdefault(who, {})[frame] = slot, joints
    keypoint = np.zeros((len(bodies), frames, 25, 3), dtype=np.float32)
    slots = np.full((len(bodies), frames), -1, dtype=np.int8)
    for m, seen in enumerate(bodies.values()):
        for frame, (slot, joints) in seen.items():
            slots[m, frame], keypoint[m, frame] = slot, joints
    return keypoint, slots


def write_raw(folder: Path, files: int, recordings: int, frames: tuple[int, int]) -> list[Path]:
    """Raw files with names as in a real folder, of a smaller number of different recordings."""
    different = folder / "different"
    different.mkdir()
    clips = -(-recordings // 3)  # a clip is seen by three cameras
    source = SyntheticSource((clips - clips // 3, clips // 3), num_frames=frames, cache=False)
    write_ntu_raw(source, different)
    made = sorted(different.glob("*.skeleton"))[:recordings]
    raw = folder / "raw"
    raw.mkdir()
    names = (
        f"S{setup:03d}C{view:03d}P{subject:03d}R001A{action:03d}"
        for setup in range(1, 18)
        for view in (1, 2, 3)
        for subject in range(1, 41)
        for action in range(1, 61)
    )
    return [Path(shutil.copy(made[i % len(made)], raw / f"{name}.skeleton")) for i, name in zip(range(files), names)]


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time, and CPU time with that of processes that were started and have ended."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - wall, sum(os.times()[:4]) - cpu


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_raw(folder, args.files, args.recordings, tuple(args.frames))
        some = files[: args.recordings]
        for path in some:  # the same result, or the comparison means nothing
            clip = read_skeleton(path)
            for ours, theirs in zip(clip, plain_reader(path)):
                np.testing.assert_array_equal(ours, theirs)
        size = sum(path.stat().st_size for path in files)
        print(f"{len(files)} raw files, {size / 1e6:.0f} MB, {size / len(files) / 1e3:.0f} kB each")

        out = folder / "store"

        def convert(workers: int) -> None:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                convert_ntu(folder / "raw", out, "ntu60", workers, missing=(), overwrite=True)

        kinds: dict[str, tuple[int, Callable[[], object]]] = {
            "plain reader": (len(some), lambda: [plain_reader(path) for path in some]),
            "mmsync's reader": (len(some), lambda: [read_skeleton(path) for path in some]),
        }
        for workers in args.workers:
            label = f"conversion, {workers} process{'es' * (workers > 1)}"
            kinds[label] = (len(files), lambda workers=workers: convert(workers))
        best = {kind: [float("inf"), float("inf")] for kind in kinds}
        for _ in range(args.rounds):
            for kind, (count, work) in kinds.items():
                best[kind] = [min(old, new / count) for old, new in zip(best[kind], seconds(work))]
        base = best["plain reader"][1]
        for kind, (wall, cpu) in best.items():
            print(f"{kind:<25} {1 / wall:6.0f} files/s, {1e3 * cpu:6.2f} ms of CPU a file, 1/{base / cpu:.1f} of plain")
        print(f"NTU60, 56,880 files, {args.workers[-1]} processes: {56880 * best[label][0] / 60:.1f} minutes")
        store = sum(path.stat().st_size for path in out.iterdir())
        padded = PADDED * len(files)
        print(
            f"store: {store / 1e6:.1f} MB, padded array: {padded / 1e6:.1f} MB, share {store / padded:.3f}; "
            f"NTU60 at this length: {56578 * store / len(files) / 1e9:.2f} GB against {56578 * PADDED / 1e9:.1f} GB"
        )


if __name__ == "__main__":
    main()
