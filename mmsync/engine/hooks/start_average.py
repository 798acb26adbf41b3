"""Evaluate and save weights between those that a training starts from and those that it has reached."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseAveragedModel
from torch import nn

from mmsync.errors import ConfigError
from mmsync.registry import HOOKS


class StartAverage(BaseAveragedModel):
    """``(1 - share)`` times the weights of the start, and ``share`` times those of now; buffers are averaged, too."""

    def __init__(self, model: nn.Module, share: float) -> None:
        super().__init__(model, update_buffers=True)
        self.share, self.start = share, deepcopy(self.module)

    def begin(self, model: nn.Module) -> None:
        """Take the weights of a model as the start."""
        self.start.load_state_dict(model.state_dict())
        self.module.load_state_dict(model.state_dict())

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Set the weights for those of ``model``."""
        start, now = self.start.state_dict(), model.state_dict()
        for name, value in self.avg_parameters.items():
            value.copy_(start[name].lerp(now[name], self.share) if value.is_floating_point() else now[name])
        self.steps += 1


@HOOKS.register_module()
class StartAverageHook(EMAHook):
    """Evaluate and save weights between those of the start and those of now (Wortsman et al., WiSE-FT, 2022).

    A model that is trained on from good weights on few clips gains on these and forgets some of the rest; the middle
    keeps most of both. As with ``EMAHook``, a checkpoint's ``state_dict`` are these weights, and training resumes from
    its own.

    Cost: two copies of the model in memory, and one pass over its weights an iteration.

    Args:
        share: Of the weights of now, in (0, 1]; 1: the training as it is.

    Raises:
        ConfigError: ``share`` is out of its range.
    """

    def __init__(self, share: float = 0.5) -> None:
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise ConfigError(f"StartAverageHook: share={share!r}; give a number above 0, at most 1")
        super().__init__(ema_type=StartAverage, share=share)  # type: ignore[arg-type]

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Of a run that is resumed; other weights are those of the start."""
        if runner._resume and "ema_state_dict" in checkpoint:
            super().after_load_checkpoint(runner, checkpoint)

    def before_train(self, runner: Any) -> None:
        """Remember the start, unless it was resumed."""
        super().before_train(runner)
        if self.ema_model.steps == 0:
            self.ema_model.begin(self.src_model)
