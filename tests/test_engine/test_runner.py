"""The Runner applies the optimizer's settings."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from toy_motion import toy_config

from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError


@pytest.mark.parametrize("as_list", [True, False])
def test_auto_scale_lr_reaches_schedulers_with_a_rate_of_their_own(tmp_path, as_list):
    """OneCycleLR would overwrite the optimizer's scaled rate by its own ``eta_max``."""
    scheduler = {"type": "OneCycleLR", "eta_max": 0.5, "pct_start": 0.5, "by_epoch": False, "total_steps": 10}
    config = toy_config(
        tmp_path,
        epochs=1,
        auto_scale_lr={"enable": True, "base_batch_size": 16},
        param_scheduler=[scheduler] if as_list else scheduler,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    cfg = Config(config)
    runner = MotionRunner.from_cfg(cfg)
    runner.train()
    rates, _ = runner.message_hub.get_scalar("train/lr").data
    assert rates.max() == pytest.approx(0.5 * 8 / 16)  # the fifth of ten steps is the peak
    written = cfg.param_scheduler[0] if as_list else cfg.param_scheduler
    assert written["eta_max"] == 0.5


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU it works")
def test_mmengines_amp_without_a_gpu_says_what_to_take_instead(tmp_path):
    config = toy_config(tmp_path, optim_wrapper={"type": "AmpOptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}})
    with pytest.raises(ConfigError, match="AutocastOptimWrapper works everywhere"):
        MotionRunner.from_cfg(Config(config)).train()
