"""List which test clips are right and wrong, the classes that are confused most, and the hardest clips.

    python tools/analysis_tools/analyze_results.py WORK_DIR [--out-dir FOLDER] [--topk 20]
    python tools/analysis_tools/analyze_results.py CHECKPOINT [--config CONFIG]
    python tools/analysis_tools/analyze_results.py SCORES.npz

Of a work dir the last checkpoint is taken. Clips are judged by the config's KNN probe, or by the scores that
tools/benchmark.py wrote for another probe (``scores.npz``). The margin is the share of the true class less that of the
best other one, of the votes or of the softmax: below 0 the clip is wrong, and the hardest clips have the lowest one.
``results.csv`` has a row for each clip.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mmsync.apis.cli import KeyValue, add_other_input, add_trust, device, run_tool
from mmsync.errors import ConfigError, ProtocolError

COLUMNS = ("name", "label", "class", "predicted", "predicted_class", "right", "margin", "nearest", "nearest_class")


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", metavar="WORK_DIR_OR_CHECKPOINT", help="folder of a run, checkpoint, or scores.npz")
    parser.add_argument("--config", help="config file (default: that in the work dir, or inside the checkpoint)")
    parser.add_argument("--out-dir", help="folder of results.csv (default: the work dir, or beside the file)")
    parser.add_argument("--topk", type=int, default=20, help="pairs and clips to print (default: 20)")
    parser.add_argument("--max-clips", type=int, default=10**9, help="test clips at most, by chance (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of this choice (default: 0)")
    parser.add_argument("--device", default="cpu", help="where features are computed (default: cpu)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="override settings")
    add_trust(parser)
    add_other_input(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def rows_of(
    names: list[str], labels: np.ndarray, shares: np.ndarray, classes: list[str], near: Optional[list[tuple[str, int]]]
) -> list[dict[str, Any]]:
    """A row for each clip, of its label and shares of the classes ``(K,)``, the hardest first."""

    def word(label: int) -> str:
        return classes[label] if 0 <= label < len(classes) else f"class {label}"

    rows = []
    for i, (name, label) in enumerate(zip(names, labels.tolist())):
        best, guess = np.delete(shares[i], label).max(initial=0), int(shares[i].argmax())
        nearest, other = near[i] if near else ("", -1)
        found = (
            name,
            label,
            word(label),
            guess,
            word(guess),
            int(guess == label),
            round(float(shares[i, label] - best), 4),
        )
        rows.append(dict(zip(COLUMNS, (*found, nearest, word(other) if near else ""))))
    return sorted(rows, key=lambda row: (row["margin"], row["name"]))


def from_scores(path: str) -> tuple[list[dict[str, Any]], str]:
    """Rows of a file of scores, and what they are."""
    from mmsync.evaluation.functional import load_scores

    scores = load_scores(path)
    known = scores.labels >= 0
    if not known.any() or scores.logits.shape[1] < 2:
        raise ProtocolError(f"{path}: needs scores of two classes or more, and labels")
    shares = np.exp(scores.logits[known] - scores.logits[known].max(axis=1, keepdims=True))
    names = [name for name, here in zip(scores.names, known) if here]
    return rows_of(names, scores.labels[known], shares / shares.sum(axis=1, keepdims=True), [], None), path


def from_run(args: argparse.Namespace) -> tuple[list[dict[str, Any]], str]:
    """Rows of a run's last checkpoint, or of a checkpoint, and how they were judged."""
    from mmsync.apis.neighbors import find_neighbors
    from mmsync.apis.report import run_config
    from mmsync.config import load
    from mmsync.engine.checkpoint import list_checkpoints
    from mmsync.protocols.protocol import config_of

    folder = Path(args.result)
    options = args.cfg_options or {}
    if folder.is_dir():
        checkpoint = str(list_checkpoints(folder)[-1])
        cfg = load(args.config or run_config(folder).filename, options)
    else:
        checkpoint = args.result
        cfg = config_of(checkpoint, args.config, options, args.trust_checkpoint)
    choice = dict(max_clips=args.max_clips, seed=args.seed, k=1, device=device(args.device))
    found = find_neighbors(cfg, checkpoint, **choice, trust=args.trust_checkpoint, other_input=args.other_input)
    if found.votes is None:
        raise ProtocolError(f"{checkpoint}: the test clips have no labels to compare with")
    names, labels = found.bank.texts("name", "?"), found.bank.numbers("label").tolist()
    near = [(names[j], labels[j]) for j in found.nearest[:, 0].tolist()]
    classes = list(found.dataset.metainfo.get("classes") or ())
    return rows_of(
        found.query.texts("name", "?"), found.labels, found.votes, classes, near
    ), f"{checkpoint}, {found.note}"


def main(args: argparse.Namespace) -> None:
    """Print the tables and write the csv."""
    from mmsync.evaluation.functional import confusion_matrix
    from mmsync.fileio import atomic_path
    from mmsync.visualization import confused_pairs

    if args.topk < 1:
        raise ConfigError(f"--topk {args.topk}: give 1 or more")
    source = Path(args.result)
    rows, what = from_scores(args.result) if source.suffix == ".npz" else from_run(args)
    labels, guesses = (np.array([row[key] for row in rows]) for key in ("label", "predicted"))
    words = {row["label"]: row["class"] for row in rows} | {row["predicted"]: row["predicted_class"] for row in rows}
    matrix = confusion_matrix(labels, guesses, int(max(labels.max(), guesses.max())) + 1)
    print(f"{what}\n{100 * np.mean(labels == guesses):.2f} % of {len(rows)} clips right")
    print(f"\n{'confused':<9}{'of':<7}pair of classes")
    for pair in confused_pairs(matrix, args.topk):
        print(f"{pair.clips:<9}{matrix[pair.true].sum():<7}{words[pair.true]} taken for {words[pair.predicted]}")
    wide = max(len(row["name"]) for row in rows[: args.topk])
    print(f"\n{'margin':<9}{'hardest clips':<{wide + 2}}class, prediction, nearest training clip")
    for row in rows[: args.topk]:
        near = f", {row['nearest']} ({row['nearest_class']})" if row["nearest"] else ""
        print(f"{row['margin']:<9.3f}{row['name']:<{wide + 2}}{row['class']}, {row['predicted_class']}{near}")
    folder = Path(args.out_dir) if args.out_dir else source if source.is_dir() else source.parent
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / "results.csv") as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    print(f"\nall clips: {folder / 'results.csv'}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
