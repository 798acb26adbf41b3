"""Accuracy of a linear probe on raw coordinates on the synthetic world: the floor that features must pass.

Example: python tools/benchmarks/synthetic_floor.py configs/aimclr/aimclr_stgcn_synthetic.py
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsync.datasets.sources import SyntheticSource


def find_source(node: Any) -> dict | None:
    """The first dict of type SyntheticSource anywhere in a config."""
    if isinstance(node, dict):
        if node.get("type") == "SyntheticSource":
            return {key: value for key, value in node.items() if key != "type"}
        node = list(node.values())
    for child in node if isinstance(node, (list, tuple)) else ():
        if (found := find_source(child)) is not None:
            return found
    return None


def raw_features(source: SyntheticSource, split: str, frames: int, align: bool) -> tuple[np.ndarray, np.ndarray]:
    """Centered, resampled and flattened coordinates ``(n, 2 frames V 3)`` of a split, with labels ``(n,)``.

    The center is that of the first person in the first frame; ``align`` also turns the clip about y so that this
    person's shoulders point along x in the first frame.
    """
    place = {name: index for index, name in enumerate(source.names)}
    indices = [place[name] for name in source.splits[split]]
    layout = source.layout
    center, left, right = layout.center, layout.joint("left_shoulder"), layout.joint("right_shoulder")
    out = np.zeros((len(indices), 2, frames, layout.num_joints, source.num_coords), np.float32)
    for row, index in enumerate(indices):
        clip = source.load(index)[..., : source.num_coords]
        clip = clip - clip[0, 0, center]
        if align and source.num_coords == 3:
            x, _, z = clip[0, 0, right] - clip[0, 0, left]
            cos, sin = np.array([x, z]) / np.hypot(x, z)
            clip = clip @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        at = np.linspace(0, clip.shape[1] - 1, frames)
        low = np.floor(at).astype(int)
        high, part = np.minimum(low + 1, clip.shape[1] - 1), (at - low)[:, None, None]
        out[row, : len(clip)] = clip[:, low] * (1 - part) + clip[:, high] * part
    return out.reshape(len(out), -1), source.labels[indices]


def linear_probe(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Test accuracy in percent of the best of logistic and ridge regression at three penalties each.

    The best on the test part is generous to the floor.
    """
    models = [make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=150)) for c in (1e-3, 1e-2, 1e-1)]
    models += [RidgeClassifier(alpha) for alpha in (1, 10, 100)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return 100 * max(model.fit(*train).score(*test) for model in models)


def main() -> None:
    """Prints both variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="config that holds a SyntheticSource (default: its defaults)")
    parser.add_argument("--frames", type=int, default=32, help="frames after resampling")
    parser.add_argument("--train", default="train", help="split to fit on")
    parser.add_argument("--test", default="test", help="split to score")
    args = parser.parse_args()
    found = {}
    if args.config:
        from mmengine.config import Config

        found = find_source(Config.fromfile(args.config).to_dict())
        if found is None:
            parser.error(f"{args.config} holds no dict of type SyntheticSource")
    source = SyntheticSource(**found)
    print(f"{len(source)} clips, {len(source.class_names)} classes, chance {100 / len(source.class_names):.1f}")
    for name, align in (("raw", False), ("view-aligned", True)):
        parts = [raw_features(source, split, args.frames, align) for split in (args.train, args.test)]
        print(f"linear probe on {name} coordinates: {linear_probe(*parts):.1f} %", flush=True)


if __name__ == "__main__":
    main()
