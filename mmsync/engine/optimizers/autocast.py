"""Mixed precision on CUDA and the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

import torch
from mmengine.optim import OptimWrapper
from torch import nn
from torch.optim import Optimizer

from mmsync import compat
from mmsync.errors import ConfigError
from mmsync.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Runs forward pass and loss in bfloat16 as ``torch.autocast`` does; weights and optimiser stay in float32.

    bfloat16 has the range of float32 and needs no loss scaling. For float16 on older GPUs use MMEngine's
    ``AmpOptimWrapper``.

    Args:
        optimizer: The optimiser.
        dtype: ``'bfloat16'``.
        accumulative_counts: Batches per optimiser step.
        clip_grad: Arguments of ``torch.nn.utils.clip_grad_norm_``, with ``type='value'`` of ``clip_grad_value_``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        dtype: str = "bfloat16",
        accumulative_counts: int = 1,
        clip_grad: Optional[dict] = None,
    ) -> None:
        super().__init__(optimizer, accumulative_counts, clip_grad)
        if dtype != "bfloat16":
            raise ConfigError(
                f"optim_wrapper.dtype: {dtype!r} needs loss scaling; use 'bfloat16', or type='AmpOptimWrapper' on CUDA"
            )
        self.dtype = torch.bfloat16

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of the forward pass.

        Args:
            model: The model.
        """
        with super().optim_context(model), compat.autocast(model, self.dtype):
            yield
