"""Proves that a third party's backbone and method train by the project's own tools, with no edit in mmsync."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "projects/example_project/configs/paircontrast_framenet_synthetic.py"


@pytest.mark.recipe
def test_the_example_project_trains_and_is_probed(tmp_path):
    options = ["num_epochs=2", "source.num_clips=(64,32)", "train_dataloader.batch_size=32", "train_cfg.val_interval=2"]
    command = [sys.executable, "tools/train.py", CONFIG, "--work-dir", str(tmp_path), "--cfg-options", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert (tmp_path / "epoch_2.pth").is_file()
    assert "knn/top1" in run.stdout + run.stderr
    assert "FrameNet" in "".join(path.read_text() for path in tmp_path.glob("*.py"))
