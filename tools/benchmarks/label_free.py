"""Which criteria rank recipes as their accuracy does? Rank correlations over finished runs, for each data set.

    python tools/benchmarks/label_free.py FOLDER [FOLDER ...] [--every N] [--loader test] [--accuracy knn/top1]

FOLDER is the work dir of a run of tools/train.py, or holds such at any depth, as those of a sweep or of the suite. Of
each run's last checkpoint, features of the validation data (of skeletons) are extracted, also of changed copies. The
criteria of the probe LabelFree are computed on the bank and see no label; the accuracies are those of the config's
validation on the queries. To choose a recipe by the criteria, take runs whose validation lies within the training side,
as here the correlations are read. What was computed is kept as label_free.json beside each checkpoint.

Columns: Kendall's tau with its p-value and Spearman's rho between a criterion and the accuracy, 1 if they order the
runs alike, signs turned so that larger is better; and the accuracy of the run that the criterion chooses, beside the
mean and the best of all runs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import init_default_scope
from scipy.stats import kendalltau, spearmanr

from mmsync.apis.cli import run_tool
from mmsync.errors import ConfigError, MMSyncError, ProtocolError

KEPT = "label_free.json"
BETTER = {"uniformity": -1, "alignment": -1}  # 1 for all others


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="work dirs, or folders that hold some")
    parser.add_argument("--every", type=int, metavar="N", help="also earlier checkpoints, each N-th back from the last")
    parser.add_argument("--loader", default="val", choices=["val", "test"], help="whose data and probes (default: val)")
    parser.add_argument("--accuracy", default="knn/top1", help="result to compare with (default: %(default)s)")
    parser.add_argument("--clusters", type=int, default=20, help="clusters of the stability (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="compute again what is kept")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def checkpoints(folders: Sequence[str], every: int | None) -> list[Path]:
    """The last checkpoint of each run, and with ``every`` earlier ones."""
    from mmsync.engine.checkpoint import list_checkpoints

    runs = {path.parent for folder in folders for path in sorted(Path(folder).rglob("last_checkpoint"))}
    found = []
    for run in sorted(runs):
        found += list_checkpoints(run, every or 1)[0 if every else -1 :]
    if len(found) < 4:
        raise ConfigError(f"{len(found)} checkpoints below {', '.join(folders)}; a correlation needs 4 or more")
    return found


def judge(checkpoint: Path, loader: str, clusters: int) -> dict[str, Any]:
    """Accuracies and criteria of a checkpoint, and what data they are of."""
    from mmsync.protocols.protocol import config_of

    cfg = config_of(str(checkpoint), None, {})
    init_default_scope(cfg.get("default_scope", "mmsync"))
    return {
        **judge_config(cfg, str(checkpoint), loader, clusters),
        "run": f"{checkpoint.parent.name}/{checkpoint.stem}",
    }


def judge_config(cfg: Any, checkpoint: str | None, loader: str, clusters: int) -> dict[str, Any]:
    """The same of a config and the weights of a checkpoint; ``None``: those of the initialization."""
    from mmsync.apis import extract_changed, init_model
    from mmsync.engine.runner import MotionRunner
    from mmsync.evaluation.metrics import FeatureMetric
    from mmsync.protocols.tables import data_name, describe_data
    from mmsync.registry import METRICS

    model = init_model(cfg, checkpoint, other_input=True)
    table = extract_changed(model, MotionRunner.build_dataloader(cfg[f"{loader}_dataloader"].to_dict()))
    metric = METRICS.build(dict(cfg[f"{loader}_evaluator"]))
    if not isinstance(metric, FeatureMetric):
        raise ProtocolError(f"{loader}_evaluator is a {type(metric).__name__}; give a FeatureMetric")
    criteria = FeatureMetric(probes=[dict(type="LabelFree", clusters=clusters)])
    return dict(
        data=data_name(cfg), splits=describe_data(cfg), accuracy=metric.compute_metrics([table]),
        criteria={key.split("/")[1]: value for key, value in criteria.compute_metrics([table]).items()},
    )  # fmt: skip


def oriented(criteria: Mapping[str, float]) -> dict[str, float]:
    """Criteria of which larger ones are said to be better, with two that are made of others."""
    found = {key: BETTER.get(key, 1) * value for key, value in criteria.items()}
    if "decay" in found:
        found["decay"] = -abs(found["decay"] - 1)
    if "alignment" in found:
        found["alignment + uniformity"] = found["alignment"] + found["uniformity"]
    return found


def correlate(rows: Sequence[Mapping[str, Any]], accuracy: str) -> list[tuple[str, float, float, float, float]]:
    """Name, tau, p-value, rho and accuracy of the chosen run, of each criterion that all rows have."""
    for row in rows:
        if accuracy not in row["accuracy"]:
            raise ConfigError(f"{row['run']}: no {accuracy}; there are {', '.join(row['accuracy'])}")
    target = np.array([row["accuracy"][accuracy] for row in rows])
    tables = [oriented(row["criteria"]) for row in rows]
    found = []
    for name in tables[0]:
        if all(name in table for table in tables):
            values = np.array([table[name] for table in tables])
            tau, rho = kendalltau(values, target), spearmanr(values, target)
            found.append((name, float(tau[0]), float(tau[1]), float(rho[0]), float(target[values.argmax()])))
    return found


def main(args: argparse.Namespace) -> None:
    """Judge all runs and print the correlations of each data set."""
    from mmsync.protocols.tables import read_json, write_json

    rows = defaultdict(list)
    for checkpoint in checkpoints(args.folders, args.every):
        file = checkpoint.parent / KEPT
        kept = read_json(file, {})
        key = f"{checkpoint.stem} {args.loader} {args.clusters}"
        if args.force or key not in kept:
            try:
                kept[key] = judge(checkpoint, args.loader, args.clusters)
            except MMSyncError as error:
                print(f"{checkpoint}: left out: {error}")
                continue
            write_json(file, kept)
        row = kept[key]
        rows[row["data"], row["splits"]].append(row)
        print(f"{row['run']:40s} {args.accuracy} {row['accuracy'].get(args.accuracy, np.nan):.2f}", flush=True)
    for (_, splits), of_set in rows.items():
        target = [row["accuracy"].get(args.accuracy, np.nan) for row in of_set]
        print(f"\n{splits}: {len(of_set)} runs, {args.accuracy} mean {np.mean(target):.1f}, best {np.max(target):.1f}")
        if len(of_set) < 4:
            print("  fewer than 4 runs: no correlation")
            continue
        print(f"  {'criterion':24s} {'tau':>6s} {'p':>7s} {'rho':>6s} {'chosen':>7s}")
        for name, tau, p, rho, chosen in sorted(correlate(of_set, args.accuracy), key=lambda row: -row[1]):
            print(f"  {name:24s} {tau:6.2f} {p:7.3f} {rho:6.2f} {chosen:7.1f}")


if __name__ == "__main__":
    run_tool(main, parse_args())
