"""Fuse the scores of several streams, matched by sample name.

``python tools/analysis_tools/ensemble.py joint=J/scores.npz bone=B/scores.npz motion=M/scores.npz --weights aimclr``
``python tools/analysis_tools/ensemble.py rgb=rgb.npz flow=flow.npz --weights equal``, where the files are distances of
pairs: what ``PairVerification(dump=...)`` wrote on the same pairs
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from mmsync.apis.cli import run_tool

if TYPE_CHECKING:
    from mmsync.evaluation.functional import Scores

WEIGHTS = {
    "aimclr": {"joint": 0.6, "bone": 0.6, "motion": 0.4},  # on raw logits; all three-stream numbers of that family
    "pyskl": {"joint": 2.0, "bone": 2.0, "motion": 1.0, "bone_motion": 1.0},  # its 2:2:1:1
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", nargs="+", metavar="STREAM=FILE", help="score files that tools/benchmark.py wrote")
    parser.add_argument(
        "--weights",
        nargs="+",
        default=["aimclr"],
        metavar="W",
        help=f"published weights ({', '.join(WEIGHTS)}), 'equal', or STREAM=NUMBER for each stream (default: aimclr)",
    )
    parser.add_argument("--out", help="npz file for the fused scores")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmsync.errors import ProtocolError
    from mmsync.evaluation.functional import Scores, fuse_scores, load_scores

    files = pairs(args.scores, "a score file: STREAM=FILE")
    weights = choose_weights(args.weights, list(files))
    streams = {name: load_scores(path) for name, path in files.items()}
    fused, names = fuse_scores(
        {name: s.logits for name, s in streams.items()}, {name: s.names for name, s in streams.items()}, weights
    )
    labels = [dict(zip(s.names, s.labels.tolist())) for s in streams.values()]
    wrong = [name for name in names if len({one[name] for one in labels}) > 1]
    if wrong:
        raise ProtocolError(
            f"the score files give {len(wrong)} samples different labels, for example {wrong[0]!r}: they are of "
            "different data sets or class numberings"
        )
    result = Scores(names, fused.astype(np.float32), np.array([labels[0][name] for name in names], dtype=np.int64))
    rows = [(name, f"{weights[name]:g}", judge(s)) for name, s in streams.items()]
    rows.append(("fused", "", judge(result)))
    width = max(len(row[0]) for row in rows)
    what = "raw logits" if result.logits.shape[1] > 1 else "distances of pairs"
    print(
        f"{'stream'.ljust(width)}  weight  "
        + "  ".join(f"{key:>6}" for key in rows[0][2])
        + f"   ({len(names)}, {what})"
    )
    for name, weight, found in rows:
        print(f"{name.ljust(width)}  {weight:>6}  " + "  ".join(f"{value:6.2f}" for value in found.values()))
    if args.out:
        result.save(args.out)
        print(f"fused scores {args.out}")


def judge(scores: Scores) -> dict[str, float]:
    """Accuracies of class scores, or area under the curve and equal error rate of distances, in percent."""
    from mmsync.evaluation.functional import equal_error_rate, pair_auc, top_accuracy

    if scores.logits.shape[1] > 1:
        found = top_accuracy(scores.logits, scores.labels)
        return {"top-1": found["top1"], "top-5": found["top5"]}
    distance, positive = scores.logits[:, 0], scores.labels == 1
    return {"AUC": 100 * pair_auc(distance, positive), "EER": 100 * equal_error_rate(distance, positive)}


def choose_weights(given: list[str], streams: list[str]) -> dict[str, float]:
    """The weight of each stream, by the name of a published set or one by one."""
    from mmsync.errors import ProtocolError, did_you_mean, nearest

    if given == ["equal"]:
        return dict.fromkeys(streams, 1.0)
    if len(given) == 1 and "=" not in given[0]:
        if given[0] not in WEIGHTS:
            hint = did_you_mean(nearest(given[0], [*WEIGHTS, "equal"]))
            raise ProtocolError(f"--weights: no published weights {given[0]!r}{hint}")
        known = WEIGHTS[given[0]]
        odd = [name for name in streams if name not in known]
        if odd:
            raise ProtocolError(
                f"--weights {given[0]} has no weight for stream {odd[0]!r}{did_you_mean(nearest(odd[0], known))}; it "
                f"has {', '.join(known)}. Give weights one by one: --weights {' '.join(f'{s}=1' for s in streams)}"
            )
        return {name: known[name] for name in streams}
    try:
        weights = {name: float(value) for name, value in pairs(given, "a weight: STREAM=NUMBER").items()}
    except ValueError as error:
        raise ProtocolError(f"--weights: {error}") from error
    if set(weights) != set(streams):
        odd = sorted(set(weights) ^ set(streams))
        raise ProtocolError(f"--weights and score files name different streams: {', '.join(odd)}")
    return weights


def pairs(items: list[str], what: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a dict."""
    from mmsync.errors import ProtocolError

    found: dict[str, str] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign or not value or name in found:
            raise ProtocolError(f"{item!r}: {'named twice' if name in found else f'give {what}'}")
        found[name] = value
    return found


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
