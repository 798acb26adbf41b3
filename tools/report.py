#!/usr/bin/env python
"""Write one HTML page about one or several runs, which opens in any browser without a network.

    python tools/report.py WORK_DIR [WORK_DIR ...] [--out report.html] [--no-features]

It has final values with intervals, curves, and configs with the differences between the runs; of the last checkpoint
the embedding of the test clips, the confusion matrix of the config's KNN probe, and the nearest training clips of each
test clip as moving skeletons; and the pictures in the folder. Folders with results of tools/benchmark.py or
tools/benchmarks/suite.py are taken, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import add_other_input, add_trust, device, output_file, run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dirs", nargs="+", metavar="WORK_DIR", help="folders of runs")
    parser.add_argument("--out", default="report.html", help="page to write (default: report.html)")
    parser.add_argument("--no-features", action="store_true", help="load no checkpoint: curves, pictures, configs only")
    many = "test clips of a run, a random choice of so many, and four times as many training clips (default: 400)"
    parser.add_argument("--max-clips", type=int, default=400, help=many)
    parser.add_argument("--seed", type=int, default=0, help="of this choice (default: 0)")
    parser.add_argument("--device", default="cpu", help="where features are computed (default: cpu)")
    add_trust(parser)
    add_other_input(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write the page."""
    from mmsync.apis.report import write_report
    from mmsync.errors import ConfigError

    output_file(args.out)
    device(args.device)
    if args.max_clips < 1 or args.seed < 0:
        raise ConfigError(f"--max-clips {args.max_clips}, --seed {args.seed}: give 1 clip or more, a seed from 0")
    options = dict(max_clips=args.max_clips, seed=args.seed, device=args.device)
    options.update(trust=args.trust_checkpoint, other_input=args.other_input)
    data = write_report(args.work_dirs, args.out, not args.no_features, **options)
    for run in data["runs"]:
        parts = [f"{len(run['curves'])} curves"] if run["curves"] else []
        if "clips" in run:
            parts.append(f"{len(run['clips']['query']['names'])} test clips")
            parts += [f"KNN {run['clips']['top1'][0]:.2f} %"] if "top1" in run["clips"] else []
        parts += [f"{len(run[key])} {key}" for key in ("results", "pictures") if run[key]]
        print(f"{run['name']}: {', '.join(parts)}")
        for note in run["notes"]:
            print(f"  note: {note}")
    print(f"report: {args.out}, {Path(args.out).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
