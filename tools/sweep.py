"""Train a grid of configs, overrides and seeds, or a search, and collect one table of results.

``mmsync sweep CONFIG --set optim_wrapper.optimizer.lr=0.1,0.05 --seeds 0 1 --protocols linear knn``

``mmsync sweep CONFIG --set stream=joint,bone,motion --protocols linear --fuse aimclr`` trains the streams
of a config, evaluates each, and fuses their scores; the table has a row for each stream and one for the fusion.

The same command continues an interrupted sweep, and repeats failed runs.
"""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial
from typing import Any

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.fileio import CONFIGS, TOOLS

PROTOCOLS = CONFIGS / "benchmarks"
OF_SWEEP = {
    "work_dir": "--work-dir",
    "launcher": "--launcher",
    "resume": "the checkpoints in the folder of a run",
    "randomness.seed": "--seeds",
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG", help="config files")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        dest="axes",
        metavar="KEY=V1,V2",
        help="an axis of the grid: values of a key, in brackets if they contain commas ([1,2],[3]); "
        "for a search also a range, KEY=LOW:HIGH or KEY=LOW:HIGH:log",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="seeds of every setting (default: 0)")
    parser.add_argument(
        "--protocols",
        nargs="+",
        default=[],
        metavar="NAME",
        help="protocols of mmsync benchmark for the last checkpoint",
    )
    parser.add_argument(
        "--fuse",
        metavar="WEIGHTS",
        help="add the fusion of the streams of --set stream=..., by published weights (aimclr, pyskl) or equal",
    )
    parser.add_argument("--work-dir", default="work_dirs/sweep", help="folder of all runs (default: work_dirs/sweep)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="settings of all runs")
    parser.add_argument("--jobs", type=int, help="parallel runs (default: one per GPU, or one; SLURM: 16)")
    parser.add_argument("--gpus", nargs="+", default=["auto"], help="indices of GPUs, or auto for all visible ones")
    parser.add_argument("--launcher", choices=["local", "slurm"], default="local")
    parser.add_argument(
        "--slurm",
        nargs="+",
        action=KeyValue,
        metavar="KEY=VALUE",
        help="resources of a job by submitit's names, for instance timeout_min=600 gpus_per_node=1",
    )
    parser.add_argument("--search", choices=["optuna"], help="search over settings, instead of a grid")
    parser.add_argument("--trials", type=int, help="total settings of a search, including former calls")
    parser.add_argument("--metric", help="result that a search maximizes (default: the first)")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything and list the runs without starting them"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def check_args(args: argparse.Namespace, axes: dict[str, Any]) -> None:
    """Refuse options that contradict each other.

    Raises:
        ConfigError: The first problem.
    """
    from mmsync.errors import ConfigError

    for flag in ("jobs", "trials"):
        if getattr(args, flag) is not None and getattr(args, flag) < 1:
            raise ConfigError(f"--{flag} {getattr(args, flag)}: must be 1 or more")
    if bool(args.search) != bool(args.trials):
        raise ConfigError("--search optuna and --trials N belong together")
    if args.metric and not args.search:
        raise ConfigError("--metric: is for --search optuna")
    if args.slurm and args.launcher != "slurm":
        raise ConfigError("--slurm: is for --launcher slurm")
    if args.gpus != ["auto"] and args.launcher == "slurm":
        raise ConfigError("--gpus: is for --launcher local; for SLURM use --slurm gpus_per_node=1")
    options = args.cfg_options or {}
    for key, values in axes.items():
        if isinstance(values, tuple) and not args.search:
            raise ConfigError(f"--set {key}: a range is for --search optuna; for a grid list the values, V1,V2")
        if key in options:
            raise ConfigError(f"{key}: is in --set and in --cfg-options; leave it out of one")
    for key, what in OF_SWEEP.items():
        if key in axes or key in options:
            raise ConfigError(f"{key}: the sweep sets it, by {what}; leave it out of --set and --cfg-options")


def main(args: argparse.Namespace) -> None:
    from mmsync.sweep import LocalPool, Search, SlurmPool, Sweep, grid, load_protocols, make_setting, parse_space
    from mmsync.sweep.run import stream_key

    axes = parse_space(args.axes)
    check_args(args, axes)
    options = args.cfg_options or {}
    protocols, names = load_protocols(args.protocols, PROTOCOLS)
    fuse = (stream_key(axes, args.protocols, args.fuse), args.fuse) if args.fuse else None
    sweep = Sweep(args.work_dir, TOOLS, args.seeds, names, fuse)
    search = None
    if args.search:
        make = partial(make_setting, options=options, protocols=protocols)
        file = sweep.work_dir / "optuna.sqlite"
        search = Search(file, make, args.configs, axes, args.trials, args.metric, args.seeds)
        settings, count = [], args.trials
    else:
        settings = grid(args.configs, axes, options, protocols)
        count = len(settings)
    if args.launcher == "slurm":
        pool = SlurmPool(sweep.work_dir / "slurm", args.jobs or 16, args.slurm or {})
    else:
        pool = LocalPool(args.jobs, parse_gpus(args.gpus))
    if args.dry_run:
        jobs = [job for setting in settings for job in sweep.jobs(setting)]
        lines = [f"{job.state():<12}{job}: {job.folder}" for job in jobs] or [
            f"a search of {count} trials in {sweep.work_dir}"
        ]
        print("\n".join(lines))
        return
    for sign in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) == signal.SIG_DFL:
            signal.signal(sign, signal.default_int_handler)  # stops the children as Ctrl-C does
    with sweep.alone():
        print(f"runs in {sweep.work_dir}; each writes its output to <setting>/seed_<n>/train.log", flush=True)
        try:
            if search is not None:
                count = search.start()
                settings = search.settings()
            sweep.run(pool, settings, count, search.report if search else None)
        except KeyboardInterrupt:
            print("\nstopped; the same command continues from the last checkpoints", file=sys.stderr)
            raise
        finally:
            table = sweep.write(search.metric if search else None)
            if table:
                print(f"\nlast epoch, mean ± standard deviation over seeds\n\n{table}\n")
                print(f"results      {sweep.work_dir / 'results.json'}, table.md")
    failures = {**sweep.failures, **(search.failures if search else {})}
    if failures:
        text = "\n\n".join(f"{name}: {error}" for name, error in failures.items())
        print(f"\n{len(failures)} failed; the same command repeats them\n\n{text}", file=sys.stderr)
        sys.exit(1)


def parse_gpus(texts: list[str]) -> list[int] | None:
    """Indices of GPUs; None for ``auto``."""
    from mmsync.errors import ConfigError

    if texts == ["auto"]:
        return None
    if not all(text.isdigit() for text in texts):
        raise ConfigError(f"--gpus {' '.join(texts)}: write numbers, as in --gpus 0 1, or auto")
    return [int(text) for text in texts]


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
