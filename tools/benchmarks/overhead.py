"""Cost of the Runner per iteration: ``python tools/benchmarks/overhead.py CONFIG``.

The config's training step is run by the Runner, hooks included, and by a bare PyTorch loop, on the same model,
preprocessor, optimizer and batches, in alternating blocks of one process. Printed are the medians over the blocks, in
wall time and in CPU time (which other processes on the machine disturb less), and the share of the step.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from mmsync import compat
from mmsync.apis.cli import KeyValue
from mmsync.config import load
from mmsync.engine.runner import MotionRunner


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--blocks", type=int, default=10, help="blocks of each kind")
    parser.add_argument("--iterations", type=int, default=5, help="iterations per block")
    parser.add_argument("--history", type=int, default=0, help="iterations that were logged before, to see old runs")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue)
    return parser.parse_args()


def prepare(config: str, options: dict[str, Any] | None, folder: str) -> MotionRunner:
    """A Runner that stands before its first iteration."""
    cfg = load(config, options)
    cfg.work_dir = folder
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    runner = MotionRunner.from_cfg(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    runner.call_hook("before_run")
    runner._init_model_weights()
    runner.optim_wrapper.initialize_count_status(runner.model, 0, runner.max_iters)
    runner.call_hook("before_train")
    runner.call_hook("before_train_epoch")
    runner.model.train()
    return runner


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runner = prepare(args.config, args.cfg_options, folder)
        model, optimizer = runner.model, runner.optim_wrapper.optimizer
        loader = runner.train_dataloader
        # the same batches for both: a batch with more second persons costs more
        batches = list(itertools.islice(itertools.cycle(itertools.islice(loader, 8)), args.iterations))

        def framework(batch: Any) -> None:
            runner.train_loop._iter %= runner.max_iters - 1  # never the last, which would save a checkpoint
            runner.train_loop.run_iter(runner.iter % len(loader), batch)

        def bare(batch: Any) -> None:
            data = model.data_preprocessor(batch, True)
            losses = model(**data, mode="loss")
            loss = sum(value for name, value in losses.items() if "loss" in name)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        def block(step: Callable[[Any], None]) -> tuple[float, float]:
            wall, cpu = time.perf_counter(), time.process_time()
            for batch in batches:
                step(batch)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            scale = 1e3 / args.iterations
            return (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale

        for step in (framework, bare):
            block(step)
        if args.history:
            for buffer in runner.message_hub.log_scalars.values():
                for _ in range(args.history):
                    buffer.update(0.0)
        compat.bound_history(runner.message_hub, max(2048, len(runner.train_dataloader)))
        times: dict[str, list[tuple[float, float]]] = {"runner": [], "bare": []}
        for _ in range(args.blocks):
            times["runner"].append(block(framework))
            times["bare"].append(block(bare))
    for place, kind in enumerate(("wall", "CPU")):
        ours, theirs = (statistics.median(t[place] for t in times[name]) for name in ("runner", "bare"))
        extra = statistics.median(a[place] - b[place] for a, b in zip(times["runner"], times["bare"]))
        print(
            f"{kind:>4} time per iteration: Runner {ours:.2f} ms, bare loop {theirs:.2f} ms, "
            f"overhead {extra:.2f} ms ({100 * extra / theirs:.1f} %)"
        )


if __name__ == "__main__":
    main()
