"""The first-run config, made small, resumes bit for bit: queue, momentum encoder and augmentations included."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_resume import everything, train

from mmsync.config import load

CONFIG = Path(__file__).parents[2] / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"


def small(folder):
    sources = {f"{part}_dataloader.dataset.source.num_clips": (64, 24) for part in ("train", "val", "test")}
    cfg = load(
        CONFIG,
        {
            **sources,
            "train_dataloader.batch_size": 16,
            "train_cfg.max_epochs": 2,
            "train_cfg.val_interval": 1,
            "model.queue_size": 32,
            "model.mining": dict(
                _delete_=True, agreement=1e-3, max_crowding=1.0, min_similarity=-1.0, max_share=1.0, smoothing=2
            ),
            "model.mining_epoch": None,
            "model.encoder.backbone.channels": [8, 8, 16],
            "model.encoder.backbone.strides": [1, 2, 2],
            "default_hooks.checkpoint.by_epoch": False,
            "default_hooks.checkpoint.interval": 3,  # 4 iterations per epoch
            "default_hooks.checkpoint.save_best": None,  # a best one would be a later checkpoint, on the seam
        },
    )
    cfg.work_dir = str(folder)
    return cfg


@pytest.mark.recipe
def test_aimclr_resumes_in_the_middle_of_an_epoch(tmp_path):
    straight, losses = train(small(tmp_path / "straight"), log=("loss",))
    assert straight.bare_model.miner.on  # so that what is resumed is a decision, not the absence of one
    train(small(tmp_path / "broken"), stop_at=5, log=("loss",))
    again = small(tmp_path / "broken")
    again.resume = True
    resumed, rest = train(again, log=("loss",))
    assert min(rest) == 3
    assert rest == {i: v for i, v in losses.items() if i >= 3}
    expected, actual = everything(straight), everything(resumed)
    assert any("queue" in key for key in expected)
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
