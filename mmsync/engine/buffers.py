"""Agreement of all ranks on the buffers of a model."""

from __future__ import annotations

from itertools import chain

import torch
from mmengine.dist import all_reduce, broadcast, get_world_size
from torch import Tensor, nn


@torch.no_grad()
def synchronize_buffers(model: nn.Module) -> None:
    """Make every buffer bit-identical on all ranks; every rank has to call this.

    In training, each rank updates the running statistics of its batch norms from its own clips. They become those of
    the clips of all ranks, by the law of total variance over R ranks::

        mean = 1/R sum_r mean_r,    var = 1/R sum_r (var_r + (mean_r - mean)^2)

    Methods themselves keep all other buffers (queues, pointers, counters) the same on every rank; they are taken from
    rank 0, as a checkpoint would. Where the ranks agree already, nothing changes.

    Args:
        model: The model, not wrapped.
    """
    if get_world_size() == 1:
        return
    means, variances = _running_statistics(model)
    if means:
        own_mean, own_var = _flat(means), _flat(variances)
        mean = own_mean.clone()
        all_reduce(mean, "mean")
        var = own_var + (own_mean - mean).square()
        all_reduce(var, "mean")
        sizes = [buffer.numel() for buffer in means]
        for buffer, value in zip(chain(means, variances), chain(mean.split(sizes), var.split(sizes))):
            buffer.copy_(value.view_as(buffer))
    for buffer in model.buffers():
        broadcast(buffer)


def _running_statistics(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The ``running_mean`` and ``running_var`` of all normalisation layers that track them."""
    pairs = [(getattr(m, "running_mean", None), getattr(m, "running_var", None)) for m in model.modules()]
    tracked = [(mean, var) for mean, var in pairs if isinstance(mean, Tensor) and isinstance(var, Tensor)]
    return [mean for mean, _ in tracked], [var for _, var in tracked]


def _flat(buffers: list[Tensor]) -> Tensor:
    """One float64 vector: equal float32 values then have exactly themselves as mean, for any number of ranks."""
    return torch.cat([buffer.double().flatten() for buffer in buffers])
