"""Batch normalization with exact statistics on the CPU and, on request, statistics of the global batch."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmsync.errors import ConfigError
from mmsync.ops.batch_norm import batch_norm
from mmsync.ops.dist import world_size


class BatchNorm(_BatchNorm):
    """Batch normalization of ``(R, C, ...)`` by torch; over ranks and for CPU float32 or 64 by ``mmsync.ops``."""

    sync = False
    """Whether to take statistics over all ranks; set by :func:`convert_sync_batchnorm`."""

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() < 2:
            raise ValueError(f"expected at least (R, C), got {tuple(x.shape)}")

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``(R, C, ...)`` over all axes but C."""
        sync = self.sync and world_size() > 1
        exact = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
        if not self.training or not (sync or exact):
            return super().forward(x)
        self._check_input_dim(x)
        weight, bias = (self.weight, self.bias) if self.affine else (x.new_ones(x.shape[1]), x.new_zeros(x.shape[1]))
        out, mean, var, count = batch_norm(x, weight, bias, self.eps, sync)
        with torch.no_grad():
            cast(Tensor, self.num_batches_tracked).add_(1)
            unbiased = var * count / (count - 1).clamp(min=1)
            for buffer, value in ((self.running_mean, mean), (self.running_var, unbiased)):
                average = cast(Tensor, buffer)
                average.lerp_(value.to(average), cast(float, self.momentum))
        return out


def convert_sync_batchnorm(module: nn.Module) -> nn.Module:
    """Make every batch normalization of a module, in place, take statistics of all ranks, or raise a ConfigError."""
    for name, child in module.named_modules():
        if isinstance(child, _BatchNorm) and not child.track_running_stats:
            raise ConfigError(f"{name}: synchronized statistics need track_running_stats=True")
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            child.__class__ = BatchNorm  # type: ignore[assignment]  # on purpose: the weights stay in place
        if isinstance(child, BatchNorm):
            child.sync = True
    return module
