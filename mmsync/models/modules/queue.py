"""The memory queue of keys (He et al., 2020, MoCo)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import all_gather


class MemoryQueue(nn.Module):
    """A ring buffer of unit keys ``(D, K)``, the same on every rank.

    K need not be a multiple of the batch: a batch that passes the end goes on at the start.

    Args:
        dim: D.
        size: K, at least the global batch.

    Raises:
        ConfigError: A global batch that is larger than the queue (at the first enqueue).
    """

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(dim, size), dim=0))
        self.register_buffer("pointer", torch.zeros(1, dtype=torch.long))

    @property
    def size(self) -> int:
        """K."""
        return self.keys.shape[1]

    def snapshot(self) -> Tensor:
        """The keys ``(D, K)`` as they are now; a later enqueue does not change them, so a loss may hold on to them."""
        return self.keys.clone()

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Writes the keys of all ranks over the oldest entries.

        Args:
            keys: ``(N, D)``, unit rows, of this rank.

        Raises:
            ConfigError: The batch of all ranks is larger than the queue.
        """
        keys = all_gather(keys)
        if len(keys) > self.size:
            raise ConfigError(
                f"queue_size={self.size} is smaller than the global batch of {len(keys)}: a batch would overwrite "
                "itself. Raise model.queue_size or lower train_dataloader.batch_size"
            )
        slots = (self.pointer + torch.arange(len(keys), device=keys.device)) % self.size
        self.keys[:, slots] = keys.T.to(self.keys.dtype)
        self.pointer.copy_((self.pointer + len(keys)) % self.size)
