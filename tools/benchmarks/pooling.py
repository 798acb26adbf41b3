"""Which pooling and which preparation of frozen features suit nearest neighbors and a linear classifier?

    python tools/benchmarks/pooling.py CHECKPOINT [CHECKPOINT ...] [--by subject] [--cfg-options data_root=...]

Only training clips are used. An attribute splits them (by default the first of fold, view and subject): each group in
turn is the query, the others are the bank. Rows are poolings of the feature map, and, after "input", of the view that
the encoder sees. Columns are preparations of the pooled features. The first table has KNN, mean over k = 1, 5, 10, 20,
the second logistic regression, the third KNN by k on feature maps; all are means over checkpoints and groups, in
percent.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmsync.apis import init_model
from mmsync.apis.cli import KeyValue, run_tool
from mmsync.errors import ConfigError
from mmsync.evaluation.functional import knn_classify, topk_accuracy
from mmsync.models.necks import SegmentPartPool
from mmsync.ops.persons import pack_persons
from mmsync.ops.scaling import Scaling, Standardize
from mmsync.protocols.protocol import build_training_clips, config_of
from mmsync.structures import FeatureMap

POOLINGS: dict[str, dict[str, Any]] = {
    "mean": dict(segments=1, parts=False),
    "mean + max": dict(segments=1, parts=False, statistics=["mean", "max"]),
    "mean + std": dict(segments=1, parts=False, statistics=["mean", "std"]),
    "4 segments": dict(segments=4, parts=False),
    "5 parts": dict(segments=1),
    "4 x 5": dict(segments=4),
    "4 x 5, unit cells": dict(segments=4, unit=True),
    "4 x 5, mean + max": dict(segments=4, statistics=["mean", "max"]),
    "8 x 5": dict(segments=8),
    "(1 + 2 + 4) x 5": dict(segments=(1, 2, 4)),
    "mean, spread": dict(segments=1, parts=False, persons="spread"),
    "4 x 5, spread": dict(segments=4, persons="spread"),
}
PREPARATIONS: dict[str, Standardize] = {
    "raw": False,
    "centered": False,
    "standardized": True,
    "whitened": "whiten",
    "square root": False,
}
NEIGHBORS = (1, 5, 10, 20)
Key = tuple[str, str, str]  # pooling, preparation, classifier


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", help="checkpoints of methods on skeletons")
    parser.add_argument("--by", help="attribute that splits the training clips (default: fold, view or subject)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="such as data_root=...")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def groups_of(data: Any, by: str | None) -> np.ndarray:
    """The group of each clip of a data set."""
    found = {key: values[data.places] for key, values in data.source.attributes.items()}
    usable = [key for key, values in found.items() if len(np.unique(values)) > 1]
    chosen = by or next((key for key in ("fold", "view", "subject") if key in usable), None)
    if chosen not in usable:
        raise ConfigError(f"--by {chosen}: give an attribute with several values, one of {', '.join(usable) or 'none'}")
    return found[chosen]


@torch.no_grad()
def features_of(checkpoint: str, args: argparse.Namespace) -> tuple[dict[str, Tensor], Tensor, np.ndarray]:
    """Features ``(N, D)`` by pooling, labels ``(N,)`` and groups ``(N,)`` of the training clips."""
    cfg = config_of(checkpoint, None, args.cfg_options or {})
    model: Any = init_model(cfg, checkpoint)
    data = build_training_clips(cfg, "SkeletonDataset")
    encoder, name = model.feature_encoder(model.encoders[0]), model.views_for_features[0]
    parts = encoder.backbone.layout.named_parts
    found: dict[str, list[Tensor]] = defaultdict(list)
    for rows in torch.arange(len(data)).split(64):
        batch = data.__getitems__(rows.tolist())
        view = model.data_preprocessor(batch, False)["inputs"][name]
        people, owner, present = pack_persons(view.data, view.present)
        seen = FeatureMap(people.permute(0, 3, 1, 2), owner, len(rows), present, view.valid)
        feature = encoder.forward_map(view)
        for pooling, options in POOLINGS.items():
            pool = SegmentPartPool(**options)
            pool.pooled_channels(encoder.backbone)
            found[pooling].append(pool(feature))
            pool.parts = parts if pool.keep_parts else ()
            found[f"input: {pooling}"].append(pool(seen))
    labels = torch.as_tensor(np.asarray(data.labels), dtype=torch.long)
    return {key: torch.cat(rows) for key, rows in found.items()}, labels, groups_of(data, args.by)


def prepared(bank: Tensor, query: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Bank and query after each preparation, all fitted on the bank."""
    for name, how in PREPARATIONS.items():
        b, q = (x.sign() * x.abs().sqrt() if name == "square root" else x for x in (bank, query))
        scaling = Scaling.of(b, how)
        if not how and name != "raw":
            scaling = scaling._replace(mean=b.mean(0))
        yield name, scaling(b), scaling(q)


def logistic(bank: Tensor, labels: Tensor, query: Tensor, truth: Tensor) -> float:
    """Accuracy of logistic regression with C = 10 on features of mean square length 1."""
    if bank.shape[1] > len(bank):  # a turn changes no product, and so many axes are enough
        axes = torch.linalg.qr(bank.T)[0]
        bank, query = bank @ axes, query @ axes
    length = bank.square().sum(1).mean().sqrt()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=10, max_iter=200).fit(bank / length, labels)
        return model.score(query / length, truth)


def judge(checkpoint: str, args: argparse.Namespace) -> dict[Key, list[float]]:
    """Accuracies of all classifiers, one for each group."""
    found: dict[Key, list[float]] = defaultdict(list)
    features, labels, groups = features_of(checkpoint, args)
    for group in np.unique(groups):
        query = torch.from_numpy(groups == group)
        y, truth = labels[~query], labels[query]
        for pooling, x in features.items():
            for name, b, q in prepared(x[~query], x[query]):
                for k in NEIGHBORS:
                    scores = knn_classify(b, y, q, int(labels.max()) + 1, k)
                    found[pooling, name, f"k={k}"].append(topk_accuracy(scores, truth))
                found[pooling, name, "logistic"].append(logistic(b, y, q, truth))
    return found


def main(args: argparse.Namespace) -> None:
    """Print the three tables."""
    results: dict[Key, list[float]] = defaultdict(list)
    for checkpoint in args.checkpoints:
        for key, values in judge(checkpoint, args).items():
            results[key].append(float(np.mean(values)))
        print(f"done: {checkpoint}", flush=True)
    poolings = [*POOLINGS, *(f"input: {pooling}" for pooling in POOLINGS)]
    knn = [f"k={k}" for k in NEIGHBORS]
    for title, kinds in (("KNN", knn), ("logistic regression", ["logistic"])):
        print(f"\n{title:28}" + "".join(f"{name:>14}" for name in PREPARATIONS))
        for pooling in poolings:
            rows = [np.mean([results[pooling, name, kind] for kind in kinds]) for name in PREPARATIONS]
            print(f"{pooling:28}" + "".join(f"{100 * value:14.1f}" for value in rows))
    print(f"\n{'KNN, mean of poolings':28}" + "".join(f"{name:>14}" for name in PREPARATIONS))
    for kind in knn:
        rows = [np.mean([results[pooling, name, kind] for pooling in POOLINGS]) for name in PREPARATIONS]
        print(f"{kind:28}" + "".join(f"{100 * value:14.1f}" for value in rows))


if __name__ == "__main__":
    run_tool(main, parse_args())
