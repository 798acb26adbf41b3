"""Ranks agree on their buffers before validation and in checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmsync.config import load
from mmsync.engine.buffers import synchronize_buffers
from mmsync.engine.runner import MotionRunner
from mmsync.models.modules import convert_sync_batchnorm

from .launch import on_ranks

pytestmark = pytest.mark.dist

CONFIG = Path(__file__).parents[2] / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"


class Toy(nn.Module):
    """Two batch norms, one without statistics, and buffers of other kinds."""

    def __init__(self):
        super().__init__()
        self.norms = nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, track_running_stats=False))
        self.register_buffer("queue", torch.zeros(3, 5))
        self.register_buffer("on", torch.tensor(False))


def clips(rank: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rank)
    return torch.randn(30, 4, generator=generator) * (1 + rank) + 3 * rank


def buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def synchronized(rank: int, sync_bn: bool) -> tuple[dict, dict, dict]:
    """Buffers after a training step, synchronized once, and twice."""
    model = Toy()
    for norm in model.norms[:2]:
        norm.momentum = 1.0  # the statistics of the last batch
    if sync_bn:
        model.norms[2] = nn.Identity()
        convert_sync_batchnorm(model)
    model.norms(clips(rank))
    model.queue.fill_(7)
    model.on.fill_(rank == 0)
    seen = [buffers(model)]
    for _ in range(2):
        synchronize_buffers(model)
        seen.append(buffers(model))
    return tuple(seen)


@pytest.mark.parametrize("size", [2, 3])
def test_running_statistics_are_those_of_all_clips(size):
    ranks = on_ranks(synchronized, False, size=size)
    _, first, _ = ranks[0]
    everything = torch.cat([clips(rank) for rank in range(size)])
    torch.testing.assert_close(first["norms.0.running_mean"], everything.mean(0))
    torch.testing.assert_close(first["norms.0.running_var"], everything.var(0), rtol=0.05, atol=0)  # 29 / 30 of each
    assert first["queue"].eq(7).all()
    assert first["on"]  # of rank 0
    for _, once, twice in ranks:
        assert all(torch.equal(once[name], first[name]) for name in first)
        assert all(torch.equal(twice[name], first[name]) for name in first)  # nothing to do changes nothing


def test_synchronized_batch_norms_stay_as_they_are():
    for before, after, _ in on_ranks(synchronized, True):
        assert all(torch.equal(before[name], after[name]) for name in before if name != "on")


def small(folder: Path, **more):
    sources = {f"{part}_dataloader.dataset.source.num_clips": (64, 24) for part in ("train", "val", "test")}
    cfg = load(
        CONFIG,
        {
            **sources,
            "train_dataloader.batch_size": 8,
            "train_dataloader.num_workers": 0,
            "val_dataloader.num_workers": 0,
            "test_dataloader.num_workers": 0,
            "train_cfg.max_epochs": 2,
            "train_cfg.val_interval": 1,
            "model.queue_size": 32,
            "model.encoder.backbone.channels": [8, 8, 16],
            "model.encoder.backbone.strides": [1, 2, 2],
            "default_hooks.checkpoint.by_epoch": False,
            "default_hooks.checkpoint.interval": 2,  # 4 iterations per epoch
            "default_hooks.checkpoint.save_best": None,
            "launcher": "pytorch",
            **more,
        },
    )
    cfg.work_dir = str(folder)
    return cfg


def results(runner: MotionRunner) -> dict[str, float]:
    """The latest validation result."""
    hub = runner.message_hub.log_scalars
    return {key[4:]: buffer.current() for key, buffer in hub.items() if key.startswith(("val/knn", "val/collapse"))}


def train_then_test(rank: int, folder: Path, sync_bn: str | None) -> dict:
    runner = MotionRunner.from_cfg(small(folder / "run", sync_bn=sync_bn))
    runner.train()
    saved = torch.load(folder / "run" / "iter_8.pth", weights_only=True)["state_dict"]
    tested = MotionRunner.from_cfg(small(folder / "test", load_from=str(folder / "run" / "iter_8.pth"))).test()
    return dict(buffers=buffers(runner.bare_model), saved=saved, validation=results(runner), test=tested)


@pytest.mark.parametrize("sync_bn", [None, "torch"])
def test_validation_in_training_equals_a_test_of_the_checkpoint(tmp_path, sync_bn):
    ranks = on_ranks(train_then_test, tmp_path, sync_bn)
    first = ranks[0]
    assert first["validation"]
    assert len([name for name in first["buffers"] if name.endswith("running_var")]) > 4
    for r in ranks:
        for name, buffer in r["buffers"].items():
            assert torch.equal(buffer, first["buffers"][name]), name
            assert name not in r["saved"] or torch.equal(buffer, r["saved"][name]), name
        assert {key: r["test"][key] for key in r["validation"]} == r["validation"] == first["validation"]


class Interrupt(Hook):
    """Stops training after five iterations, one after a checkpoint."""

    priority = "LOWEST"

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == 5:
            raise KeyboardInterrupt


def straight_and_resumed(rank: int, folder: Path) -> list[dict[str, torch.Tensor]]:
    states = []
    for name, resume in (("straight", False), ("broken", False), ("broken", True)):
        runner = MotionRunner.from_cfg(small(folder / name, resume=resume))
        if name == "broken" and not resume:
            runner.register_hook(Interrupt())
            with pytest.raises(KeyboardInterrupt):
                runner.train()
            continue
        runner.train()
        states.append(runner.bare_model.state_dict())
    return states


def test_a_resumed_run_repeats_the_uninterrupted_one(tmp_path):
    ranks = on_ranks(straight_and_resumed, tmp_path)
    for straight, resumed in ranks:
        assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []
        assert [name for name in straight if not torch.equal(straight[name], ranks[0][0][name])] == []
