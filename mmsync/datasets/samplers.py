"""The order of samples in an epoch, and batches of groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Optional

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmsync.errors import ConfigError
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
        self.dataset, self.shuffle, self.round_up = dataset, shuffle, round_up
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.epoch, self._skip = 0, 0

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


@DATA_SAMPLERS.register_module()
class GroupBatchSampler(Sampler[list[int]]):
    """Batches of ``P`` groups x ``K`` samples, in an order that depends on ``(seed, epoch)`` alone.

    Groups are read in parts of ``K`` samples, which are spread at random over the batches of an epoch so that no group
    comes twice in a batch. Each sample comes at least once; parts are filled up with samples of their group, and
    batches with parts of other groups. Each of ``R`` ranks takes ``P`` groups of a global batch of ``P * R``.

    Args:
        sampler: An ``EpochSampler``, which has the data set, seed, epoch and ranks. The Runner passes it.
        batch_size: ``P * K``, samples of a batch of one rank. The Runner passes that of the data loader.
        by: A column of the data set: ``'label'``, ``'name'``, ``'role'``, or an attribute of its source.
        per_group: ``K``.

    Raises:
        ConfigError: The batch size is no multiple of ``per_group``, the groups are too few, or there is no such column.
    """

    def __init__(self, sampler: EpochSampler, batch_size: int, by: str, per_group: int) -> None:
        dataset = sampler.dataset
        if not hasattr(dataset, "column"):
            raise ConfigError(f"GroupBatchSampler: {type(dataset).__name__} has no columns to group by")
        if per_group < 1 or batch_size % per_group:
            raise ConfigError(f"GroupBatchSampler: {batch_size=} is no multiple of {per_group=}; make it one")
        self.sampler, self.batch_size, self.by, self.per_group = sampler, batch_size, by, per_group
        _, of = np.unique(dataset.column(by), return_inverse=True)
        self.groups = [np.flatnonzero(of == group) for group in range(of.max(initial=-1) + 1)]
        self.parts = np.array([math.ceil(len(group) / per_group) for group in self.groups])
        self._at_once = batch_size // per_group * sampler.world_size  # groups of a global batch
        if len(self.groups) < self._at_once:
            text = f"a global batch needs {self._at_once} groups, but there are {len(self.groups)} by {by!r}"
            raise ConfigError(f"GroupBatchSampler: {text}; lower batch_size or raise per_group")

    def __len__(self) -> int:
        """Batches of a whole epoch, the same on all ranks."""
        return max(math.ceil(self.parts.sum() / self._at_once), self.parts.max())

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.sampler.seed, self.sampler.epoch))
        sizes = [(count, self.per_group) for count in self.parts]
        parts = [np.resize(rng.permutation(group), size) for group, size in zip(self.groups, sizes)]
        order = rng.permutation(len(parts))
        # in a row, all parts of a group follow each other; every len(self)-th of them is a batch without two of a group
        group_of = np.repeat(order, self.parts[order])
        part_of = np.concatenate([np.arange(self.parts[group]) for group in order])
        start = self.sampler.pop_skip() // self.batch_size
        share = self._at_once // self.sampler.world_size
        mine = slice(self.sampler.rank * share, (self.sampler.rank + 1) * share)
        for number, first in enumerate(rng.permutation(len(self)).tolist()):
            groups, numbers = group_of[first :: len(self)], part_of[first :: len(self)]
            others = rng.permutation(np.setdiff1d(order, groups))[: self._at_once - len(groups)]
            groups, numbers = np.append(groups, others), np.append(numbers, rng.integers(self.parts[others]))
            chosen = rng.permutation(self._at_once)[mine]
            if number >= start:
                yield np.concatenate([parts[groups[i]][numbers[i]] for i in chosen]).tolist()
