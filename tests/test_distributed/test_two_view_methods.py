"""Two ranks equal one for methods on two views: losses, gradients, statistics and weights on the same global batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmsync.models.losses.nt_xent import nt_xent
from mmsync.models.modules import convert_sync_batchnorm
from mmsync.registry import MODELS
from mmsync.structures import View

from .launch import on_ranks
from .test_two_ranks import BATCH, STEPS, train

pytestmark = pytest.mark.dist

CHUNKED = dict(loss=dict(type="NTXentLoss", temperature=0.2, chunk_size=5))


def build(name: str, persons: str, more: dict) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder",
        backbone=dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3),
        pool=dict(type="SkeletonPool", persons=persons),
        projector=dict(type="MLPProjector", out_channels=5, norm=True),
    )
    model = MODELS.build(dict(type=name, encoder=encoder, **more))
    model.init_weights()
    return model.double()


def global_views(step: int) -> dict[str, View]:
    """Views in which the second person is missing in some clips, and not equally many on each rank."""
    generator = torch.Generator().manual_seed(step)
    mask = torch.ones(BATCH, 2, dtype=torch.bool)
    mask[: BATCH // 2 + 1, 1] = False
    shape = (BATCH, 2, 8, 25, 3)
    data = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return {k: View(x * mask[..., None, None, None], mask) for k, x in zip(("first", "second"), data)}


def train_rank(rank: int, *config) -> dict:
    model = DistributedDataParallel(convert_sync_batchnorm(build(*config)), broadcast_buffers=False)
    rows = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
    return train(model, lambda step: {k: View(v.data[rows], v.present[rows]) for k, v in global_views(step).items()})


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("SimCLR", {}),
        ("SimCLR", CHUNKED),
        ("BYOL", dict(momentum=0.9)),
        ("SimSiam", {}),
        ("BarlowTwins", {}),
        ("VICReg", {}),
    ],
    ids=["simclr", "simclr_chunked", "byol", "simsiam", "barlow_twins", "vicreg"],
)
@pytest.mark.parametrize("persons", ["mean", "valid_mean"])
def test_methods(name, more, persons):
    one = train(build(name, persons, more), global_views)
    ranks = on_ranks(train_rank, name, persons, more)
    for step in range(STEPS):
        for key, expected in one["log"][step].items():
            if key != "embedding_std":  # of the clips of a rank; logged only
                mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
                torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    assert one["gradients"]
    for key, expected in one["gradients"].items():
        for r in ranks:
            torch.testing.assert_close(
                r["gradients"][key], expected, rtol=1e-7, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
            )
    assert any("running_var" in key for key in one["state"])
    for key, expected in one["state"].items():
        for r in ranks:
            torch.testing.assert_close(
                r["state"][key], expected, rtol=1e-7, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}"
            )


def nt_xent_on_rank(rank: int, z: torch.Tensor, chunk: int | None) -> list[torch.Tensor]:
    part = z[:, 4 * rank : 4 * rank + 4].clone().requires_grad_()
    loss = nt_xent(*part, 0.1, chunk)
    loss.backward()
    return [loss.detach(), part.grad]


@pytest.mark.parametrize("chunk", [None, 3])
def test_nt_xent_has_the_negatives_of_all_ranks_with_gradient(chunk):
    """A gather without gradient would have the loss right and half of the gradient missing."""
    z = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = z.clone().requires_grad_()
    loss = nt_xent(*whole, 0.1)
    loss.backward()
    found = on_ranks(nt_xent_on_rank, z, chunk)
    torch.testing.assert_close(sum(f[0] for f in found) / 2, loss.detach())
    torch.testing.assert_close(torch.cat([f[1] for f in found], 1) / 2, whole.grad)
