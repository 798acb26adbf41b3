"""The Runner on two gloo ranks: with ``sync_bn`` every rank normalises by the same statistics."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from toy_motion import toy_config

from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError

from .launch import on_ranks

pytestmark = pytest.mark.dist


def statistics_on_rank(rank: int, folder: str, sync_bn: str | None) -> dict[str, torch.Tensor]:
    config = toy_config(
        folder,
        n=16,  # two iterations of 4 clips on each rank
        batch_size=4,
        epochs=1,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        default_hooks={"checkpoint": None},
        launcher="pytorch",
        sync_bn=sync_bn,
    )
    runner = MotionRunner.from_cfg(Config(config))
    runner.train()
    assert runner.iter == 2
    return {key: value for key, value in runner.bare_model.state_dict().items() if "running" in key}


@pytest.mark.parametrize("sync_bn", [None, "torch"])
def test_sync_bn_keeps_the_statistics_of_the_ranks_equal(tmp_path, sync_bn):
    first, second = on_ranks(statistics_on_rank, str(tmp_path), sync_bn)
    assert len(first) == 2
    for key, value in first.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, second[key]) == (sync_bn is not None), key  # each rank sees clips of its own


def train_on_rank(rank: int, folder: str) -> str:
    """The message of a training of one epoch, if it is refused."""
    config = toy_config(folder, epochs=1, n=16, batch_size=4, launcher="pytorch", param_scheduler=None)
    try:
        MotionRunner.from_cfg(Config(config)).train()
    except ConfigError as error:
        return str(error)
    return ""


def test_ranks_agree_on_who_owns_the_folder(tmp_path):
    assert on_ranks(train_on_rank, str(tmp_path)) == ["", ""]
    logs = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(logs) == 1  # both ranks have the same one
    first, second = on_ranks(train_on_rank, str(tmp_path))
    assert first == second
    assert "has the checkpoints of another run (1, the last is epoch_1.pth)" in first
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == logs
