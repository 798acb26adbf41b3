"""Batches of P groups x K samples: who is in them, how ranks share them, and what a resumed run sees."""

from __future__ import annotations

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmsync.datasets import samplers
from mmsync.datasets.samplers import EpochSampler, GroupBatchSampler
from mmsync.errors import ConfigError
from mmsync.registry import DATA_SAMPLERS

SIZES = [1, 2, 3, 4, 4, 7, 9, 12]  # of the groups


class Grouped:
    def __init__(self, sizes=SIZES):
        self.who = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))

    def __len__(self):
        return len(self.who)

    def __getitem__(self, index):
        return index

    def column(self, key):
        return {"subject": self.who}[key]


def make(monkeypatch, batch_size=8, per_group=2, rank=0, world=1, at=0, sizes=SIZES, seed=3):
    monkeypatch.setattr(samplers, "get_dist_info", lambda: (rank, world))
    sampler = EpochSampler(Grouped(sizes), seed=seed)
    sampler.set_epoch(at)
    config = dict(type="GroupBatchSampler", by="subject", per_group=per_group)
    return DATA_SAMPLERS.build(config, default_args=dict(sampler=sampler, batch_size=batch_size))


@pytest.mark.parametrize("sizes", [SIZES, [40] + [1] * 9, [5] * 12])
def test_batches_hold_k_samples_of_p_groups_and_reach_all(monkeypatch, sizes):
    for at in range(4):
        sampler = make(monkeypatch, at=at, sizes=sizes)
        batches, who = list(sampler), sampler.sampler.dataset.who
        assert len(batches) == len(sampler)
        for batch in batches:
            groups = who[batch].reshape(4, 2)
            assert (groups[:, 0] == groups[:, 1]).all()
            assert len(set(groups[:, 0].tolist())) == 4
        assert {i for batch in batches for i in batch} == set(range(len(who)))
    parts = [-(-size // 2) for size in sizes]
    assert len(batches) == max(max(parts), -(-sum(parts) // 4)), "as few batches as the rule allows"


def test_each_sample_comes_once_where_parts_and_batches_are_full(monkeypatch):
    batches = list(make(monkeypatch, sizes=[4] * 8))
    assert sorted(i for batch in batches for i in batch) == list(range(32))


def test_the_order_depends_on_seed_and_epoch_alone(monkeypatch):
    first = list(make(monkeypatch))
    assert first == list(make(monkeypatch))
    assert first != list(make(monkeypatch, at=1))
    assert first != list(make(monkeypatch, seed=4))


def test_large_groups_are_spread_over_the_epoch(monkeypatch):
    """Not first all that is left of the largest: its batches are anywhere among those of an epoch."""
    where = []
    for at in range(60):
        sampler = make(monkeypatch, at=at, sizes=[16, *[2] * 56])
        of = sampler.sampler.dataset.who
        where += [i / (len(sampler) - 1) for i, batch in enumerate(sampler) if 0 in of[batch]]
    assert abs(np.mean(where) - 0.5) < 0.05


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_out_the_global_batch(monkeypatch, world):
    whole = list(make(monkeypatch, batch_size=8))
    ranks = [list(make(monkeypatch, batch_size=8 // world, rank=rank, world=world)) for rank in range(world)]
    assert {len(rank) for rank in ranks} == {len(whole)}
    assert [[i for part in parts for i in part] for parts in zip(*ranks)] == whole


def test_skip_holds_for_one_pass(monkeypatch):
    sampler = make(monkeypatch)
    whole = list(sampler)
    sampler.sampler.skip(3 * sampler.batch_size)  # as the loops do after a resume
    assert list(sampler) == whole[3:]
    assert list(sampler) == whole
    loader = DataLoader(sampler.sampler.dataset, batch_sampler=sampler, num_workers=2)
    assert [batch.tolist() for batch in loader] == whole
    assert len(loader) == len(whole)


def test_wrong_settings(monkeypatch):
    with pytest.raises(ConfigError, match="no multiple of per_group=3"):
        make(monkeypatch, per_group=3)
    with pytest.raises(ConfigError, match="needs 16 groups, but there are 8 by 'subject'"):
        make(monkeypatch, world=4)
    with pytest.raises(ConfigError, match="list has no columns"):
        GroupBatchSampler(EpochSampler([1, 2], seed=0), 2, "subject", 1)
