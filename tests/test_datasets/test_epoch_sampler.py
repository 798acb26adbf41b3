"""The order of an epoch depends on seed and epoch alone, and the ranks share it out."""

from __future__ import annotations

import pytest

from mmsync.datasets import samplers
from mmsync.datasets.samplers import EpochSampler


class Clips(list):
    def set_epoch(self, value):
        self.epoch = value


def make(monkeypatch, n=11, rank=0, world=1, **options):
    monkeypatch.setattr(samplers, "get_dist_info", lambda: (rank, world))
    return EpochSampler(Clips(range(n)), **{"seed": 3, **options})


def test_epochs_differ_and_repeat(monkeypatch):
    orders = []
    for value in (0, 1, 0):
        sampler = make(monkeypatch)
        sampler.set_epoch(value)
        assert sampler.dataset.epoch == value
        orders.append(list(sampler))
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list(range(11))
    assert list(make(monkeypatch, seed=4)) != orders[0]
    other = make(monkeypatch, seed=2)
    other.set_epoch(1)
    assert list(other) != orders[0]  # seed + epoch is no key
    assert list(make(monkeypatch, shuffle=False)) == list(range(11))


@pytest.mark.parametrize("round_up", [True, False])
def test_ranks_interleave_to_the_single_order(monkeypatch, round_up):
    whole = list(make(monkeypatch))
    parts = [make(monkeypatch, rank=r, world=3, round_up=round_up) for r in range(3)]
    lists = [list(p) for p in parts]
    assert [len(p) for p in parts] == [len(x) for x in lists] == ([4, 4, 4] if round_up else [4, 4, 3])
    merged = [lists[i % 3][i // 3] for i in range(sum(map(len, lists)))]
    assert merged == whole + whole[: len(merged) - 11]


def test_skip_holds_for_one_pass(monkeypatch):
    sampler = make(monkeypatch)
    whole = list(sampler)
    sampler.skip(4)
    assert len(sampler) == 11  # the length of an epoch does not change
    assert list(sampler) == whole[4:]
    assert list(sampler) == whole
