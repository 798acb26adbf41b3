"""CPU time of a training."""

from __future__ import annotations

import time
from typing import Any

from mmengine.hooks import Hook

from mmsync.registry import HOOKS


@HOOKS.register_module()
class CPUTimeHook(Hook):
    """Record the CPU time of each epoch, in seconds over all threads of the process, to compare methods at equal cost.

    Checkpoints have them as the list ``cpu_seconds`` in the ``runtime_info`` of their ``message_hub``. Validation, and
    workers of data loaders, do not count. Of an epoch that was resumed in the middle, the part since then counts.
    """

    priority = "NORMAL"

    def before_train_epoch(self, runner: Any) -> None:
        """Start the timer."""
        self.started = time.process_time()

    def after_train_epoch(self, runner: Any) -> None:
        """Store the seconds of this epoch."""
        known = runner.message_hub.get_info("cpu_seconds", [])
        runner.message_hub.update_info("cpu_seconds", [*known, time.process_time() - self.started])
