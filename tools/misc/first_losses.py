#!/usr/bin/env python
"""The first losses of configs, as a table that two versions of the code can be compared by.

    python tools/misc/first_losses.py record before.json CONFIG[,data_root=DIR,...] ... [--iters 30]
    python tools/misc/first_losses.py compare before.json after.json

Every config trains from seed 0 on one process without validation, in a fresh process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="train and write the losses")
    record.add_argument("out", type=Path, help="JSON file; configs that it has already are not run again")
    record.add_argument("configs", nargs="+", help="config files, each optionally as FILE,key=value,key=value")
    record.add_argument("--iters", type=int, default=30)
    one = commands.add_parser("one", help="train one config and print its losses as JSON")
    one.add_argument("config")
    one.add_argument("iters", type=int)
    compare = commands.add_parser("compare", help="print the largest relative difference of each config")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument("--tolerance", type=float, default=1e-5)
    return parser.parse_args()


def losses_of(spec: str, iters: int) -> list[float]:
    """The losses of the first ``iters`` iterations of a config."""
    import torch
    from mmengine.config import DictAction
    from mmengine.hooks import Hook
    from mmengine.registry import init_default_scope

    from mmsync.config import load
    from mmsync.engine.runner import MotionRunner

    class Enough(Exception):
        pass

    class Recorder(Hook):
        priority = "VERY_LOW"
        found: list[float] = []

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            self.found.append(float(outputs["loss"]))
            if len(self.found) == iters:
                raise Enough

    torch.set_num_threads(1)
    file, *options = spec.split(",")
    values = {key: DictAction._parse_iterable(value) for key, value in (option.split("=", 1) for option in options)}
    cfg = load(file, values)
    init_default_scope("mmsync")
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        cfg.randomness = dict(seed=0)
        for key in ("val_dataloader", "val_cfg", "val_evaluator"):
            cfg[key] = None
        cfg.default_hooks = {name: hook for name, hook in cfg.default_hooks.items() if name in ("logger",)}
        runner = MotionRunner.from_cfg(cfg)
        recorder = Recorder()
        runner.register_hook(recorder)
        with contextlib.suppress(Enough):
            runner.train()
    return recorder.found


def record(args: argparse.Namespace) -> None:
    """Run every config in a process of its own."""
    found = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for spec in args.configs:
        file, *options = spec.split(",")
        name = ",".join([Path(file).stem, *(one for one in options if not one.startswith("data_root="))])
        if name in found:
            continue
        command = [sys.executable, __file__, "one", spec, str(args.iters)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{name}:\n{run.stdout[-2000:]}\n{run.stderr[-4000:]}")
        found[name] = json.loads(run.stdout.splitlines()[-1])
        args.out.write_text(json.dumps(found))
        print(f"{name}: {found[name][0]:.6f} ... {found[name][-1]:.6f}", flush=True)


def compare(args: argparse.Namespace) -> int:
    """Print a markdown table; 1 if a config differs by more than the tolerance."""
    before, after = (json.loads(path.read_text()) for path in (args.before, args.after))
    bad = 0
    print("| config | first | last | largest relative difference |\n|---|---|---|---|")
    for name, old in before.items():
        if name not in after:
            print(f"| {name} | | | missing |")
            bad += 1
            continue
        worst = max(abs(a - b) / max(abs(a), 1e-12) for a, b in zip(old, after[name]))
        bad += worst > args.tolerance or len(old) != len(after[name])
        print(f"| {name} | {old[0]:.6f} | {old[-1]:.6f} | {worst:.1e} |")
    return int(bad > 0)


if __name__ == "__main__":
    arguments = parse_args()
    if arguments.command == "record":
        record(arguments)
    elif arguments.command == "one":
        print(json.dumps(losses_of(arguments.config, arguments.iters)))
    else:
        sys.exit(compare(arguments))
