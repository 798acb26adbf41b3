"""Two ranks equal one for masked prediction: losses, gradients, centers and weights on the same global batch."""

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

BACKBONES = {
    "vit": dict(type="SkeletonViT", embed_dim=8, depth=1, num_heads=2, t_patch=4, clip_len=8, data_norm=True),
    "dst": dict(type="DSTformer", embed_dim=8, rep_dim=6, depth=1, num_heads=2, max_len=8, data_norm=True),
}


def drawn_from_the_data(rows: torch.Tensor, places: int) -> torch.Tensor:
    """Numbers that a person has on whatever rank it is."""
    seeds = (int(row.double().abs().sum() * 1e6) for row in rows)
    draws = [torch.rand(places, generator=torch.Generator().manual_seed(seed), dtype=rows.dtype) for seed in seeds]
    return torch.stack(draws)


def build(name: str, backbone: str, persons: str) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(type="Encoder", backbone=BACKBONES[backbone], pool=dict(type="SkeletonPool", persons=persons))
    model = MODELS.build(dict(type=name, encoder=encoder, decoder=dict(embed_dim=8, depth=1, num_heads=2)))
    model.init_weights()
    model.uniform = drawn_from_the_data
    return model.double()


def global_views(step: int) -> dict[str, View]:
    """A view in which the second person is missing in some clips, and not equally many on each rank."""
    mask = torch.ones(BATCH, 2, dtype=torch.bool)
    mask[: BATCH // 2 + 1, 1] = False
    x = torch.randn(BATCH, 2, 8, 25, 3, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
    return {"clip": View(x * mask[..., None, None, None], mask)}


def train_rank(rank: int, configs: list[tuple[str, str, str]]) -> list[dict]:
    rows = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
    found = []
    for config in configs:  # in one pair of processes, whose start takes longer than all of them
        model = DistributedDataParallel(convert_sync_batchnorm(build(*config)), broadcast_buffers=False)
        found.append(train(model, lambda step: {k: v.take(rows) for k, v in global_views(step).items()}))
    return found


CASES = [
    ("MAMP", "vit", "valid_mean"),
    ("MAMP", "vit", "mean"),
    ("MAMP", "dst", "valid_mean"),
    ("SkeletonMAE", "vit", "valid_mean"),
    ("SJEPA", "vit", "valid_mean"),
    ("SJEPA", "dst", "mean"),
]


@pytest.fixture(scope="module")
def found() -> list[tuple[dict, ...]]:
    return list(zip(*on_ranks(train_rank, CASES)))


@pytest.mark.parametrize("case", range(len(CASES)), ids=["-".join(case) for case in CASES])
def test_methods(found, case):
    one, ranks = train(build(*CASES[case]), global_views), found[case]
    for step in range(STEPS):
        for key, expected in one["log"][step].items():
            if "loss" in key:  # others are of the persons of a rank; logged only
                mean = torch.stack([r["log"][step][key] for r in ranks]).mean()
                torch.testing.assert_close(mean, expected, msg=lambda m, at=(step, key): f"{at}: {m}")
    assert len(one["gradients"]) > 30
    for part in ("gradients", "state"):
        for key, expected in one[part].items():
            for r in ranks:
                torch.testing.assert_close(
                    r[part][key], expected, rtol=1e-6, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}"
                )
