#!/usr/bin/env python
"""How far do the features of a clip move when its motion is mirrored, reversed, sped up or turned?

    mmsync invariance [CONFIG] CHECKPOINT [--clips 300] [--speed 2] [--degrees 45]

Each row is a change of the clips as they are read, before the pipeline. `moved` is the distance between the features of
a clip and of its changed copy, over the mean distance of two clips: 0 where the encoder or the pipeline is blind to the
change, 1 where the copy is as far away as another clip. `nearest` is the share of clips that are nearer to their copy
than to any other clip. Clips are those of the training split; labels are not read. Without CONFIG the one inside the
checkpoint is taken.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mmsync.apis.cli import add_common_arguments, device, run_tool

Change = Callable[[np.ndarray, Any], np.ndarray]


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="config file (default: the one inside the checkpoint)")
    parser.add_argument("checkpoint", help="checkpoint file or address of a method on skeletons")
    parser.add_argument("--clips", type=int, default=300, help="clips drawn from the training split (default: 300)")
    parser.add_argument("--speed", type=float, default=2.0, help="factor of the speed, above 0 (default: 2)")
    parser.add_argument("--degrees", type=float, default=45.0, help="turn about the vertical axis (default: 45)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips")
    parser.add_argument("--device", type=device, default="cpu")
    add_common_arguments(parser)
    return parser.parse_args()


class Moved:
    """Transform of a pipeline: points ``(..., C)`` about the clip's mean, or frames by their index; empty ones stay."""

    def __init__(self, points: Any = None, frames: Any = None) -> None:
        self.points, self.frames = points, frames

    def __call__(self, results: dict) -> dict:
        clip, coords = results["keypoint"], results["num_coords"]
        if self.frames is not None:
            at = self.frames(clip.shape[1])
            slots = results.get("body_slots")
            return {**results, "keypoint": clip[:, at], "body_slots": None if slots is None else slots[:, at]}
        seen, out = clip[..., :coords].any((2, 3)), clip.copy()
        center = out[seen][..., :coords].mean((0, 1))
        out[..., :coords] = self.points(out[..., :coords] - center, results["layout"]) + center
        out[~seen] = 0
        return {**results, "keypoint": out}


def mirror(points: np.ndarray, layout: Any) -> np.ndarray:
    """Exchange left and right joints of ``(M, T, V, C)`` and negate x."""
    out = points[:, :, list(layout.flip_index)].copy()
    out[..., 0] *= -1
    return out


def turn(degrees: float) -> Change:
    """A turn of points ``(..., 3)`` about y."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    return lambda points, layout: points @ matrix


def changes(args: argparse.Namespace, coords: int) -> dict[str, list[Moved]]:
    """What is put in front of the pipeline, by name; nothing for the clips themselves."""
    found = {
        "as recorded": [],
        "mirrored": [Moved(mirror)],
        "reversed": [Moved(frames=lambda count: np.arange(count)[::-1])],
        f"{args.speed:g} times as fast": [
            Moved(frames=lambda count: np.arange(0, count - 0.5, args.speed).round().astype(int))
        ],
    }
    return {**found, f"turned by {args.degrees:g} degrees": [Moved(turn(args.degrees))]} if coords == 3 else found


def main(args: argparse.Namespace) -> None:
    """Print the table."""
    from mmsync.apis import extract_features, init_model
    from mmsync.errors import ConfigError
    from mmsync.evaluation.functional import displacement
    from mmsync.protocols.protocol import build_training_clips, config_of

    if args.clips < 2 or not args.speed > 0 or args.seed < 0:
        given = f"--clips {args.clips}, --speed {args.speed:g}, --seed {args.seed}"
        raise ConfigError(f"{given}: give 2 or more clips, a speed above 0, and a seed from 0")
    cfg = config_of(args.checkpoint, args.config, args.cfg_options or {}, args.trust_checkpoint)
    model = init_model(cfg, args.checkpoint, args.device, trust=args.trust_checkpoint, other_input=args.other_input)
    plain = build_training_clips(cfg, "SkeletonDataset", cache=False)
    pipeline = list(plain.pipeline)
    rows = np.sort(np.random.default_rng(args.seed).permutation(len(plain))[: args.clips]).tolist()
    features = {}
    for name, first in changes(args, plain.source.num_coords).items():
        plain.pipeline[:] = [*first, *pipeline]
        batches: Any = (plain.__getitems__(rows[at : at + 64]) for at in range(0, len(rows), 64))
        features[name] = extract_features(model, batches, progress=False).vectors("feature")
        if first:
            found = displacement(features["as recorded"], features[name])
            print(f"{name:24}{found.moved:8.2f}{100 * found.nearest:10.1f} %", flush=True)
        else:
            print(f"{f'of {len(rows)} clips':24}{'moved':>8}{'nearest':>10}")


if __name__ == "__main__":
    run_tool(main, parse_args())
