"""Rank correlations of criteria with accuracies, over the checkpoints of a run."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from mmsync.errors import ConfigError

ROOT = Path(__file__).parents[2]
TOOL = str(ROOT / "tools" / "benchmarks" / "label_free.py")
TINY = [
    "source.num_clips=[32,16]",
    "max_epochs=4",
    "val_interval=4",
    "default_hooks.checkpoint.interval=1",
    "train_dataloader.batch_size=16",
]


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(TOOL)


def test_criteria_are_turned_so_that_larger_is_better(tool):
    found = tool["oriented"](dict(rank=3.0, uniformity=-2.0, alignment=0.5, decay=1.5))
    assert found == {
        "rank": 3.0, "uniformity": 2.0, "alignment": -0.5, "decay": -0.5, "alignment + uniformity": 1.5,
    }  # fmt: skip


def test_correlations_equal_scipy(tool):
    rng = np.random.default_rng(0)
    accuracy, rank = rng.random(8), rng.random(8)
    rows = [
        dict(run=str(i), accuracy={"knn/top1": a}, criteria=dict(rank=r, uniformity=-a))
        for i, (a, r) in enumerate(zip(accuracy, rank))
    ]
    found = {name: rest for name, *rest in tool["correlate"](rows, "knn/top1")}
    assert found["rank"][:2] == pytest.approx(list(kendalltau(rank, accuracy)))
    assert found["rank"][3] == accuracy[rank.argmax()]
    assert found["uniformity"][0] == pytest.approx(1)
    assert found["uniformity"][3] == accuracy.max()
    with pytest.raises(ConfigError, match="no mlp/last; there are knn/top1"):
        tool["correlate"](rows, "mlp/last")


def test_a_run(tmp_path, monkeypatch, capsys):
    config = str(ROOT / "configs" / "simclr" / "simclr_stgcn_synthetic.py")
    options = [*TINY, "default_hooks.checkpoint.max_keep_ckpts=-1", "default_hooks.checkpoint.save_best=None"]
    commands = (
        [str(ROOT / "tools" / "train.py"), config, "--work-dir", str(tmp_path / "run"), "--cfg-options", *options],
        [TOOL, str(tmp_path), "--every", "1", "--clusters", "4"],
    )
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        runpy.run_path(command[0], run_name="__main__")
    printed = capsys.readouterr().out
    assert "4 runs, knn/top1 mean" in printed
    assert "cycles_view" in printed
    kept = json.loads((tmp_path / "run" / "label_free.json").read_text())
    assert len(kept) == 4
    monkeypatch.setattr(sys, "argv", [TOOL, str(tmp_path)])
    with pytest.raises(SystemExit):
        runpy.run_path(TOOL, run_name="__main__")
    assert "a correlation needs 4 or more" in capsys.readouterr().err
