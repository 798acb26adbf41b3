"""Two ranks equal one: losses, gradients, statistics and queues on the same global batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.methods import AimCLR, MoCo
from mmsync.models.modules import NeighborMining, convert_sync_batchnorm
from mmsync.ops.batch_norm import batch_norm
from mmsync.ops.dist import all_gather, all_reduce_sum
from mmsync.structures import View

from .launch import on_ranks

pytestmark = pytest.mark.dist

BATCH, STEPS = 6, 2


SAFE = dict(topk=3, agreement=1e-3, max_crowding=1.0, min_similarity=-1.0, max_share=1.0, smoothing=2)


def build(method: str, persons: str, drop_scope: str, mining: bool | str) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder",
        backbone=dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3),
        pool=dict(type="SkeletonPool", persons=persons),
        projector=dict(type="MLPProjector", out_channels=5),
    )
    if method == "skeletonclr":
        model = MoCo(encoder, queue_size=16, temperature=0.2, momentum=0.9)
    else:
        extra = dict(drop_scope=drop_scope, drop_threshold=0.68)
        extra |= dict(mining=SAFE) if mining == "safe" else dict(mining_epoch=0 if mining else None)
        model = AimCLR(encoder, queue_size=16, temperature=0.2, momentum=0.9, **extra)
    model.init_weights()
    if mining == "safe":  # as after a long time of agreement, or two steps would not be enough for it to start
        model.miner.on.fill_(True)
        model.miner.agreed.fill_(1.0)
    return model.double()


def global_views(step: int) -> dict[str, View]:
    """Views in which the second person is missing in some clips, and not equally many on each rank."""
    generator = torch.Generator().manual_seed(step)
    mask = torch.ones(BATCH, 2, dtype=torch.bool)
    mask[: BATCH // 2 + 1, 1] = False
    views = {}
    for name in ("query", "key", "extreme"):
        x = torch.randn(BATCH, 2, 8, 25, 3, generator=generator, dtype=torch.float64) * mask[..., None, None, None]
        views[name] = View(x, mask)
    return views


def train(model: nn.Module, views_of) -> dict:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    log = []
    for step in range(STEPS):
        losses = model(views_of(step), mode="loss")
        total = sum(v for k, v in losses.items() if "loss" in k)
        optimizer.zero_grad()
        total.backward()
        log.append({k: v.detach() for k, v in losses.items()})
        gradients = {k: p.grad.clone() for k, p in inner.named_parameters() if p.grad is not None}
        optimizer.step()
    return dict(log=log, gradients=gradients, state=inner.state_dict())


def train_rank(rank: int, *config) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(*config)), broadcast_buffers=False)
    rows = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
    return train(model, lambda step: {k: View(v.data[rows], v.present[rows]) for k, v in global_views(step).items()})


@pytest.mark.parametrize(
    "config",
    [
        ("skeletonclr", "mean", "batch", False),
        ("skeletonclr", "valid_mean", "batch", False),
        ("aimclr", "mean", "batch", False),
        ("aimclr", "valid_mean", "batch", True),
        ("aimclr", "valid_mean", "sample", False),
        ("aimclr", "valid_mean", "sample", "safe"),
    ],
)
def test_methods(config):
    one = train(build(*config), global_views)
    ranks = on_ranks(train_rank, *config)
    for step in range(STEPS):
        for key, expected in one["log"][step].items():
            if key == "joint_drop" or key == "element_drop":
                continue  # shares of different numbers of persons; logged only
            mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
            torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    if config[-1] == "safe":
        assert one["log"][-1]["mined"] > 0
        assert 0 < one["log"][-1]["hub_share"] <= 1
    assert one["gradients"]
    for key, expected in one["gradients"].items():
        for r in ranks:
            torch.testing.assert_close(
                r["gradients"][key], expected, rtol=1e-7, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
            )
    for key, expected in one["state"].items():
        for r in ranks:
            torch.testing.assert_close(
                r["state"][key], expected, rtol=1e-6, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}"
            )
    for key in ("queue.keys", "queue.pointer"):
        assert torch.equal(ranks[0]["state"][key], ranks[1]["state"][key]), key


def mine(rows: slice) -> dict:
    """Six steps of mining on some of the clips of a batch of 12, the gate opening on the way."""
    miner = NeighborMining(topk=3, smoothing=3, max_crowding=0.5, max_share=0.25, min_similarity=0.1)
    generator = torch.Generator().manual_seed(0)
    steps = []
    for _ in range(6):
        common, *noise = torch.randn(5, 12, 30, generator=generator)
        *views, key = [(common + x).mul(0.4).tanh()[rows] for x in noise]
        steps.append(miner(views, key, 0))
    return dict(positives=[p for p, _ in steps], log=[log for _, log in steps], state=miner.state_dict())


def mine_on_rank(rank: int) -> dict:
    return mine(slice(6 * rank, 6 * rank + 6))


def test_mining_decides_on_the_global_batch():
    """Hubs, agreement and the gate: exactly those of one rank, on every rank."""
    one, ranks = mine(slice(None)), on_ranks(mine_on_rank)
    assert {bool(log["mining_on"]) for log in one["log"]} == {False, True}
    assert one["positives"][-1].any()
    for step, expected in enumerate(one["positives"]):
        assert torch.equal(torch.cat([r["positives"][step] for r in ranks]), expected)
        for key in ("mining_on", "agreement", "crowding", "hub_share"):
            assert all(r["log"][step][key] == one["log"][step][key] for r in ranks), key
    for key, expected in one["state"].items():
        assert all(torch.equal(r["state"][key], expected) for r in ranks), key


def ops_on_rank(rank: int) -> dict:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.float64)[rank].requires_grad_()
    gathered = all_gather(x, with_grad=True)
    # A loss that differs by rank and uses every row: a gather without gradient, or with only its own slice, fails here.
    (gathered.square().sum() * (rank + 1)).backward()
    y = torch.ones(2, requires_grad=True)
    (all_reduce_sum(y * (rank + 1)).square().sum()).backward()
    return dict(gather=x.grad, reduce=y.grad, rows=gathered.detach())


def test_collectives_have_the_full_gradient():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    for rank, found in enumerate(on_ranks(ops_on_rank)):
        torch.testing.assert_close(found["gather"], 2 * x[rank] * (1 + 2))
        torch.testing.assert_close(found["rows"], x.flatten(0, 1))
        # s = 1 y0 + 2 y1 on both ranks; d(2 s^2)/dy_r = 4 s (r + 1) with s = 3.
        torch.testing.assert_close(found["reduce"], torch.full((2,), 4.0 * 3 * (rank + 1)))


def batch_norm_on_rank(rank: int, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    rows = slice(0, 2) if rank == 0 else slice(2, None)
    part = x[rows].clone().requires_grad_()
    out, *_ = batch_norm(part, torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 0.0]).double(), sync=True)
    out.backward(grad[rows])
    return torch.stack([out.detach(), part.grad])


def test_batch_norm_over_ranks_with_uneven_rows_equals_torch():
    torch.manual_seed(0)
    x, grad = torch.randn(2, 5, 2, 3, dtype=torch.float64)
    found = torch.cat(on_ranks(batch_norm_on_rank, x, grad), 1)
    whole = x.clone().requires_grad_()
    out = F.batch_norm(whole, None, None, torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 0.0]).double(), True)
    out.backward(grad)
    torch.testing.assert_close(found, torch.stack([out.detach(), whole.grad]))
