"""The check of losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ContractError
from mmsync.registry import LOSSES
from mmsync.testing.parts import Component, maker, name_of, require, same
from mmsync.testing.ranks import on_ranks


def check_loss(
    component: Component, *inputs: Tensor, shared: Sequence[int] = (), ranks: int = 2, atol: float = 1e-8
) -> None:
    """Check a loss of tensors ``(N, ...)``.

    It gives a finite scalar, repeats itself, leaves its inputs alone, and gives a gradient to at least one of them. On
    several processes, each with its part of the rows, the mean of the losses and the gradient after DDP's averaging
    equal those of one process with all rows.

    Args:
        component: The loss, its config, or a function that makes it.
        inputs: What it is called with; default: two random embeddings ``(8, 5)``. N has to be a multiple of ``ranks``.
        shared: Positions of inputs that every process has whole, such as a queue.
        ranks: Processes; 1 leaves out this part, for a loss that is not meant for several.
        atol: Largest difference between one process and several, in float64.

    Raises:
        ContractError: It does not.
    """
    loss = maker(component, LOSSES)()
    name, given = name_of(loss), tuple(inputs)
    if not given:
        generator = torch.Generator().manual_seed(0)
        given = tuple(torch.randn(8, 5, generator=generator) for _ in range(2))
    wide = [x.double() if x.is_floating_point() else x for x in given]
    value, gradients = _value_and_gradients(loss, wide)
    require(value.dim() == 0, name, f"returns {tuple(value.shape)}; a loss is a scalar, for instance a mean over N")
    require(torch.isfinite(value), name, f"is {float(value)} for ordinary inputs")
    learns = [g is not None and bool(g.abs().sum() > 0) for g in gradients]
    require(any(learns), name, "gives no gradient to any input; is it computed under no_grad, or detached?")
    bad = [i for i, g in enumerate(gradients) if g is not None and not torch.isfinite(g).all()]
    require(not bad, name, f"the gradient of input {bad[:1]} is not finite")
    require(same(value, _value_and_gradients(loss, wide)[0]), name, "gives another value for the same inputs")
    if ranks > 1:
        _check_ranks(loss, name, wide, value, gradients, shared, ranks, atol)


def _value_and_gradients(loss: Callable[..., Any], inputs: Sequence[Tensor]) -> tuple[Tensor, list[Optional[Tensor]]]:
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    value = loss(*leaves)
    name = name_of(loss)
    require(isinstance(value, Tensor), name, f"returns {type(value).__name__}; a loss is a tensor")
    require(all(map(same, leaves, inputs)), name, "changes its inputs")
    if value.dim() == 0 and value.requires_grad:
        value.backward()
    return value.detach(), [x.grad for x in leaves]


def _check_ranks(
    loss: nn.Module, name: str, inputs: Sequence[Tensor], value: Tensor, gradients: Sequence[Optional[Tensor]],
    shared: Sequence[int], ranks: int, atol: float,
) -> None:  # fmt: skip
    def run(rank: int) -> tuple[Tensor, list[Optional[Tensor]]]:
        parts = [x if i in shared else x.tensor_split(ranks)[rank] for i, x in enumerate(inputs)]
        return _value_and_gradients(loss, parts)

    try:
        found = on_ranks(run, size=ranks)
    except Exception as error:  # of torch's launcher, with the traceback of the process in its text
        raise ContractError(f"{name}: does not run on {ranks} processes: {str(error).strip()[-600:]}") from error
    mean = torch.stack([one for one, _ in found]).mean()
    advice = "gather the negatives with mmsync.ops.dist.all_gather(x, with_grad=True), sum with all_reduce_sum"
    text = f"the mean over {ranks} processes is {float(mean):.6g}, of one process {float(value):.6g}; {advice}"
    require(torch.allclose(mean, value, atol=atol, rtol=0), name, text)
    for i, whole in enumerate(gradients):
        pieces = [part[i] for _, part in found]
        if whole is None or i in shared:
            continue
        alike = all(piece is not None for piece in pieces)
        alike = alike and torch.allclose(torch.cat(pieces) / ranks, whole, atol=atol, rtol=0)
        text = f"the gradient of input {i} on {ranks} processes, averaged, is not that of one process; {advice}"
        require(alike, name, text)
