"""Agreement of all ranks on the buffers of a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from mmengine.dist import all_reduce, broadcast, get_world_size
from torch import Tensor, nn


@torch.no_grad()
def synchronize_buffers(model: nn.Module) -> None:
    """Make every buffer of a model (not wrapped) bit-identical on all ranks; every rank has to call this.

    Running statistics become those of the clips of all R ranks; all other buffers are taken from rank 0::

        mean = 1/R sum_r mean_r,    var = 1/R sum_r (var_r + (mean_r - mean)^2)
    """
    if get_world_size() == 1:
        return
    pairs = [(getattr(m, "running_mean", None), getattr(m, "running_var", None)) for m in model.modules()]
    if tracked := [(mean, var) for mean, var in pairs if isinstance(mean, Tensor) and isinstance(var, Tensor)]:
        means, variances = zip(*tracked)
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


def _flat(buffers: Sequence[Tensor]) -> Tensor:
    """One float64 vector: equal float32 values then have exactly themselves as mean, for any number of ranks."""
    return torch.cat([buffer.double().flatten() for buffer in buffers])
