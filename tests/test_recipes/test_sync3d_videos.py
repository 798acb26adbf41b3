"""From videos to the confusion matrix: generated TV-HID files, converter, training, test, probe of shipped configs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from run_tool import run_tool

pytest.importorskip("av")
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "sync3d" / "sync3d_i3d_tvhid.py"
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
SMALL = [  # sizes and lengths alone: what is done is what the shipped config says
    *(f"{loader}.{key}" for loader in LOADERS for key in ("num_workers=0", "persistent_workers=False")),
    *(f"{loader}.dataset.source.size=32" for loader in LOADERS),
    *(f"{loader}.dataset.{key}" for loader in LOADERS for key in ("window=9", "shift=9", "size=16")),
    "train_cfg.max_epochs=1",
    "train_cfg.val_interval=1",
    "model.encoder.backbone.width=0.0625",
    "model.encoder.projector.hidden_channels=16",
    "default_hooks.checkpoint.interval=1",
]


def tool(name: str, *args: object) -> None:
    assert run_tool(name, *args) == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tvhid")
    tool("dataset_converters/make_synthetic.py", "tvhid", folder / "raw", "--num-clips", 12, 10)
    tool("dataset_converters/tvhid.py", folder / "raw", folder / "store", "--workers", 1)
    return folder / "store"


@pytest.fixture
def options(store, tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    return ["--cfg-options", f"data_root={store}", *SMALL]


def test_from_videos_to_the_confusion_matrix(options, store, tmp_path):
    run = tmp_path / "run"
    tool("train.py", CONFIG, "--work-dir", run, *options)
    checkpoint = run / "epoch_1.pth"
    log = next(run.glob("*/*.log")).read_text()
    assert "pairs/auc " in log[log.index("training finished: 1 epochs") :]  # what people look for, among the last words

    tool("test.py", CONFIG, checkpoint, "--work-dir", tmp_path / "test", "--out", tmp_path / "results.json", *options)
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert {f"pairs/{key}" for key in ("auc_low", "auc_high", "auc_easy", "auc_medium", "auc_hard", "eer")} <= set(
        results
    )
    assert results["pairs/majority"] == 75
    assert 0 <= results["pairs/auc_low"] <= results["pairs/auc"] <= results["pairs/auc_high"] <= 100
    assert {f"linear/{key}" for key in ("last", "majority", "balanced", "video", "recall_negative")} <= set(results)
    assert 1 <= results["linear/videos"] <= 10

    tool("benchmark.py", checkpoint, "--protocols", "linear_pairs", "--work-dir", tmp_path / "bench", "--device", "cpu")
    confusion = tmp_path / "bench" / "linear_pairs" / "seed_0" / "confusion.npz"
    with np.load(confusion) as file:
        assert file["class_names"].tolist() == ["negative", "handShake", "highFive", "hug", "kiss"]
        assert file["matrix"].sum() == 16  # every test pair has a class
    tool("analysis_tools/confusion_matrix.py", confusion, "--out", tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").stat().st_size > 5000


def test_the_row_of_i3d_itself(options, tmp_path):
    """A converted checkpoint of Kinetics has no config, no projector and another head; Table II probes it as it is."""
    import torch

    from mmsync.apis import init_model

    changes = [o for o in options[1:] if not o.startswith(("train_", "val_", "default_hooks"))]
    model = init_model(CONFIG, cfg_options={"model.encoder.backbone.width": 0.0625})
    weights = {k: v for k, v in model.state_dict().items() if "backbone" in k}
    torch.save({"state_dict": {**weights, "head.fc.weight": torch.zeros(400, 64)}}, tmp_path / "i3d.pth")
    protocol = ["--protocols", "linear_sync3d", "--work-dir", tmp_path / "bench", "--device", "cpu"]
    tool("benchmark.py", tmp_path / "i3d.pth", "--config", CONFIG, *protocol, "--cfg-options", *changes)
    (row,) = json.loads((tmp_path / "bench" / "results.json").read_text())
    assert "Sync3D report" in row["title"]
    assert {"linear/last", "linear/majority", "linear/balanced", "linear/video"} <= set(row["runs"][0]["metrics"])
    assert len(row["runs"][0]["curves"]["loss"]) == 800


def test_the_supervised_row_begins_from_it(options, store, tmp_path):
    small = [o for o in options if "projector" not in o]
    config = CONFIG.with_name("supervised_i3d_tvhid.py")
    tool("train.py", config, "--work-dir", tmp_path / "run", *small)
    scalars = next((tmp_path / "run").rglob("scalars.json")).read_text()
    assert "accuracy/balanced" in scalars
    assert "accuracy/recall_" in scalars
