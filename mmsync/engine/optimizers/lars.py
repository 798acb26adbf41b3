"""LARS (You et al., 2017, Large Batch Training of Convolutional Networks)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class LARS(torch.optim.Optimizer):
    """SGD with momentum that scales the step of each weight by the norm of the weight.

    Tensors of two or more axes have ``g <- r (g + wd w)`` with ``r = trust |w| / (|g| + wd |w| + eps)``. Biases and
    normalisation weights, which have one axis, use plain SGD without weight decay. Then ``v <- m v + g`` and
    ``w <- w - lr v``.

    Args:
        params: Parameters or groups.
        lr: Learning rate, above 0.
        momentum: m, in [0, 1).
        weight_decay: wd, at least 0.
        trust_coefficient: trust, above 0.
        eps: Added to the denominator.
        nesterov: Use Nesterov momentum: ``w <- w - lr (g + m v)``.

    Raises:
        ConfigError: A number is out of its range.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 0.3,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust_coefficient: float = 1e-3,
        eps: float = 1e-8,
        nesterov: bool = False,
    ) -> None:
        if not (lr > 0 and 0 <= momentum < 1 and weight_decay >= 0 and trust_coefficient > 0):
            raise ConfigError(
                f"LARS: lr={lr} and trust_coefficient={trust_coefficient} must be above 0, momentum={momentum} in "
                f"[0, 1) and weight_decay={weight_decay} at least 0"
            )
        options = dict(momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient)
        super().__init__(params, dict(lr=lr, **options, eps=eps, nesterov=nesterov))

    @torch.no_grad()
    def step(self, closure: Optional[Callable] = None) -> Any:
        """Perform a step, for all tensors of a group together."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads = self._scaled([p for p in params if p.dim() > 1], group)
            grads = [grads.pop(0) if p.dim() > 1 else p.grad for p in params]
            for p in params:
                if "momentum_buffer" not in self.state[p]:
                    self.state[p]["momentum_buffer"] = torch.zeros_like(p)
            velocity = [self.state[p]["momentum_buffer"] for p in params]
            torch._foreach_mul_(velocity, group["momentum"])
            torch._foreach_add_(velocity, grads)
            step = torch._foreach_add(grads, velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
            torch._foreach_add_(params, step, alpha=-group["lr"])
        return loss

    @staticmethod
    def _scaled(params: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        """Gradients with weight decay, multiplied by their trust ratios."""
        if not params:
            return []
        decay = group["weight_decay"]
        grads = [p.grad for p in params if p.grad is not None]
        sizes, slopes = torch._foreach_norm(params), torch._foreach_norm(grads)
        ratios = [
            group["trust_coefficient"] * size / (slope + decay * size + group["eps"])
            for size, slope in zip(sizes, slopes)
        ]
        return list(torch._foreach_mul(torch._foreach_add(grads, params, alpha=decay), ratios))
