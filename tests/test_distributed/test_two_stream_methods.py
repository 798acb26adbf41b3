"""Two ranks equal one for methods on two streams: losses, gradients, statistics, memories and weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.modules import convert_sync_batchnorm
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View

from .launch import on_ranks

pytestmark = pytest.mark.dist

BATCH, STEPS = 8, 2
VIDEO = dict(type="VideoResNet", variant="mc3", width=0.0625)
SOUND = dict(type="AudioVGG", widths=[4, 8])
PROJECTOR = dict(type="MLPProjector", out_channels=5, norm=True)
FRAMES, SIZE = 4, 16


def encoder(backbone: dict, project: bool) -> dict:
    return dict(type="Encoder", backbone=backbone, **(dict(projector=PROJECTOR) if project else {}))


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "Multisensory":
        sound = dict(type="WaveformNet", in_channels=1, widths=[4, 4, 4, 8])
        towers = dict(video=encoder(dict(type="MultisensoryStem", width=8), False), audio=encoder(sound, False))
        config = dict(type=name, fusion_widths=[8, 8, 8, 8, 8, 8], **towers)
    elif name == "PlaybackDirection":
        config = dict(type=name, encoder=encoder(VIDEO, False))
    elif name == "ArrowOfTime":
        flow = dict(type="FlowVGG", frames=FRAMES, width=0.02, in_channels=3)
        config = dict(type=name, encoder=encoder(flow, False), hidden_channels=8, dropout=0.0)
    else:
        names = ("first", "second") if name == "TwoStreamSync" else ("video", "audio")
        parts = (encoder(backbone, name != "L3Net") for backbone in (VIDEO, SOUND))
        config = dict(type=name, **dict(zip(names, parts)), **(dict(num_videos=12) if name == "AVID" else {}))
    model = MODELS.build(config)
    model.init_weights()
    return model.double()


def global_batch(model: nn.Module, step: int) -> tuple[dict[str, View], list[MotionSample]]:
    """Views by name; two samples are of one video, one on each rank."""
    g = torch.Generator().manual_seed(step)

    def random(*shape: int) -> View:
        return View(torch.randn(BATCH, *shape, generator=g, dtype=torch.float64))

    views = {}
    for name in model.views_needed:
        if type(model).__name__ == "ArrowOfTime":
            views[name] = random(2, 3, FRAMES, SIZE, SIZE)
        elif name in ("video", "first", "forward", "backward"):
            views[name] = random(3, FRAMES, SIZE, SIZE)
        else:
            views[name] = random(1, 4096) if type(model).__name__ == "Multisensory" else random(1, 12, 10)
    numbers = [0, 1, 2, 3, 0, 5, 6, 7]
    fields = (dict(index=i, instance=numbers[i], positive=int(i % 3 == 0)) for i in range(BATCH))
    return views, [MotionSample(gt_label=0, metainfo=row) for row in fields]


def train(model: nn.Module, rows: slice) -> dict:
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    log = []
    for step in range(STEPS):
        views, samples = global_batch(inner, step)
        losses = model({key: View(view.data[rows]) for key, view in views.items()}, samples[rows], mode="loss")
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if "loss" in key).backward()
        log.append({key: value.detach() for key, value in losses.items() if "loss" in key})
        gradients = {key: p.grad.clone() for key, p in inner.named_parameters() if p.grad is not None}
        optimizer.step()
    return dict(log=log, gradients=gradients, state=inner.state_dict())


def train_rank(rank: int, name: str) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(name)), broadcast_buffers=False)
    return train(model, slice(rank * BATCH // 2, (rank + 1) * BATCH // 2))


METHODS = ["AVTS", "SyncNet", "TwoStreamSync", "L3Net", "GDT", "AVID", "Multisensory", "ArrowOfTime"]


@pytest.mark.parametrize("name", [*METHODS, "PlaybackDirection"])
def test_methods(name):
    one = train(build(name), slice(None))
    ranks = on_ranks(train_rank, name)
    for step in range(STEPS):
        assert one["log"][step]
        for key, expected in one["log"][step].items():
            mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
            torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    assert one["gradients"]
    for part in ("gradients", "state"):
        for key, expected in one[part].items():
            for r in ranks:
                torch.testing.assert_close(
                    r[part][key], expected, rtol=1e-6, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}"
                )
