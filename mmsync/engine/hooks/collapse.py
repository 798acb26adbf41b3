"""Warning about collapsed features."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from mmsync.errors import ConfigError, MMSyncError
from mmsync.registry import HOOKS


@HOOKS.register_module()
class CollapseMonitorHook(Hook):
    """Warns when all clips have nearly the same feature, which a contrastive loss does not show.

    Args:
        min_std: Smallest mean standard deviation of L2-normalized features ``(N, D)``; evenly spread: ``1 / sqrt(D)``.
        min_rank: Smallest effective rank; 1 is a single direction.
        watch: Smallest values of scalars that the method logs, for instance ``dict(queue_std=0.005)``.
        interval: Iterations between checks of ``watch`` and the loss.
        stop: Stop training at the first warning.
    """

    priority = "LOW"

    def __init__(
        self, min_std: float = 0.002, min_rank: float = 2.0, watch: Optional[dict[str, float]] = None,
        interval: int = 50, stop: bool = False,
    ) -> None:  # fmt: skip
        self.limits = {"collapse/std": min_std, "collapse/effective_rank": min_rank}
        self.watch = watch or {}
        self.interval = interval
        self.stop = stop
        self.alarms = 0

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Check the loss and the method's own values."""
        if not self.every_n_train_iters(runner, self.interval) or not outputs:
            return
        loss = _number(outputs.get("loss", 0.0))
        if not math.isfinite(loss):
            raise MMSyncError(
                f"the loss is {loss} at iteration {runner.iter + 1}: lower the learning rate, clip the gradient "
                "(optim_wrapper.clip_grad=dict(max_norm=1)), or look for NaN in the data with mmsync check_data"
            )
        if unknown := [key for key in self.watch if key not in outputs]:
            logged = ", ".join(outputs)
            raise ConfigError(f"CollapseMonitorHook.watch: the model logs no {unknown[0]!r}; it logs {logged}")
        self._check(runner, {key: _number(outputs[key]) for key in self.watch}, self.watch)

    def after_val_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Check the features."""
        found = {key: metrics[key] for key in self.limits if key in metrics} if metrics else {}
        self._check(runner, found, self.limits)

    def _check(self, runner: Any, values: dict[str, float], limits: dict[str, float]) -> None:
        low = [f"{key} {value:.4g} < {limits[key]:.4g}" for key, value in values.items() if value < limits[key]]
        if not low:
            return
        self.alarms += 1
        runner.logger.warning(
            f"collapse: {', '.join(low)} at epoch {runner.epoch}: the encoder maps nearly all clips to one feature. "
            "Usual causes: a learning rate that is too high, views that differ too little or too much, a queue that is "
            "too short, or nearest-neighbor mining as published (AimCLR's mining_epoch)."
            + (" Training stops here." if self.stop else "")
        )
        if self.stop and isinstance(runner._train_loop, BaseLoop):
            runner.train_loop.stop_training = True


def _number(value: Any) -> float:
    """A logged value; the loss comes with its graph, which ``float`` alone warns of."""
    return float(value.detach() if isinstance(value, torch.Tensor) else value)
