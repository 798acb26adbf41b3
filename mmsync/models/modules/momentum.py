"""Momentum encoder and memory queue (He et al., 2020, MoCo)."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather


class MomentumEncoder(BaseModule):
    """Exponential moving average of another module's parameters, without gradient.

    Buffers, such as batch statistics, are not averaged but those of its own forward passes, as published.

    Args:
        online: Module to average; it is copied.
        momentum: Weight of the previous value, in [0, 1].
        copy_init: Whether to start equal to the online module once the weights are initialized; else it is initialized
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
        """Copy all parameters and buffers if ``copy_init``; called after the weights are initialized."""
        if self.copy_init:
            self.module.load_state_dict(online.state_dict())

    def fit_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """A checkpoint's weights; of one without a momentum encoder, whose ``encoder`` both begin with, for both."""
        if any(key.startswith(prefix) for key in state_dict):
            return state_dict
        online = {f"{prefix}module.{k[8:]}": v for k, v in state_dict.items() if k.startswith("encoder.")}
        return {**state_dict, **online}

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


class MemoryQueue(nn.Module):
    """Ring buffer of ``size`` unit keys ``(dim, size)``, the same on every rank; at least the global batch."""

    keys: Tensor
    pointer: Tensor

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(dim, size), dim=0))
        self.register_buffer("pointer", torch.zeros(1, dtype=torch.long))

    @property
    def size(self) -> int:
        """K."""
        return self.keys.shape[1]

    def snapshot(self) -> Tensor:
        """Copy of the keys ``(D, K)``, which a later enqueue does not change before the loss's backward pass."""
        return self.keys.clone()

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Replace the oldest entries by the unit rows ``(N, D)`` of all ranks; a ConfigError if they are too many."""
        keys = all_gather(keys)
        if len(keys) > self.size:
            raise ConfigError(
                f"queue_size={self.size} is smaller than the global batch of {len(keys)}; raise model.queue_size or "
                "lower train_dataloader.batch_size"
            )
        slots = (self.pointer + torch.arange(len(keys), device=keys.device)) % self.size
        self.keys[:, slots] = keys.T.to(self.keys.dtype)
        self.pointer.copy_((self.pointer + len(keys)) % self.size)
