"""Two ranks equal one for Sync3D: loss, gradients and statistics on the same global batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.methods import Sync3D
from mmsync.models.modules import convert_sync_batchnorm
from mmsync.structures import MotionSample, View

from .launch import on_ranks

pytestmark = pytest.mark.dist

BATCH, STEPS = 6, 2


def build(share: bool) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder",
        backbone=dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3),
        projector=dict(type="MLPProjector", out_channels=5, norm=True),
    )
    model = Sync3D(encoder, dict(type="ContrastiveLoss", margin=2.0), share_weights=share)
    model.init_weights()
    return model.double()


def batch(step: int, scenes: bool, rows: slice) -> tuple[dict[str, View], list[MotionSample]]:
    """Pairs, or scenes of three of whom not equally many are there on each rank."""
    generator = torch.Generator().manual_seed(step)
    k = 3 if scenes else 2
    x = torch.randn(BATCH, k, 8, 25, 3, generator=generator, dtype=torch.float64)
    mask = torch.ones(BATCH, k, dtype=torch.bool)
    if scenes:
        mask[: BATCH // 2 + 1, 2] = False
    near = (torch.rand(BATCH, k, k, generator=generator) < 0.6).tolist()
    moments = [[[i // 3, 0, 8]] * k for i in range(BATCH)]  # three neighbors show one moment, also across ranks
    labels = [
        dict(aligned=a, moments=moments[i]) if scenes else dict(positive=int(i % 3 == 0)) for i, a in enumerate(near)
    ]
    return {"tracks": View(x[rows], mask[rows])}, [MotionSample.quick(0, meta) for meta in labels[rows]]


def train(model: nn.Module, scenes: bool, rows: slice) -> dict:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    log = []
    for step in range(STEPS):
        losses = model(*batch(step, scenes, rows), mode="loss")
        optimizer.zero_grad()
        losses["loss_pair"].backward()
        optimizer.step()
        log.append(losses["loss_pair"].detach())
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    return dict(log=log, gradients={k: p.grad for k, p in inner.named_parameters()}, state=inner.state_dict())


def train_rank(rank: int, scenes: bool, share: bool) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(share)), broadcast_buffers=False)
    return train(model, scenes, slice(rank * BATCH // 2, (rank + 1) * BATCH // 2))


@pytest.mark.parametrize(("scenes", "share"), [(False, True), (False, False), (True, True)])
def test_two_ranks_equal_one(scenes, share):
    one = train(build(share), scenes, slice(None))
    ranks = on_ranks(train_rank, scenes, share)
    for step in range(STEPS):
        torch.testing.assert_close(torch.stack([r["log"][step] for r in ranks]).mean(), one["log"][step])
    for part in ("gradients", "state"):
        for key, expected in one[part].items():
            for r in ranks:
                torch.testing.assert_close(
                    r[part][key], expected, rtol=1e-7, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
                )
