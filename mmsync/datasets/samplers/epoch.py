"""The order of samples in an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Optional

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmsync.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler[int]):
    """Visit each of ``N`` samples once per epoch, in an order that depends on ``(seed, epoch)`` alone.

    Rank ``r`` of ``R`` takes every ``R``-th index from ``r`` on, so that all ranks together have the batches of one
    process with the global batch size.

    Args:
        dataset: The data set, of length ``N``. Its ``set_epoch`` is called, if it has one.
        shuffle: Permute the indices.
        seed: Seed of the permutation; ``None`` draws one that all ranks share. The Runner passes its own.
        round_up: Repeat the first indices until every rank has the same number; else ranks may differ by one sample,
            which blocks distributed training.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: Optional[int] = None, round_up: bool = True) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.round_up = round_up
        self.rank, self.world_size = get_dist_info()
        self.epoch = 0
        self._skip = 0

    def __len__(self) -> int:
        """Samples that this rank visits in a whole epoch."""
        n = len(self.dataset)
        return math.ceil((n if self.round_up else n - self.rank) / self.world_size)

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(n) if self.shuffle else np.arange(n)
        if self.round_up:
            order = np.resize(order, len(self) * self.world_size)
        return iter(order[self.rank :: self.world_size][self.pop_skip() :].tolist())

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass, and pass the epoch on to the data set."""
        self.epoch = epoch
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)

    def skip(self, num_samples: int) -> None:
        """Leave out the first ``num_samples`` of the next pass only: a resumed run has seen them."""
        self._skip = num_samples

    def pop_skip(self) -> int:
        """Return and forget how many samples the next pass leaves out."""
        skip, self._skip = self._skip, 0
        return skip
