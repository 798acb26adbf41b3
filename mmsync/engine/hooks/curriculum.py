"""Harder samples as the training goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mmengine.hooks import Hook

from mmsync.errors import ConfigError
from mmsync.registry import HOOKS


@HOOKS.register_module()
class CurriculumHook(Hook):
    """Set the mix of kinds of the training samples by stages (Korbar et al., 2018; Sannigrahi, 2020).

    A stage begins with the first pass over the data at or after its epoch or iteration, because workers read ahead.

    Args:
        stages: ``(first epoch or iteration, mix)`` in order from 0, as ``[(0, dict(easy=3)), (300, dict(hard=1))]``.
        by_epoch: Whether stages count epochs, which are passes over the data, or iterations.

    Raises:
        ConfigError: The stages are not in order, or the first does not begin at 0.
    """

    priority = "NORMAL"

    def __init__(self, stages: Sequence[tuple[int, Mapping[str, float]]], by_epoch: bool = True) -> None:
        self.stages = [(int(begin), dict(mix)) for begin, mix in stages]
        self.by_epoch = by_epoch
        begins = [begin for begin, _ in self.stages]
        if not begins or begins[0] != 0 or begins != sorted(set(begins)):
            unit = "epochs" if by_epoch else "iterations"
            raise ConfigError(f"CurriculumHook: stages begin at {begins}; give rising {unit}, the first 0")
        self._stage: Optional[int] = None

    def before_train(self, runner: Any) -> None:
        """Try all stages, and set the mix of the pass in which the run starts or continues."""
        dataset = runner.train_dataloader.dataset
        if not (hasattr(dataset, "set_mix") and hasattr(dataset, "kinds")):
            name = type(dataset).__name__
            raise ConfigError(f"CurriculumHook: {name} has no mix of kinds; use it with one that has, as PairDataset")
        for _, mix in self.stages:
            for role in dataset.sizes:
                dataset.counts(mix, role)
        self._stage = None
        self._set(runner, runner.iter // len(runner.train_dataloader))

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Set the mix of the next pass after the last iteration of one."""
        done = runner.iter + 1
        number, rest = divmod(done, len(runner.train_dataloader))
        if rest == 0 and done < runner.max_iters:
            self._set(runner, number)

    def _stage_of(self, time: int) -> int:
        return sum(begin <= time for begin, _ in self.stages) - 1

    def _set(self, runner: Any, number: int) -> None:
        """Set the mix of a pass, counted from 0, if a stage begins with it."""
        iteration = number * len(runner.train_dataloader)
        stage = self._stage_of(number if self.by_epoch else iteration)
        if stage != self._stage:
            start = f"epoch {number + 1}" if self.by_epoch else f"iteration {iteration + 1}"
            runner.logger.info(f"curriculum: stage {stage + 1} of {len(self.stages)} from {start} on")
            runner.train_dataloader.dataset.set_mix(self.stages[stage][1])
            self._stage = stage
