"""Two ranks equal one for methods of several streams: losses, gradients, statistics, queues and weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.modules import convert_sync_batchnorm
from mmsync.registry import MODELS
from mmsync.structures import View

from .launch import on_ranks
from .test_two_ranks import BATCH, STEPS, train

pytestmark = pytest.mark.dist

STGCN = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3)
GRU = dict(type="BiGRU", hidden_channels=4, num_layers=2)
FORWARD = dict(GRU, num_persons=2, directions="forward", last_step=True)
PROJECTOR = dict(type="MLPProjector", out_channels=5, norm=True)
QUEUE = dict(queue_size=16, temperature=0.2, momentum=0.9)
CASES = {
    "crossclr_stage_1": dict(type="CrosSCLR", **QUEUE),
    "crossclr_stage_2": dict(type="CrosSCLR", cross_epoch=0, topk=2, **QUEUE),
    "crossclr_released": dict(type="CrosSCLR", cross_epoch=0, reference_heads=True, reference_ema=True, **QUEUE),
    "cmd": dict(type="CMD", topk=5, **QUEUE),
    "cmd_both": dict(type="CMD", topk=5, backbone=GRU, **QUEUE),
    "cmd_forward": dict(type="CMD", topk=5, backbone=FORWARD, **QUEUE),
    "umurl": dict(type="UmURL", projector=PROJECTOR),
}


def build(case: str) -> nn.Module:
    torch.manual_seed(0)
    config = dict(CASES[case])
    streams = 3 if config["type"] == "UmURL" else 1
    backbone = dict(config.pop("backbone", STGCN), in_channels=3 * streams)
    projector = None if streams > 1 else PROJECTOR
    model = MODELS.build(dict(encoder=dict(type="Encoder", backbone=backbone, projector=projector), **config))
    model.init_weights()
    return model.double()


def global_views(names, channels: int, step: int) -> dict[str, View]:
    """Views in which the second person is missing in some clips, and not equally many on each rank."""
    generator = torch.Generator().manual_seed(step)
    mask = torch.ones(BATCH, 2, dtype=torch.bool)
    mask[: BATCH // 2 + 1, 1] = False
    shape = (BATCH, 2, 8, 25, channels)
    data = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in names)
    return {k: View(x * mask[..., None, None, None], mask) for k, x in zip(names, data)}


def run(model: nn.Module, rows: slice) -> dict:
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    channels = 9 if type(inner).__name__ == "UmURL" else 3

    def views_of(step: int) -> dict[str, View]:
        views = global_views(inner.views_needed, channels, step)
        return {k: View(v.data[rows], v.present[rows]) for k, v in views.items()}

    return train(model, views_of)


def run_rank(rank: int, case: str) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(case)), broadcast_buffers=False)
    return run(model, slice(rank * BATCH // 2, (rank + 1) * BATCH // 2))


@pytest.mark.parametrize("case", CASES)
def test_methods(case):
    one, ranks = run(build(case), slice(None)), on_ranks(run_rank, case)
    for step in range(STEPS):
        for key, expected in one["log"][step].items():
            mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
            torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    assert one["gradients"]
    for part, tolerance in (("gradients", dict(rtol=1e-7, atol=1e-10)), ("state", dict(rtol=1e-6, atol=1e-9))):
        for key, expected in one[part].items():
            for r in ranks:
                torch.testing.assert_close(r[part][key], expected, **tolerance, msg=lambda m, k=key: f"{k}: {m}")
    for key in (key for key in one["state"] if ".queue." in key):
        assert torch.equal(ranks[0]["state"][key], ranks[1]["state"][key]), key
