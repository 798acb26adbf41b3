"""Two ranks equal one for methods of pictures and sound and of time: losses, gradients and statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.methods import ArrowOfTime, L3Net, Multisensory, OnOffScreen, PlaybackDirection
from mmsync.models.modules import convert_sync_batchnorm
from mmsync.structures import MotionSample, View

from .launch import on_ranks

pytestmark = pytest.mark.dist

BATCH, STEPS = 4, 2
SHAPES = {
    "l3net": dict(video=(3, 1, 12, 12), audio=(1, 12, 10)),
    "multisensory": dict(video=(3, 8, 16, 16), audio=(2, 4096), contrast=(2, 4096)),
    "separation": dict(video=(3, 8, 16, 16), audio=(2, 2048), contrast=(2, 2048)),
    "any_order": dict(video=(3, 8, 16, 16), audio=(2, 2048), contrast=(2, 2048)),
    "arrow": dict(video=(2, 2, 3, 32, 32)),
    "playback": dict(forward=(1, 8, 25, 3), backward=(1, 8, 25, 3)),
}


def encoder(type: str, pool: str = "MeanPool", **options) -> dict:
    return dict(type="Encoder", backbone=dict(type=type, **options), pool=dict(type=pool))


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    graph = dict(channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3)
    made = {
        "l3net": lambda: L3Net(
            encoder("FrameVGG", "MaxPool", widths=[4, 6]), encoder("AudioVGG", "MaxPool", widths=[4, 6]), 8
        ),
        "multisensory": lambda: Multisensory(
            encoder("MultisensoryStem", width=4), encoder("WaveformNet", widths=[4, 4, 4, 6]), (4, 8, 4, 4, 6, 6)
        ),
        "separation": lambda: OnOffScreen(
            encoder("MultisensoryStem", width=4),
            encoder("WaveformNet", widths=[4, 4, 4, 6]),
            None,
            (4, 8, 4, 4, 6, 6),
            widths=[4, 6, 6, 8, 8],
            n_fft=128,
            window=128,
            hop=64,
        ),
        "any_order": lambda: OnOffScreen(
            encoder("MultisensoryStem", width=4),
            widths=[4, 6, 6, 8, 8],
            n_fft=128,
            window=128,
            hop=64,
            permutation_invariant=True,
        ),
        "arrow": lambda: ArrowOfTime(encoder("FlowVGG", frames=3, width=0.0625), 2, 8, dropout=0.0),
        "playback": lambda: PlaybackDirection(encoder("STGCN", **graph)),
    }
    model = made[name]()
    model.init_weights()
    return model.double()


def batch(name: str, step: int, rows: slice) -> tuple[dict[str, View], list[MotionSample]]:
    generator = torch.Generator().manual_seed(step)
    views = {
        key: View(torch.randn(BATCH, *shape, generator=generator, dtype=torch.float64)[rows])
        for key, shape in SHAPES[name].items()
    }
    return views, [MotionSample.quick(0, {"positive": int(i % 3 == 0)}) for i in range(BATCH)[rows]]


def train(model: nn.Module, name: str, rows: slice) -> dict:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    log = []
    for step in range(STEPS):
        losses = model(*batch(name, step, rows), mode="loss")
        loss = next(value for key, value in losses.items() if key.startswith("loss_"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append(loss.detach())
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    return dict(
        log=log, gradients={k: p.grad for k, p in inner.named_parameters() if p.requires_grad}, state=inner.state_dict()
    )


def train_rank(rank: int, name: str) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(name)), broadcast_buffers=False)
    return train(model, name, slice(rank * BATCH // 2, (rank + 1) * BATCH // 2))


@pytest.mark.parametrize("name", list(SHAPES))
def test_two_ranks_equal_one(name):
    one = train(build(name), name, slice(None))
    ranks = on_ranks(train_rank, name)
    for step in range(STEPS):  # the losses are in single precision
        torch.testing.assert_close(
            torch.stack([r["log"][step] for r in ranks]).mean(), one["log"][step], rtol=1e-6, atol=1e-7
        )
    for part in ("gradients", "state"):
        for key, expected in one[part].items():
            for r in ranks:
                torch.testing.assert_close(
                    r[part][key], expected, rtol=1e-4, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}"
                )
