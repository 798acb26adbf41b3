"""The pretraining of motion-s, in small: it trains on programs, resumes exactly, and becomes shipped weights."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from mmsync import fileio
from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner
from mmsync.registry import MODELS

pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
SMALL = {
    "source.num_clips": (24, 8),
    "source.num_performers": (4, 2),
    "max_iters": 4,
    "val_interval": 2,
    "model.encoder.backbone.embed_dim": 16,
    "model.encoder.backbone.num_heads": 2,
    "model.encoder.backbone.depth": 1,
    "model.encoder.projector.hidden_channels": 16,
    "model.data_preprocessor.programs": 6,
    "train_dataloader.batch_size": 8,
}


def train(work_dir: Path, **more: object) -> dict[str, torch.Tensor]:
    cfg = load(ROOT / "configs/default/motion_s_synthetic.py", {**SMALL, **more})
    cfg.work_dir = str(work_dir)
    check(cfg)
    MotionRunner.from_cfg(cfg).train()
    return torch.load(work_dir / "iter_4.pth", weights_only=True)["state_dict"]


def test_it_trains_resumes_and_is_shipped(tmp_path, monkeypatch, capsys):
    straight = train(tmp_path / "run")
    assert all(torch.isfinite(value).all() for value in straight.values())
    resumed = train(tmp_path / "again", resume=True, load_from=str(tmp_path / "run/iter_2.pth"))
    assert [k for k, v in straight.items() if not torch.equal(v, resumed[k])] == []
    other = train(tmp_path / "without", **{"model.data_preprocessor.programs": 0})
    name = "encoder.backbone.norm.weight"
    assert not torch.equal(straight[name], other[name])

    monkeypatch.setattr(fileio, "WEIGHTS", tmp_path / "weights")
    tool = ROOT / "tools/misc/publish_model.py"
    words = ["--no-checksum", str(tmp_path / "run/iter_4.pth"), str(tmp_path / "weights/motion_t.pth")]
    monkeypatch.setattr(sys, "argv", [str(tool), *words])
    runpy.run_path(str(tool), run_name="__main__")
    assert "4 iterations, seed 0" in capsys.readouterr().out
    published = torch.load(tmp_path / "weights/motion_t.pth", weights_only=True)["state_dict"]
    assert published[name].dtype == torch.half
    assert any("running_" in key and value.dtype == torch.float32 for key, value in published.items())
    # the default's frozen encoder is made of it
    small = {key.removeprefix("model.encoder."): value for key, value in SMALL.items() if "encoder.backbone" in key}
    frozen = {f"model.encoder.frozen.{key}": value for key, value in small.items()}
    cfg = load(
        ROOT / "configs/default/default_synthetic.py",
        {"model.encoder.frozen.init_cfg.checkpoint": "motion-t", **frozen},
    )
    model = MODELS.build(cfg.model)
    model.init_weights()
    assert torch.equal(model.encoder.frozen.backbone.norm.weight, published[name].float())
