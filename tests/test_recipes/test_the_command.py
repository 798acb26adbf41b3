"""The command of this project: raw NTU files, conversion, pretraining of the real config, linear evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_ntu import raw_folder

pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
CONFIG = "configs/aimclr/aimclr_dstformer_ntu60_xsub.py"
# A network that a processor trains in seconds; data, views, losses, mining, schedule and probes are the shipped ones.
SLIM = [
    "model.encoder.backbone.embed_dim=16",
    "model.encoder.backbone.rep_dim=32",
    "model.encoder.backbone.depth=1",
    "model.encoder.backbone.num_heads=2",
    "model.queue_size=64",
    "train_dataloader.batch_size=16",
    "train_cfg.max_epochs=2",
    "train_cfg.val_interval=2",
    "model.mining.start_epoch=0",
]


def run(*command: object) -> str:
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_from_raw_files_to_a_linear_probe(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    raw_folder(tmp_path / "raw", num_clips=(40, 16), actions=["wave", "kick", "clap", "squat"], broken=["empty"])
    store, work = tmp_path / "ntu60", tmp_path / "work"
    told = run("tools/dataset_converters/ntu.py", tmp_path / "raw", store, "--workers", 1)
    assert "xsub_train" in told
    options = ["--work-dir", work, "--cfg-options", f"data_root={store}", *SLIM]
    told = run("tools/train.py", CONFIG, *options)
    assert "knn/top1" in told
    told = run("tools/test.py", CONFIG, work / "epoch_2.pth", "--out", tmp_path / "result.json", *options)
    assert "bank 120, query 48, 4 classes" in told  # three cameras of 40 and 16 performances, by the rule of xsub
    results = json.loads((tmp_path / "result.json").read_text())["results"]
    assert {"knn/top1", "linear/last", "linear/best", "collapse/effective_rank"} <= set(results)
    assert results["collapse/effective_rank"] > 1
    assert 0 < results["linear/last"] <= 100
