"""Two ranks equal one for methods that mask or exchange parts of skeletons, whose draws are the same on all ranks."""

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

QUEUE = dict(queue_size=16, temperature=0.2, momentum=0.9)
METHODS = {"PSTL": {}, "HiCLR": dict(QUEUE, mining_epoch=0), "SkeleMixCLR": dict(QUEUE, repeats=2)}


def build(name: str, persons: str) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder",
        backbone=dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3),
        pool=dict(type="SkeletonPool", persons=persons),
        projector=dict(type="MLPProjector", out_channels=5, norm=True),
    )
    model = MODELS.build(dict(type=name, encoder=encoder, **METHODS[name]))
    model.init_weights()
    return model.double()


def global_views(step: int, names: tuple[str, ...], rows: slice = slice(None)) -> dict[str, View]:
    """Views in which the second person is missing in some clips, and not equally many on each rank."""
    generator = torch.Generator().manual_seed(step)
    mask = torch.ones(BATCH, 2, dtype=torch.bool)
    mask[: BATCH // 2 + 1, 1] = False
    shape = (BATCH, 2, 12, 25, 3)
    data = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in names)
    torch.manual_seed(step)  # of the masks
    return {k: View((x * mask[..., None, None, None])[rows], mask[rows]) for k, x in zip(names, data)}


def train_rank(rank: int, name: str, persons: str) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(name, persons)), broadcast_buffers=False)
    rows = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
    return train(model, lambda step: global_views(step, model.module.views_needed, rows))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("persons", ["mean", "valid_mean"])
def test_methods(name, persons):
    model = build(name, persons)
    one = train(model, lambda step: global_views(step, model.views_needed))
    ranks = on_ranks(train_rank, name, persons)
    for step in range(STEPS):
        for key, expected in one["log"][step].items():
            if key != "embedding_std":  # of the clips of a rank; logged only
                mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
                torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    assert one["gradients"]
    for part in ("gradients", "state"):
        for key, expected in one[part].items():
            for r in ranks:
                found = r[part][key]
                torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}")
