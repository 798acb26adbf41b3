"""A schedule that multiplies the rate of each parameter group."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler

from mmsync.errors import ConfigError
from mmsync.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    """Cosine warm-up to each group's own rate, then cosine decay: a factor of ``lr``, the peak.

    Of ``n = end - begin`` steps, the first ``w = warmup * n`` rise along half a cosine from ``start_factor`` to 1, and
    the others fall along half a cosine to ``end_factor`` (Loshchilov and Hutter, 2017, eq. 5; the curve is that of
    ``OneCycleLR``, Smith and Topin, 2018). As a factor it keeps what sets rates: ``optimizer.lr``, ``lr_mult``, layer
    decay, ``auto_scale_lr``, and other factors such as ``LinearLR``. Unlike ``OneCycleLR`` it has no rate of its own.

    Args:
        optimizer: The optimizer or its wrapper.
        warmup: Share of the steps for the warm-up, in [0, 1).
        start_factor: Factor of the first step, in (0, 1].
        end_factor: Factor of the last step, in (0, 1].
        begin: First epoch or iteration of the schedule.
        end: Epoch or iteration after its last one; the runner fills in the length of the training.
        last_step: The step before the first, to continue a schedule without its state.
        by_epoch: Whether steps are epochs; with ``convert_to_iter_based=True`` the rate changes every iteration.
        verbose: Whether to print each value.

    Raises:
        ConfigError: A number is out of its range.
    """

    def __init__(
        self, optimizer: Any, warmup: float = 0.1, start_factor: float = 0.04, end_factor: float = 4e-6, begin: int = 0,
        end: int = INF, last_step: int = -1, by_epoch: bool = True, verbose: bool = False,
    ) -> None:  # fmt: skip
        for problem in self.check_config(dict(warmup=warmup, start_factor=start_factor, end_factor=end_factor), ""):
            raise ConfigError(f"WarmupCosineLR: {problem}")
        if end >= INF or begin >= end:
            what = f"{'epochs' if by_epoch else 'iterations'}, above begin={begin}"
            raise ConfigError(f"WarmupCosineLR: end={end}: give the number of {what}")
        self.warmup, self.start_factor, self.end_factor = warmup, start_factor, end_factor
        self.total_steps = end - begin
        super().__init__(optimizer, begin=begin, end=end, last_step=last_step, by_epoch=by_epoch, verbose=verbose)

    @staticmethod
    def check_config(cfg: dict[str, Any], path: str) -> list[str]:
        """Numbers out of their ranges."""
        found = []
        numbers = {key: value for key, value in cfg.items() if isinstance(value, (int, float))}
        if not 0 <= numbers.get("warmup", 0) < 1:
            found.append(f"warmup={cfg['warmup']} is a share of the steps; give 0 or more and less than 1")
        for key in ("start_factor", "end_factor"):
            if not 0 < numbers.get(key, 1) <= 1:
                found.append(f"{key}={cfg[key]} is a share of the optimizer's lr; give more than 0 and at most 1")
        return found

    @classmethod
    def build_iter_from_epoch(
        cls, optimizer: Any, begin: int = 0, end: int = INF, by_epoch: bool = True, epoch_length: int = 0, **kwargs: Any
    ) -> WarmupCosineLR:
        """Build a schedule by iterations from one by epochs of ``epoch_length`` iterations."""
        if not by_epoch or epoch_length < 1:
            raise ConfigError(
                "WarmupCosineLR: convert_to_iter_based needs by_epoch=True and a data loader with a length"
            )
        end = int(end * epoch_length) if end < INF else end
        return cls(optimizer, begin=int(begin * epoch_length), end=end, by_epoch=False, **kwargs)

    def factor(self, step: int) -> float:
        """Rate of a step, from 0 on, over the group's own."""
        peak = self.warmup * self.total_steps - 1  # below 0 if the warm-up is shorter than a step, as in OneCycleLR
        if step < peak:
            return _half_cosine(self.start_factor, 1.0, step / peak)
        return _half_cosine(1.0, self.end_factor, (step - peak) / (self.total_steps - 1 - peak))

    def _get_value(self) -> list[float]:
        """Multiply by the ratio to the step before, as MMEngine's chainable schedulers do."""
        step = self.last_step
        ratio = self.factor(step) / (self.factor(step - 1) if step > 0 else 1.0)
        return [group[self.param_name] * ratio for group in self.optimizer.param_groups]


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
