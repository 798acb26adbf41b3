"""CPU time of a training."""

from __future__ import annotations

import time
from typing import Any

from mmengine.hooks import Hook

from mmsync.registry import HOOKS


@HOOKS.register_module()
class CPUTimeHook(Hook):
    """Record the CPU time of training, in seconds over all threads of the process, to compare methods at equal cost.

    Checkpoints have pairs of the iterations done and the seconds until then, after each pass over the data, as the list
    ``cpu_seconds`` in the ``runtime_info`` of their ``message_hub``. Validation, and workers of data loaders, do not
    count. A run that was stopped within a pass loses the time since the last one.
    """

    priority = "NORMAL"

    def before_train(self, runner: Any) -> None:
        """Start the timer, and go on from the time of a resumed run."""
        records = runner.message_hub.get_info("cpu_seconds", [])
        self.seconds, self.mark = records[-1][1] if records else 0.0, time.process_time()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Count an iteration; store the seconds at the end of a pass."""
        now = time.process_time()
        self.seconds, self.mark = self.seconds + now - self.mark, now
        done = runner.iter + 1
        if done % len(runner.train_dataloader) == 0 or done == runner.max_iters:
            records = runner.message_hub.get_info("cpu_seconds", [])
            runner.message_hub.update_info("cpu_seconds", [*records, [done, self.seconds]])

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        """Leave out the time of validation."""
        self.mark = time.process_time()
