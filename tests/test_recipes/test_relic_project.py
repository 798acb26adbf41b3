"""Proves that a third party's method trains on a shipped recipe by one command, and that its loss is its equation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmsync.config import load
from mmsync.registry import MODELS
from mmsync.structures import View

ROOT = Path(__file__).parents[2]
CONFIG = "projects/relic/configs/relic_stgcn_synthetic.py"


@pytest.mark.recipe
def test_relic_trains_and_is_probed_from_a_clean_shell(tmp_path):
    options = ["train_cfg.max_epochs=2", "source.num_clips=(64,32)", "train_dataloader.batch_size=32"]
    command = [sys.executable, "tools/train.py", CONFIG, "--work-dir", str(tmp_path), "--cfg-options", *options]
    shell = {k: os.environ[k] for k in ("PATH", "HOME", "OMP_NUM_THREADS") if k in os.environ}
    run = subprocess.run(
        [*command, "train_cfg.val_interval=2"], cwd=ROOT, env=shell, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "knn/top1" in run.stdout + run.stderr
    assert list(tmp_path.glob("*.pth"))


def test_relic_is_its_equation(monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = load(CONFIG, {"model.momentum": 1.0, "model.invariance_weight": 3.0, "model.temperature": 0.5})
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    views = {name: View(torch.randn(5, 1, 32, 25, 6)) for name in model.views_needed}
    losses = model(views, mode="loss")

    p = []
    for one, other in (("first", "second"), ("second", "first")):
        online, target = model.predictor(model.encoder(views[one])), model.target(views[other])
        rows = [[torch.cosine_similarity(a, b, dim=0) / 0.5 for b in target] for a in online]
        p.append(torch.stack([torch.stack(row) for row in rows]).softmax(1))
    contrast = -sum(q.diagonal().log().mean() for q in p)
    apart = sum((a * (a / b).log()).sum() for a, b in (p, p[::-1])) / 2 / 5
    torch.testing.assert_close(losses["loss_contrast"], contrast)
    torch.testing.assert_close(losses["loss_invariance"], 3 * apart)
    sum(losses.values()).backward()
    assert all(x.grad is None for x in model.target.parameters())
    assert all(x.grad is not None for x in model.predictor.parameters())
