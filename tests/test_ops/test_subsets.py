"""Labeled subsets hold as many clips of each class as their rule says, and come back by their seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from mmsync.ops.subsets import exemplars, stratified_subset, uniform_subset

COUNTS = {0: 650, 1: 672, 2: 40, 3: 1, 4: 149}  # 6.5 and 1.49 are the roundings that could go wrong


def labels() -> torch.Tensor:
    y = torch.tensor([c for c, n in COUNTS.items() for _ in range(n)] + [-1] * 30)
    return y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 1.0])
def test_stratified_takes_the_rounded_share_of_each_class_and_at_least_one(share):
    y = labels()
    keep = stratified_subset(y, share, seed=3)
    expected = {c: max(1, round(share * n)) for c, n in COUNTS.items()}
    assert Counter(y[keep].tolist()) == expected
    assert keep.tolist() == sorted(set(keep.tolist()))


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 1.0])
def test_uniform_takes_the_truncated_share_of_all_labelled(share):
    y = labels()
    keep = uniform_subset(y, share, seed=3)
    assert len(set(keep.tolist())) == len(keep) == int(share * sum(COUNTS.values()))
    assert (y[keep] >= 0).all()


def test_uniform_draws_every_clip_alike():
    y = torch.zeros(20, dtype=torch.int64)
    seen = Counter(i for seed in range(400) for i in uniform_subset(y, 0.25, seed).tolist())
    assert min(seen.values()) > 60  # 100 expected, binomial: 60 is 4.6 standard deviations away
    assert max(seen.values()) < 140


@pytest.mark.parametrize("draw", [lambda y, s: stratified_subset(y, 0.1, s), lambda y, s: uniform_subset(y, 0.1, s)])
def test_the_seed_gives_the_subset(draw):
    y = labels()
    assert torch.equal(draw(y, 5), draw(y, 5))
    assert not torch.equal(draw(y, 5), draw(y, 6))


def test_exemplars_are_one_of_each_class():
    y = labels()
    assert y[exemplars(y, 0)].tolist() == sorted(COUNTS)
    assert len({int(exemplars(y, seed)[0]) for seed in range(20)}) > 10  # not always the first


def test_counts_of_ntu60_from_balanced_classes():
    """40,320 and 37,920 clips before the missing ones are taken out: 672 and 632 a class."""
    assert len(stratified_subset(torch.arange(60).repeat_interleave(632), 0.01)) == 360
    assert len(uniform_subset(torch.arange(37646) % 60, 0.01)) == 376
    assert len(uniform_subset(torch.arange(40091) % 60, 0.01)) == 400
