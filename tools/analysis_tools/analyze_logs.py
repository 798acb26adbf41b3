"""Curves and times of trainings, from what they logged.

    mmsync analyze_logs plot_curve WORK_DIR_OR_JSON ... --keys loss knn/top1 [--out curves.png]
    mmsync analyze_logs cal_train_time WORK_DIR_OR_JSON ...

Several runs come into one picture; a run that was resumed counts as one. Losses are those of the log, means over the
last 20 iterations (log_processor.window_size) before each line. plot_curve takes folders of
``mmsync benchmark WORK_DIR --every N`` too; their values are named by the protocols:

    mmsync analyze_logs plot_curve work_dirs/benchmark/aimclr ... --keys linear knn
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsync.apis.cli import run_tool
from mmsync.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mmsync.runlog import Run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    plot = tasks.add_parser("plot_curve", help="draw logged values")
    plot.add_argument("logs", nargs="+", help="work dirs, or json files that MMEngine wrote")
    plot.add_argument("--keys", nargs="+", default=["loss"], help="values, one panel each (default: loss)")
    plot.add_argument("--out", default="curves.png", help="picture, its suffix chooses the format")
    plot.add_argument("--legend", nargs="+", help="names of the runs (default: their folders')")
    plot.add_argument(
        "--smooth", nargs="?", type=float, const=0.6, default=0.0, help="moving average, weight of the past in [0, 1)"
    )
    times = tasks.add_parser("cal_train_time", help="time of an iteration, slowest and fastest epoch")
    times.add_argument("logs", nargs="+", help="work dirs, or json files that MMEngine wrote")
    for task in (plot, times):
        task.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def is_history(path: str) -> bool:
    """Whether a path has results of a benchmark and no log of a training."""
    folder = Path(path)
    return folder.name == "results.json" or (
        (folder / "results.json").is_file() and not any(folder.glob("*/vis_data/scalars.json"))
    )


def time_lines(run: Run) -> list[str]:
    """Times of a training, line by line.

    Raises:
        DataError: The run logged no times.
    """
    rows = [row for row in run.train if "time" in row]
    if not rows:
        raise DataError(f"{run.name}: training logged no 'time'; is it the log of an evaluation?")
    time = np.array([row["time"] for row in rows])
    iterations = np.diff([0, *(row["iter"] for row in rows)])
    waiting = sum(row.get("data_time", 0.0) * n for row, n in zip(rows, iterations)) / (time @ iterations)
    total = timedelta(seconds=round(float(time @ iterations)))
    lines = [
        f"{run.name}: {rows[-1]['iter']} iterations in about {total}",
        f"  iteration  {time @ iterations / iterations.sum():.4f} s on average, {100 * waiting:.1f} % waiting for data",
    ]
    epochs = defaultdict(list)
    for row in rows:
        if "epoch" in row:
            epochs[row["epoch"]].append(row["time"])
    if epochs:
        mean = {epoch: float(np.mean(values)) for epoch, values in epochs.items()}
        slow, fast = max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__)
        lines += [
            f"  slowest    epoch {slow}, {mean[slow]:.4f} s an iteration",
            f"  fastest    epoch {fast}, {mean[fast]:.4f} s an iteration",
            f"  epochs     {np.std(list(mean.values())):.4f} s standard deviation of their iterations",
        ]
    return lines


def main(args: argparse.Namespace) -> None:
    from mmsync.runlog import read_run
    from mmsync.visualization import draw_curves, read_history

    legend = getattr(args, "legend", None) or [None] * len(args.logs)
    if len(legend) != len(args.logs):
        raise ConfigError(f"--legend has {len(legend)} names for {len(args.logs)} logs; give one for each")
    runs = [(read_history if is_history(path) else read_run)(path, name) for path, name in zip(args.logs, legend)]
    for note in (note for run in runs for note in run.notes):
        print(f"note: {note}", file=sys.stderr)
    if args.task == "cal_train_time":
        print("\n".join(line for run in runs for line in time_lines(run)))
        return
    if not 0 <= args.smooth < 1:
        raise ConfigError(f"--smooth {args.smooth}: the weight of the past must be in [0, 1)")
    draw_curves(runs, args.keys, args.out, args.smooth)
    for run in runs:
        last = {key: run.curve(key)[1][-1] for key in args.keys if key in run.keys}
        print(f"{run.name}: last " + ", ".join(f"{key} {value:.4g}" for key, value in last.items()))
    print(f"curves: {args.out}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
