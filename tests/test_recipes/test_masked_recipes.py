"""Masked prediction by the shipped configs, in small: they train, resume from their checkpoint and are probed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from synthetic_ntu import make_store

from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner

pytestmark = pytest.mark.recipe
CONFIGS = Path(__file__).parents[2] / "configs"
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope("mmsync"):
        yield


def train(config: str, work_dir: Path, **options) -> MotionRunner:
    small = {f"{loader}.batch_size": 8 for loader in LOADERS}
    cfg = load(CONFIGS / config, {**small, "val_interval": 1, "work_dir": str(work_dir), **options})
    check(cfg)
    runner = MotionRunner.from_cfg(cfg)
    runner.train()
    return runner


@pytest.mark.parametrize("method", ["MAMP", "SkeletonMAE", "SJEPA"])
def test_the_built_in_world(method, tmp_path):
    options = {"source.num_clips": (32, 16), "model.type": method}
    runner = train("mamp/mamp_vit_synthetic.py", tmp_path, max_epochs=2, **options)
    history = runner.message_hub.log_scalars
    assert math.isfinite(history["train/loss"].current())
    assert 0 <= history["val/knn/top1"].current() <= 100
    again = train("mamp/mamp_vit_synthetic.py", tmp_path, max_epochs=3, resume=True, **options)
    assert again.epoch == 3


def test_mamp_on_ntu_60_as_published(tmp_path):
    """Random crops in training, the middle in evaluation, of which the same clips are made each time."""
    make_store(tmp_path, "ntu60")
    tiny = {f"model.encoder.backbone.{k}": v for k, v in dict(embed_dim=16, depth=1, num_heads=2).items()}
    tiny |= {f"model.decoder.{k}": v for k, v in dict(embed_dim=16, depth=1, num_heads=2).items()}
    options = {"data_root": str(tmp_path / "store"), "max_epochs": 2, "warmup": 1, **tiny}
    options["train_dataloader.dataset.pipeline.1.min_frames"] = 8  # these clips are shorter than 64
    runner = train("mamp/mamp_vit_ntu60_xsub.py", tmp_path / "run", **options)
    rates = {group["lr"] for group in runner.optim_wrapper.param_groups}
    assert max(rates) == pytest.approx(5e-4, rel=0.05)
    clips, held = runner.train_dataloader.dataset, runner.val_dataloader.dataset
    for dataset, same in ((clips, False), (held, True)):
        epochs = []
        for epoch in range(2):
            dataset.set_epoch(epoch)
            epochs.append(dataset.__getitems__([0, 1, 2, 3])["inputs"]["skeleton"].data)
        assert epochs[0].shape[1:] == (2, 120, 25, 3)
        assert torch.equal(*epochs) is same
    model = runner.bare_model
    batch = held.__getitems__(range(8))
    rows = model.rows(model.data_preprocessor(batch, False)["inputs"]["clip"])
    assert len(rows) == 16  # empty second persons, too
    assert [part.shape[1] for part in model.split(rows)] == [74, 676]
