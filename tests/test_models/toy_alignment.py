"""Small methods of the alignment family, and batches of sequences that differ in length, for their tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsync.models.losses import brownian_bridge, cycle_consistency
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View

CHANNELS, WIDTH = 6, 8
LENGTHS = [5, 7, 6, 4, 10, 8, 9, 6]
"""Valid frames of the first view; those of the first four, one rank of two, are at most 7."""
CONTEXT = dict(type="CrossContext", layers=["self", "cross"])
METHODS: dict[str, dict] = {
    "MASA": dict(context=CONTEXT),
    "MASA_mean_of_ratios": dict(context=CONTEXT, loss=dict(type="IndexMatchingLoss", reduction="mean_of_ratios")),
    "CASA": dict(context=CONTEXT),
    "TCC": {},
    "TCC_random": dict(pairs="random"),
    "TCN": {},
    "TCN_views": dict(positives="views"),
    "LAV": {},
    "VAVA": {},
    "CARL": {},
    "CARL_batch": dict(loss=dict(type="SequenceContrastLoss", negatives="batch_noself")),
    "VSP": {},
    "GTCC": dict(loss=dict(type="MixtureCycleLoss", components=2, steps=3, delta=0.05)),  # margins of one frame
    "FrameSimSiam": {},
    "FrameBYOL": {},
}


def build(name: str, **more: object) -> nn.Module:
    """A method in float64, by its name in METHODS."""
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder",
        backbone=dict(type="FrameMLP", in_channels=CHANNELS, widths=[WIDTH, WIDTH], final_act=False),
        pool=dict(type="FramePool"),
    )
    type_ = name.split("_")[0]
    if type_ not in ("MASA", "CASA"):
        encoder["projector"] = dict(type="MLPProjector", out_channels=6, norm=True)
    model = MODELS.build(dict(type=type_, encoder=encoder, **METHODS[name], **more))
    model.init_weights()
    return model.double()


def view(seed: int, more: int = 0, lengths: list[int] = LENGTHS, smooth: bool = False) -> View:
    """A view of sequences of 14 frames, of which it shows some, in order; its padding is noise."""
    generator = torch.Generator().manual_seed(seed)
    n, frames = len(lengths), max(lengths)
    data = torch.randn(n, frames, CHANNELS, generator=generator, dtype=torch.float64)
    shown = torch.stack([torch.randperm(14, generator=generator)[:frames] for _ in range(n)]).double()
    index = torch.stack([torch.cat([row[:k].sort().values, row[k:]]) for row, k in zip(shown, lengths)])
    data = torch.cat([data, 9 * torch.randn(n, more, CHANNELS, generator=generator, dtype=torch.float64)], 1)
    index = torch.cat([index, 99 + torch.rand(n, more, generator=generator, dtype=torch.float64)], 1)
    valid = torch.arange(frames + more) < torch.tensor(lengths)[:, None]
    if smooth:  # a posture moves along a line, the same for all sequences of this seed's generator
        line = torch.randn(2, CHANNELS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        data = line[0] + index[..., None] / 14 * line[1] * 3 + 0.1 * data
    return View(data, None, valid, index)


def batch(model: nn.Module, seed: int = 0, more: int = 0, **options: object) -> dict[str, View]:
    """Views that a method needs; the second one has other lengths unless both show the same moments."""
    lengths = options.pop("lengths", LENGTHS)
    same = getattr(model, "positives", "") == "views"
    return {
        name: view(2 * seed + i, more, lengths if i == 0 or same else [k - 1 for k in lengths], **options)
        for i, name in enumerate(model.views_needed)
    }


def samples(activities: list[int], **fields: object) -> list[MotionSample]:
    return [MotionSample(gt_label=a, metainfo=dict(index=i, num_frames=14, **fields)) for i, a in enumerate(activities)]


def total(losses: dict[str, Tensor]) -> Tensor:
    return sum(value for key, value in losses.items() if "loss" in key)


def first_middle_last(valid: Tensor, *_: object) -> Tensor:
    """In place of random triplets."""
    last = valid.sum(1) - 1
    return torch.stack([torch.zeros_like(last), last // 2, last], 1)[:, None]


def every_cycle(valid: Tensor, cycles: int, length: int, group: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    """All cycles through two sequences of a group and back, in place of random ones."""
    pairs = (group[:, None] == group) & ~torch.eye(len(group), dtype=torch.bool)
    found = (pairs[..., None] & valid[:, None]).nonzero()
    return found[:, :2], found[:, 2]


def without_draws(patch: object) -> None:
    """Replace the draws of losses by fixed ones, so that runs compare."""
    patch.setattr(brownian_bridge, "draw_triplets", first_middle_last)
    patch.setattr(cycle_consistency, "draw_cycles", every_cycle)
