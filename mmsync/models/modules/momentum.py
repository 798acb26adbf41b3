"""Momentum encoder (He et al., 2020, MoCo, eq. 2)."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import nn

from mmsync.errors import ConfigError


class MomentumEncoder(BaseModule):
    """Exponential moving average of another module's parameters, without gradient.

    Buffers, such as batch statistics, are not averaged but those of its own forward passes, as published.

    Args:
        online: Module to average; it is copied.
        momentum: Weight of the previous value, in [0, 1].
        copy_init: Whether to start equal to the online module once the weights are initialised; else it is initialised
            independently, as in AimCLR's released code.

    Raises:
        ConfigError: A momentum outside [0, 1].
    """

    def __init__(self, online: nn.Module, momentum: float = 0.999, copy_init: bool = True) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ConfigError(f"model.momentum={momentum}: the moving average needs a number in [0, 1]")
        self.module: Any = copy.deepcopy(online).requires_grad_(False)
        self.momentum = momentum
        self.copy_init = copy_init

    @torch.no_grad()
    def follow_init(self, online: nn.Module) -> None:
        """Copy all parameters and buffers if ``copy_init``; called after the weights are initialised."""
        if self.copy_init:
            self.module.load_state_dict(online.state_dict())

    @torch.no_grad()
    def update(self, online: nn.Module) -> None:
        """Update ``theta_k <- m theta_k + (1 - m) theta_q`` in one fused pass over all parameters."""
        torch._foreach_lerp_(list(self.module.parameters()), list(online.parameters()), 1 - self.momentum)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module's forward pass without gradient."""
        with torch.no_grad():
            return self.module(*args, **kwargs)


def cosine_momentum(start: float, progress: float) -> float:
    """Momentum ``1 - (1 - start) (cos(pi progress) + 1) / 2``, rising to 1 (Grill et al., 2020, BYOL, section 3.2)."""
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2
