"""Two ranks equal one for methods on frames of sequences: losses, gradients, statistics and weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.modules import convert_sync_batchnorm
from mmsync.structures import View

from ..test_models.toy_alignment import METHODS, batch, build, samples, total, without_draws
from .launch import on_ranks

pytestmark = pytest.mark.dist

STEPS = 2
ACTIVITIES = {
    "mixed": [0, 0, 1, 1, 0, 1, 2, 2],
    "none_on_a_rank": [0, 1, 2, 3, 4, 4, 5, 5],  # the first rank has no pair of one activity
}
PAIRED = ("TCC", "TCC_random", "LAV", "VAVA", "GTCC")


def part_of(view: View, rows: slice) -> View:
    """Sequences of a rank, padded to the longest of them only."""
    frames = int(view.valid[rows].sum(1).max())
    return View(view.data[rows, :frames], None, view.valid[rows, :frames], view.index[rows, :frames])


def train(model: nn.Module, rows: slice, activities: list[int]) -> dict:
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    log = []
    with pytest.MonkeyPatch.context() as patch:
        without_draws(patch)
        for step in range(STEPS):
            views = {name: part_of(one, rows) for name, one in batch(inner, step).items()}
            losses = model(views, samples(activities)[rows], mode="loss")
            optimizer.zero_grad()
            total(losses).backward()
            log.append({key: value.detach() for key, value in losses.items() if key != "embedding_std"})
            gradients = {key: p.grad.clone() for key, p in inner.named_parameters() if p.grad is not None}
            optimizer.step()
    return dict(log=log, gradients=gradients, state=inner.state_dict())


def train_rank(rank: int, name: str, activities: list[int]) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(name)), broadcast_buffers=False)
    return train(model, slice(rank * 4, rank * 4 + 4), activities)


def train_ranks(rank: int, cases: list[tuple[str, list[int]]]) -> list[dict]:
    """All cases in one pair of processes, whose start takes longer than all of them."""
    return [train_rank(rank, *case) for case in cases]


CASES = [(name, "mixed") for name in METHODS] + [(name, "none_on_a_rank") for name in PAIRED]


@pytest.fixture(scope="module")
def found() -> list[tuple[dict, ...]]:
    ranks = on_ranks(train_ranks, [(name, ACTIVITIES[key]) for name, key in CASES])
    return list(zip(*ranks))


@pytest.mark.parametrize("case", range(len(CASES)), ids=["-".join(case) for case in CASES])
def test_methods(found, case):
    """Ranks differ in T, in the number of valid frames and in the number of pairs."""
    name, key = CASES[case]
    one = train(build(name), slice(None), ACTIVITIES[key])
    for step in range(STEPS):
        for word, expected in one["log"][step].items():
            mean = torch.stack([r["log"][step][word] for r in found[case]]).mean()
            torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, word): f"{at}: {m}")
    assert any(float(g.abs().max()) > 1e-8 for g in one["gradients"].values())
    for part in ("gradients", "state"):
        for word, expected in one[part].items():
            for r in found[case]:
                torch.testing.assert_close(
                    r[part][word], expected, rtol=1e-6, atol=1e-9, msg=lambda m, k=word: f"{k}: {m}"
                )
