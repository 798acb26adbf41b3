"""NT-Xent as an object that a config can name."""

from __future__ import annotations

from typing import Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.contrastive import nt_xent
from mmsync.registry import LOSSES


@LOSSES.register_module()
class NTXentLoss(nn.Module):
    """NT-Xent of two views ``(N, D)`` (Chen et al., 2020, SimCLR, eq. 1), see :func:`mmsync.ops.contrastive.nt_xent`.

    Args:
        temperature: tau, above 0.
        chunk_size: Rows of the similarities that are in memory at a time, for very large batches; ``None``: all.

    Raises:
        ConfigError: A number out of its range.
    """

    def __init__(self, temperature: float = 0.1, chunk_size: Optional[int] = None) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"NTXentLoss: temperature={temperature}: give a number above 0; 0.07 to 0.5 are usual")
        if chunk_size is not None and chunk_size < 1:
            raise ConfigError(f"NTXentLoss: chunk_size={chunk_size}: give a number of rows from 1 on, or None for all")
        self.temperature = temperature
        self.chunk_size = chunk_size

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Embeddings of two views, ``(N, D)`` each, to a scalar."""
        return nt_xent(first, second, self.temperature, self.chunk_size)
