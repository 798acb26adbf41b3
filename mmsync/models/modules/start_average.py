"""Weights between those that a training starts from and those that it has reached."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from mmengine.model import BaseAveragedModel
from torch import nn

from mmsync.errors import ConfigError
from mmsync.registry import MODELS


@MODELS.register_module()
class StartAverage(BaseAveragedModel):
    """Between the weights at the start and those of now; for ``EMAHook(ema_type=...)`` (Wortsman et al., 2022).

    A model that is trained on from good weights on few clips gains on these and forgets some of the rest; the middle
    keeps most of both. The start are the weights after the first iteration, whose rate is that of a warm-up. Numbers
    that are no parameters, such as running means, are averaged too.

    Cost: two copies of the model in memory, and one pass over its weights an iteration.

    Args:
        model: The model that is trained.
        share: Of the weights of now, in (0, 1]; 1 leaves them as they are.

    Raises:
        ConfigError: ``share`` is out of its range.
    """

    def __init__(self, model: nn.Module, share: float = 0.5, **kwargs: Any) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"StartAverage: share={share!r}; give a number above 0, at most 1")
        super().__init__(model, update_buffers=True, **kwargs)
        self.share, self.start = share, deepcopy(self.module)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Set the weights; the first time, remember those of ``model`` as the start."""
        if self.steps == 0:
            self.start.load_state_dict(model.state_dict())
        start, now = self.start.state_dict(), model.state_dict()
        for name, value in self.avg_parameters.items():
            value.copy_(start[name].lerp(now[name], self.share) if value.is_floating_point() else now[name])
        self.steps += 1
