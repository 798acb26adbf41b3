"""L-BFGS for many small problems at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def minimize(
    function: Callable[[Tensor], Tensor], start: Tensor, steps: int = 40, history: int = 10, halvings: int = 12
) -> Tensor:
    """Minimize B independent functions by L-BFGS (Nocedal and Wright, 2006, algorithms 7.4 and 3.1).

    ``torch.optim.LBFGS`` on the sum of the functions would share one step length, so that a result would depend on the
    rest of the batch. Here each row has its own curvature pairs and halves its own step until it decreases enough.
    Every step evaluates all rows, two or three times as a rule; memory: ``2 * history * B * n`` numbers.

    Args:
        function: Values ``(B,)`` of arguments ``(B, n)``; differentiable, row b depends on row b alone.
        start: ``(B, n)``, first arguments.
        steps: Iterations.
        history: Curvature pairs that are kept.
        halvings: Largest number of halvings of a step; a row that then does not decrease stays where it is.

    Returns:
        Tensor: ``(B, n)``, detached; no row is worse than at the start.
    """

    def evaluate(x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = function(x)
            return value.detach(), torch.autograd.grad(value.sum(), x)[0]

    with torch.no_grad():
        x = start.detach()
        value, grad = evaluate(x)
        scale = 1 / grad.abs().sum(1, keepdim=True).clamp(min=1)
        pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        for _ in range(steps):
            direction = _direction(grad, pairs, scale)
            length = _step_length(function, x, value, direction, (grad * direction).sum(1), halvings)
            step = torch.where(length > 0, length * direction, 0)  # a direction may overflow
            x, before = x + step, grad
            value, grad = evaluate(x)
            change = grad - before
            curvature, size = (step * change).sum(1, keepdim=True), change.square().sum(1, keepdim=True)
            useful = curvature > 1e-10 * size  # else the pair counts nothing
            scale = torch.where(useful, curvature / size, scale)
            pairs = [*pairs[-history + 1 :], (step, change, torch.where(useful, 1 / curvature, 0))]
        return x


def _direction(grad: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]], scale: Tensor) -> Tensor:
    """Quasi-Newton direction ``(B, n)``: the two loops over steps, changes of the gradient and inverse curvatures."""
    q, shares = grad, []
    for step, change, inverse in reversed(pairs):
        shares.append(inverse * (step * q).sum(1, keepdim=True))
        q = q - shares[-1] * change
    q = q * scale
    for (step, change, inverse), share in zip(pairs, reversed(shares)):
        q = q + (share - inverse * (change * q).sum(1, keepdim=True)) * step
    return -q


def _step_length(
    function: Callable[[Tensor], Tensor], x: Tensor, value: Tensor, direction: Tensor, slope: Tensor, halvings: int
) -> Tensor:
    """First of 1, 1/2, 1/4, ... whose step decreases each row enough (Armijo), 0 if none does; ``(B, 1)``."""
    length = torch.ones_like(value)
    for _ in range(halvings):
        enough = function(x + length[:, None] * direction) <= value + 1e-4 * length * slope
        if enough.all():
            break
        length = torch.where(enough, length, length / 2)
    return (length * enough)[:, None]
