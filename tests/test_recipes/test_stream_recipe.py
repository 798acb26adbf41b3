"""CMD's smoke config, made small: it trains, resumes exactly, and each stream and all are probed and finetuned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from run_tool import run_tool

pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/cmd/cmd_bigru_synthetic.py"
SMALL = [
    "source.num_clips=(48,24)", "train_dataloader.batch_size=16", "model.queue_size=32", "model.topk=16",
    "model.encoder.backbone.hidden_channels=8", "max_epochs=2", "val_interval=1",
]  # fmt: skip


def tool(name: str, *args: object) -> None:
    assert run_tool(name, *args) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("streams") / "run"
    tool("train.py", CONFIG, "--work-dir", folder, "--cfg-options", *SMALL)
    return folder


def test_a_resumed_run_is_the_uninterrupted_one(trained, tmp_path):
    tool("train.py", CONFIG, "--work-dir", tmp_path / "run", "--resume", trained / "epoch_1.pth",
         "--cfg-options", *SMALL)  # fmt: skip
    one, other = (torch.load(path / "epoch_2.pth", weights_only=True) for path in (trained, tmp_path / "run"))
    assert [key for key, value in one["state_dict"].items() if not torch.equal(value, other["state_dict"][key])] == []


@pytest.mark.parametrize("stream", [None, "joint", "motion"])
def test_each_stream_and_all_are_probed_and_finetuned(trained, tmp_path, stream):
    protocols, options = ["knn"], []
    if stream is not None:
        protocols, short = ["knn", "finetune"], ["train_cfg.max_epochs=1", "train_dataloader.batch_size=16"]
        options = ["--encoder", stream, "--cfg-options", *short]
    tool("benchmark.py", trained / "epoch_2.pth", "--protocols", *protocols, "--work-dir", tmp_path, *options)
    metrics = {name: json.loads((tmp_path / name / "seed_0/result.json").read_text())["metrics"] for name in protocols}
    keys = dict(knn="knn/top1", finetune="accuracy/top1")
    assert all(0 <= metrics[name][keys[name]] <= 100 for name in protocols)
