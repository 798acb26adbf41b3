"""Weight norms in the log: a hook."""

from __future__ import annotations

from typing import Any, Optional

import torch
from mmengine.hooks import Hook

from mmsync.errors import ConfigError
from mmsync.registry import HOOKS


@HOOKS.register_module()
class WeightNormHook(Hook):
    """Logs the L2 norm of the parameters ``(P,)`` of parts of the model, as ``norm/<part>``.

    Args:
        parts: Names of modules of the model, such as ``'encoder.backbone'``.
        interval: Iterations from one value to the next.

    Raises:
        ConfigError: The model has no such part.
    """

    def __init__(self, parts: tuple[str, ...] = ("encoder",), interval: int = 1) -> None:
        self.parts, self.interval = parts, interval

    def before_train(self, runner: Any) -> None:
        """Look the parts up, before anything is trained."""
        known = dict(self._bare(runner).named_modules())
        missing = [part for part in self.parts if part not in known]
        if missing:
            tops = ", ".join(name for name in known if name and "." not in name)
            raise ConfigError(f"WeightNormHook: the model has no part {missing[0]!r}; it has {tops}")

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Optional[dict] = None
    ) -> None:
        """Write the norms to MMEngine's message hub, from which the log is made."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        for part in self.parts:
            parameters = self._bare(runner).get_submodule(part).parameters()
            norm = torch.stack([p.detach().norm() for p in parameters]).norm()
            runner.message_hub.update_scalar(f"train/norm/{part}", norm.item())

    @staticmethod
    def _bare(runner: Any) -> torch.nn.Module:
        """The model without the wrapper of several processes."""
        return getattr(runner.model, "module", runner.model)
