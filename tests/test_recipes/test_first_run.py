"""The first-run config, made small, does by the command line what the README promises: train, resume, be probed."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

from mmsync.engine.hooks import summary

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"
SMALL = [
    "source.num_clips=(48,24)",
    "train_dataloader.batch_size=16",
    "model.queue_size=32",
    "model.encoder.backbone.channels=(8,16)",
    "model.encoder.backbone.strides=(2,2)",
    "default_hooks.checkpoint.interval=1",
    "train_cfg.max_epochs=2",
    "train_cfg.val_interval=1",
]


@pytest.fixture
def tool(monkeypatch, capfd):
    """Runs a tool in this process, with the small config's options: what it printed."""

    def run(name, *args) -> str:
        monkeypatch.setattr(sys, "argv", [name, str(CONFIG), *map(str, args), "--cfg-options", *SMALL])
        runpy.run_path(str(ROOT / "tools" / name), run_name="__main__")
        return capfd.readouterr().out

    return run


@pytest.mark.recipe
def test_it_trains_resumes_and_is_probed(tmp_path, tool, monkeypatch):
    draw, drawn = summary.draw_embedding, []
    monkeypatch.setattr(summary, "draw_embedding", lambda *args: drawn.append(args) or draw(*args))
    said = tool("train.py", "--work-dir", tmp_path / "run")
    assert said.count("knn/top1") >= 2
    last = tmp_path / "run" / "epoch_2.pth"
    for name in ("checkpoint", "log", "embedding", "evaluate"):
        assert f"\n  {name} " in said, said
    assert (tmp_path / "run" / "embedding.png").is_file()
    assert "wave" in drawn[0][3]  # the picture names the actions

    tool("train.py", "--work-dir", tmp_path / "again", "--resume", tmp_path / "run" / "epoch_1.pth")
    straight, resumed = (torch.load(p, weights_only=True) for p in (last, tmp_path / "again" / "epoch_2.pth"))
    assert resumed["meta"]["iter"] == straight["meta"]["iter"] == 6
    assert [k for k, v in straight["state_dict"].items() if not torch.equal(v, resumed["state_dict"][k])] == []

    tool("test.py", last, "--work-dir", tmp_path / "test", "--out", tmp_path / "results.json")
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert {"knn/top1", "linear/last", "linear/best", "collapse/std"} <= results.keys()
    assert 0 < results["knn/top1"] <= 100
