"""AVTS from the written world to offsets and to UCF101, by the shipped commands and configs, in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_tool import run_tool

from tests.clip_folders import write_ucf101

pytest.importorskip("av")
pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    def run(name: str, *args: object) -> None:
        assert run_tool(name, *args) == 0

    return run


@pytest.fixture(scope="module")
def trained(tool, tmp_path_factory):
    """The folder of the videos, and a checkpoint."""
    folder = tmp_path_factory.mktemp("time_axis")
    sizes = ["--set", "size=(48,64)", "seconds=(4,4.5)"]
    tool("dataset_converters/make_synthetic.py", "av", folder / "av", "--num-clips", 6, 6, *sizes)
    tool(
        "train.py", ROOT / "configs/avts/avts_mc3_synthetic.py", "--work-dir", folder / "run", "--cfg-options",
        f"data_root={folder / 'av'}", "max_epochs=1", "val_interval=1", "frames=5", "fps=5",
        "train_dataloader.dataset.num_samples=32", "val_dataloader.dataset.num_samples=16",
        "model.audio.backbone.time_pools=2", "model.data_preprocessor.parts.audio.frontend.frames=20",
        "model.data_preprocessor.parts.audio.frontend.hop=800",
    )  # fmt: skip
    return folder, folder / "run" / "epoch_1.pth"


def test_offsets_by_sliding(trained, tool):
    folder, checkpoint = trained
    tool("benchmark.py", checkpoint, "--protocols", "offset", "--work-dir", folder / "offset", "--cfg-options",
         "test_dataloader.dataset.num_samples=6", "test_dataloader.dataset.slide=5")  # fmt: skip
    found = json.loads((folder / "offset/offset/seed_0/result.json").read_text())["metrics"]
    assert found["offset/chance"] == pytest.approx(100 * 3 / 11, abs=1)  # no offset is at an end
    assert 0 <= found["offset/within"] <= 100
    assert 0 <= found["offset/median"] <= 7


def test_the_video_tower_goes_on_to_ucf101(trained, tool, tmp_path):
    _, checkpoint = trained
    none = [
        f"{loader}_dataloader.{key}"
        for loader in ("train", "val", "test")
        for key in ("num_workers=0", "persistent_workers=False")
    ]
    tool("benchmark.py", checkpoint, "--protocols", "linear", "finetune_video", "--work-dir", tmp_path / "out",
         "--dataset", ROOT / "configs/_base_/datasets/ucf101.py", "--cfg-options",
         f"dataset.data_root={write_ucf101(tmp_path / 'ucf')}", "dataset.fold=2",
         "train_cfg.max_epochs=1", "train_dataloader.batch_size=4",
         "test_evaluator.per_video=True", *none)  # fmt: skip
    linear, finetuned = (
        json.loads((tmp_path / "out" / name / "seed_0/result.json").read_text())["metrics"]
        for name in ("linear", "finetune_video")
    )
    assert 0 <= linear["linear/video"] <= 100  # windows of a video together
    assert {"accuracy/top1", "accuracy/video_top1"} <= finetuned.keys()
