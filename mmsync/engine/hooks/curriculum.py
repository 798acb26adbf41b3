"""Harder pairs as the training goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from mmsync.errors import ConfigError
from mmsync.registry import HOOKS


@HOOKS.register_module()
class CurriculumHook(Hook):
    """Sets the mix of kinds of the training pairs by stages (Korbar et al., 2018; Sannigrahi, 2020).

    All stages are tried before the first epoch, so that data that lack a kind stop the run then. The mix is a function
    of the epoch: a resumed run goes on in the right stage. It is written where running workers see it.

    Args:
        stages: ``(first epoch, mix)`` in order, the first from epoch 0 on, for instance ``[(0, dict(positive=1,
            easy=3)), (300, dict(positive=1, easy=1, medium=1, hard=1))]``.

    Raises:
        ConfigError: The stages are not in order, or the first does not begin at 0.
    """

    priority = "NORMAL"

    def __init__(self, stages: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        self.stages = [(int(begin), dict(mix)) for begin, mix in stages]
        begins = [begin for begin, _ in self.stages]
        if not begins or begins[0] != 0 or begins != sorted(set(begins)):
            raise ConfigError(f"CurriculumHook: stages begin at {begins}; give rising epochs, the first 0")

    def mix_of(self, epoch: int) -> dict[str, float]:
        """The mix of an epoch, counted from 0."""
        return next(mix for begin, mix in reversed(self.stages) if begin <= epoch)

    def before_train(self, runner: Any) -> None:
        """Try all stages."""
        dataset = runner.train_dataloader.dataset
        if not hasattr(dataset, "set_mix"):
            raise ConfigError(f"CurriculumHook: {type(dataset).__name__} has no mix of pairs; use it with PairDataset")
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError(
                "CurriculumHook counts epochs; train by them: train_cfg=dict(by_epoch=True, max_epochs=...)"
            )
        for _, mix in self.stages:
            for role in dataset.tables:
                dataset.counts(mix, role)

    def before_train_epoch(self, runner: Any) -> None:
        """Set the mix, if a stage begins here or the run does."""
        mix = self.mix_of(runner.epoch)
        if runner.epoch == 0 or getattr(self, "_set", None) != mix:
            stage = sum(begin <= runner.epoch for begin, _ in self.stages)
            runner.logger.info(f"curriculum: stage {stage} of {len(self.stages)} from epoch {runner.epoch + 1} on")
            runner.train_dataloader.dataset.set_mix(mix)
            self._set = mix
