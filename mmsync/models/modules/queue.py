"""Memory queue of keys (He et al., 2020, MoCo)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather


class MemoryQueue(nn.Module):
    """Ring buffer of unit keys ``(D, K)``, the same on every rank; a batch wraps around at the end.

    Args:
        dim: D.
        size: K, at least the global batch.
    """

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
        """Replace the oldest entries by the unit rows ``(N, D)`` of all ranks.

        Raises:
            ConfigError: The global batch is larger than the queue.
        """
        keys = all_gather(keys)
        if len(keys) > self.size:
            raise ConfigError(
                f"queue_size={self.size} is smaller than the global batch of {len(keys)}; raise model.queue_size or "
                "lower train_dataloader.batch_size"
            )
        slots = (self.pointer + torch.arange(len(keys), device=keys.device)) % self.size
        self.keys[:, slots] = keys.T.to(self.keys.dtype)
        self.pointer.copy_((self.pointer + len(keys)) % self.size)
