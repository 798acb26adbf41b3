"""MMEngine's loops, with resuming inside an epoch and validation that leaves the random state of training alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional, Union

import torch
from mmengine import runner as upstream
from mmengine.runner.amp import autocast
from mmengine.runner.utils import calc_dynamic_intervals
from torch import nn
from torch.utils.data import DataLoader

from mmsync import compat
from mmsync.engine.buffers import synchronize_buffers
from mmsync.registry import LOOPS
from mmsync.structures import FeatureTable


def _remaining_batches(runner: Any, dataloader: DataLoader, epoch: int, seen: int) -> Iterator[Any]:
    """One pass over the data without its first ``seen`` batches; restores the random states of a resumed run."""
    if hasattr(runner.bare_model, "set_epoch"):  # for what a method schedules by epoch
        runner.bare_model.set_epoch(epoch)
    compat.bound_history(runner.message_hub, max(2048, len(dataloader)))
    sampler = getattr(dataloader.batch_sampler, "sampler", dataloader.sampler)
    skip = getattr(sampler, "skip", None)
    if seen and skip is not None:
        skip(seen * getattr(dataloader.batch_sampler, "batch_size", 1))
    batches = iter(dataloader)
    if seen and skip is None:
        runner.logger.warning(f"{type(sampler).__name__} cannot skip: reading {seen} batches that were trained on")
        for _ in range(seen):
            next(batches, None)
    runner.restore_rng()
    return batches


class _ProgressLoop(upstream.BaseLoop):
    def run_iter(self, *args: Any) -> None:
        """Run an iteration; a method may schedule by the share of the run that is done."""
        if hasattr(self.runner.bare_model, "set_progress"):
            self.runner.bare_model.set_progress(self._iter / self._max_iters)
        super().run_iter(*args)


@LOOPS.register_module()
class EpochBasedTrainLoop(_ProgressLoop, upstream.EpochBasedTrainLoop):
    """Trains for a number of epochs; a resumed run continues inside the interrupted epoch."""

    def run_epoch(self) -> None:
        """Run the rest of the current epoch."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        seen = self.runner.pop_batches_seen()
        batches = _remaining_batches(self.runner, self.dataloader, self._epoch, seen)
        for index, batch in enumerate(batches, start=seen):
            self.run_iter(index, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


@LOOPS.register_module()
class IterBasedTrainLoop(_ProgressLoop, upstream.IterBasedTrainLoop):
    """Trains for a number of iterations, pass after pass over the data.

    Args:
        runner: The Runner.
        dataloader: A data loader or its config.
        max_iters: Total number of iterations.
        val_begin: First iteration after which validation may run.
        val_interval: Iterations between validations.
        dynamic_intervals: ``(iteration, interval)`` pairs: the interval from that iteration on.
    """

    def __init__(
        self, runner: Any, dataloader: Union[DataLoader, dict], max_iters: int, val_begin: int = 1,
        val_interval: int = 1000, dynamic_intervals: Optional[list[tuple[int, int]]] = None,
    ) -> None:  # fmt: skip
        # not MMEngine's __init__, which opens an iterator with workers that would stay idle
        upstream.BaseLoop.__init__(self, runner, dataloader)
        self._max_iters, self._max_epochs = int(max_iters), 1
        self._epoch = self._iter = 0
        self.val_begin, self.val_interval = val_begin, val_interval
        self.stop_training = False
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(val_interval, dynamic_intervals)

    def run(self) -> nn.Module:
        """Train and validate."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        batches = self._endless(self.runner.pop_batches_seen())
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
            if self.runner.val_loop is not None and self._iter >= self.val_begin and due:
                self.runner.val_loop.run()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def _endless(self, seen: int) -> Iterator[Any]:
        epoch, seen = divmod(seen, len(self.dataloader))
        sampler = getattr(self.dataloader.batch_sampler, "sampler", self.dataloader.sampler)
        while True:
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
            yield from _remaining_batches(self.runner, self.dataloader, epoch, seen)
            epoch, seen = epoch + 1, 0


class _GivesTables(upstream.BaseLoop):
    """Hands the table that a model predicts of each batch to the evaluator, without splitting it into samples."""

    mode = "val"

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Predict one batch."""
        self.runner.call_hook(f"before_{self.mode}_iter", batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = getattr(self.runner.model, f"{self.mode}_step")(data_batch)
        if isinstance(outputs, FeatureTable):
            outputs = outputs.detach()
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(f"after_{self.mode}_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs)


@LOOPS.register_module()
class TestLoop(_GivesTables, upstream.TestLoop):
    """Tests with the same buffers on every rank."""

    mode = "test"

    def run(self) -> dict[str, float]:
        """Test."""
        synchronize_buffers(self.runner.bare_model)
        return super().run()


@LOOPS.register_module()
class ValLoop(_GivesTables, upstream.ValLoop):
    """Validates with the same buffers on every rank; random numbers drawn here do not change the training."""

    def run(self) -> dict[str, float]:
        """Validate."""
        synchronize_buffers(self.runner.bare_model)
        with self.runner.training_rng_kept():
            return super().run()
