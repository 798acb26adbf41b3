"""Fuse the scores of several streams, matched by sample name.

``mmsync ensemble joint=J/scores.npz bone=B/scores.npz motion=M/scores.npz --weights aimclr``
``mmsync ensemble rgb=rgb.npz flow=flow.npz --weights equal``, where the files are distances of
pairs that ``PairVerification(dump=...)`` wrote on the same pairs

``mmsync sweep CONFIG --set stream=joint,bone,motion --protocols linear --fuse aimclr`` trains, evaluates and
fuses the streams in one command.
"""

from __future__ import annotations

import argparse

from mmsync.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", nargs="+", metavar="STREAM=FILE", help="score files that mmsync benchmark wrote")
    parser.add_argument(
        "--weights",
        nargs="+",
        default=["aimclr"],
        metavar="W",
        help="published weights (aimclr, pyskl), 'equal', or STREAM=NUMBER for each stream (default: aimclr)",
    )
    parser.add_argument("--out", help="npz file for the fused scores")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from mmsync.evaluation.functional import fuse_streams, judge_scores, load_scores

    files = pairs(args.scores, "a score file: STREAM=FILE")
    weights = choose_weights(args.weights, list(files))
    streams = {name: load_scores(path) for name, path in files.items()}
    result = fuse_streams(streams, weights)
    rows = [(name, f"{weights[name]:g}", judge_scores(s)) for name, s in streams.items()]
    rows.append(("fused", "", judge_scores(result)))
    width = max(len(row[0]) for row in rows)
    what = "raw logits" if result.logits.shape[1] > 1 else "distances of pairs"
    print(
        f"{'stream'.ljust(width)}  weight  "
        + "  ".join(f"{key:>6}" for key in rows[0][2])
        + f"   ({len(result.names)}, {what})"
    )
    for name, weight, found in rows:
        print(f"{name.ljust(width)}  {weight:>6}  " + "  ".join(f"{value:6.2f}" for value in found.values()))
    if args.out:
        result.save(args.out)
        print(f"fused scores {args.out}")


def choose_weights(given: list[str], streams: list[str]) -> dict[str, float]:
    """The weight of each stream, by the name of a published set or one by one."""
    from mmsync.errors import ProtocolError
    from mmsync.evaluation.functional import published_weights

    if len(given) == 1 and "=" not in given[0]:
        try:
            return published_weights(given[0], streams)
        except ProtocolError as error:
            one_by_one = " ".join(f"{stream}=1" for stream in streams)
            raise ProtocolError(f"--weights: {error}. Or give them one by one: --weights {one_by_one}") from error
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
