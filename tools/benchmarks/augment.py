"""Speed of AimCLR's extreme augmentation: mmsync's fused batch against NumPy, clip by clip.

    python tools/benchmarks/augment.py

All draw their parameters, use one thread, and run in turns in this process, so that a busy machine slows all of them;
median CPU times are compared. There are two NumPy versions. The plain one is what one writes first, as the reference:
float64, one map after the other, one rotation per axis, ``np.convolve`` along time. The tuned one is float32,
multiplies all matrices together and filters by 15 shifted sums.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from mmsync.structures import SkeletonLayout, View
from mmsync.views import BatchAugmentation
from mmsync.views.skeleton import AimCLRExtreme, AimCLRNormal


def about(axis: int, degrees: float) -> np.ndarray:
    """The passive rotation about one axis."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    x, y, z = [[1, 0, 0], [0, c, s], [0, -s, c]], [[c, 0, -s], [0, 1, 0], [s, 0, c]], [[c, s, 0], [-s, c, 0], [0, 0, 1]]
    return np.array((x, y, z)[axis])


def plain(clip: np.ndarray, rng: np.random.Generator, flip: np.ndarray, extreme_set: str) -> np.ndarray:
    """The extreme set on one clip ``(M, T, V, C)``, by the definitions."""
    frames = clip.shape[1]
    # temporal crop
    pad = frames // 6
    padded = np.pad(clip, ((0, 0), (pad, pad), (0, 0), (0, 0)), mode="symmetric")
    start = rng.integers(0, 2 * pad + 1)
    clip = padded[:, start : start + frames]
    # shear
    a1, a2, a3, b1, b2, b3 = rng.uniform(-0.5, 0.5, 6)
    clip = clip @ np.array([[1, a1, b1], [a2, 1, b2], [a3, b3, 1]]).T
    # spatial flip
    if rng.random() < 0.5:
        clip = clip[:, :, flip]
    # rotate
    main = rng.integers(0, 3)
    for axis in range(3):
        clip = clip @ about(axis, rng.uniform(0, 30 if axis == main else 1)).T
    # Gaussian noise
    if rng.random() < 0.5:
        clip = clip + rng.normal(0, 0.01, clip.shape)
    # Gaussian blur
    if rng.random() < 0.5:
        kernel = np.exp(-(np.arange(-7, 8) ** 2) / (2 * rng.uniform(0.1, 2) ** 2))
        clip = np.apply_along_axis(np.convolve, 1, clip, kernel, mode="same")
    # axis mask
    if rng.random() < 0.5:
        clip = clip.copy()
        clip[..., rng.integers(0, 3)] = 0
    # temporal flip
    if extreme_set == "paper" and rng.random() < 0.5:
        clip = clip[:, ::-1]
    return clip


def tuned(clip: np.ndarray, rng: np.random.Generator, flip: np.ndarray, extreme_set: str) -> np.ndarray:
    """The same with what a careful reader of a profile would do."""
    frames = clip.shape[1]
    pad = frames // 6
    padded = np.concatenate([clip[:, :pad][:, ::-1], clip, clip[:, frames - pad :][:, ::-1]], axis=1)
    start = rng.integers(0, 2 * pad + 1)
    a1, a2, a3, b1, b2, b3 = rng.uniform(-0.5, 0.5, 6)
    degrees = rng.uniform(0, 1, 3)
    degrees[rng.integers(0, 3)] = rng.uniform(0, 30)
    matrix = about(2, degrees[2]) @ about(1, degrees[1]) @ about(0, degrees[0])
    matrix = matrix @ np.array([[1, a1, b1], [a2, 1, b2], [a3, b3, 1]])
    clip = padded[:, start : start + frames] @ matrix.astype(np.float32).T
    if rng.random() < 0.5:
        clip = clip[:, :, flip]
    if rng.random() < 0.5:
        clip = clip + np.float32(0.01) * rng.standard_normal(clip.shape, dtype=np.float32)
    if rng.random() < 0.5:
        kernel = np.exp(-(np.arange(-7, 8) ** 2) / (2 * rng.uniform(0.1, 2) ** 2)).astype(np.float32)
        padded = np.pad(clip, ((0, 0), (7, 7), (0, 0), (0, 0)))
        clip = sum(weight * padded[:, k : k + frames] for k, weight in enumerate(kernel))
    if rng.random() < 0.5:
        clip = clip.copy()
        clip[..., rng.integers(0, 3)] = 0
    if extreme_set == "paper" and rng.random() < 0.5:
        clip = clip[:, ::-1]
    return clip


def rounds(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each, run in turns. CPU time, because other processes would enter wall time."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(repeats + 3):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            if i >= 3:  # the first rounds warm up
                seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="clips")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--second-person", type=float, default=0.2, help="share of clips with a second person")
    parser.add_argument("--extreme-set", choices=["released", "paper"], default="released")
    parser.add_argument("--repeats", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(1)

    layout = SkeletonLayout.get("ntu25")
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(args.batch, 2, args.frames, layout.num_joints, 3, generator=generator)
    mask = torch.ones(args.batch, 2, dtype=torch.bool)
    mask[round(args.batch * args.second_person) :, 1] = False
    x *= mask[:, :, None, None, None]
    flip, view, arrays = np.array(layout.flip_index), View(x, mask), x.numpy()

    def ours(aug: BatchAugmentation) -> Callable[[], object]:
        aug.bind(layout)
        return lambda: aug(view, generator)

    extreme = AimCLRExtreme(args.extreme_set)
    seconds = rounds(
        {
            "plain": lambda: np.stack([plain(clip, rng, flip, args.extreme_set) for clip in arrays]),
            "tuned": lambda: np.stack([tuned(clip, rng, flip, args.extreme_set) for clip in arrays]),
            "mmsync": ours(extreme),
            "mmsync as released": ours(AimCLRExtreme(args.extreme_set, blur_normalize=False, keep_absent=False)),
        },
        args.repeats,
    )
    print(
        f"extreme set {args.extreme_set!r}, batch {args.batch}, T={args.frames}, V={layout.num_joints}, M=2, "
        f"{args.second_person:.0%} with a second person, one thread, median of {args.repeats}"
    )
    names = {
        "plain": "NumPy, plain",
        "tuned": "NumPy, tuned",
        "mmsync": "mmsync",
        "mmsync as released": "mmsync, noise on absent persons too",
    }
    for key, name in names.items():
        rate, over_plain, over_tuned = (
            value / seconds[key] for value in (args.batch, seconds["plain"], seconds["tuned"])
        )
        print(
            f"  {name:38s}{seconds[key] * 1e3:8.2f} ms {rate:9,.0f} clips/s"
            f"{over_plain:6.1f}x plain{over_tuned:6.1f}x tuned"
        )

    singles = {type(aug).__name__: aug for aug in extreme.transforms}
    single_seconds = rounds({name: ours(aug) for name, aug in singles.items()}, args.repeats)
    print("on its own (each packs and unpacks the persons):")
    for name, value in single_seconds.items():
        print(f"  {name:38s}{value * 1e3:8.2f} ms")
    normal = rounds({"normal": ours(AimCLRNormal())}, args.repeats)["normal"]
    print(f"  {'sum':38s}{sum(single_seconds.values()) * 1e3:8.2f} ms")
    print(f"the normal set (crop, shear):           {normal * 1e3:8.2f} ms {args.batch / normal:10,.0f} clips/s")


if __name__ == "__main__":
    main()
