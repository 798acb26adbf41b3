"""From UCF101's folders to the accuracy per video by shipped configs; a checkpoint of another fold is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from run_tool import run_tool

from tests.clip_folders import write_ucf101

pytest.importorskip("av")
pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
SUPERVISED, LINEAR = (ROOT / "configs" / "video" / f"{kind}_r3d18_ucf101.py" for kind in ("supervised", "linear"))
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
SMALL = [  # sizes and lengths alone
    *(f"{loader}.{key}" for loader in LOADERS for key in ("num_workers=0", "persistent_workers=False", "batch_size=4")),
    *(f"{loader}.dataset.{key}" for loader in LOADERS for key in ("window=4", "size=32", "max_bad_share=0.3")),
    "test_dataloader.dataset.clips=3",
    "model.data_preprocessor.size=24",
    "model.encoder.backbone.width=0.125",
    "model.head.num_classes=2",
    "train_cfg.max_epochs=2",
    "train_cfg.val_interval=1",
    "default_hooks.checkpoint.interval=1",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = write_ucf101(tmp_path_factory.mktemp("ucf101"))
    bad = root / "UCF-101/Archery/v_Archery_g01_c02.avi"  # a test clip of fold 1
    bad.write_bytes(bad.read_bytes()[:3000])
    return root


@pytest.fixture
def tool(data, capfd):
    def run(name: str, *args: object, fold: int = 1, more: Sequence[str] = (), small: bool = True) -> tuple[int, str]:
        """Exit code, and what was said."""
        options = ["--cfg-options", f"data_root={data}", f"fold={fold}", *SMALL, *more] if small else []
        code = run_tool(name, *args, *options)
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def checkpoint(tool, trained):
    file = trained / "epoch_2.pth"
    if not file.exists():
        code, said = tool("train.py", SUPERVISED, "--work-dir", trained)
        assert code == 0, said
        assert "v_Archery_g01_c02.avi: corrupt" in said
    return file


def test_from_folders_to_the_accuracy_of_videos(tool, checkpoint, tmp_path):
    assert torch.load(checkpoint, weights_only=True)["meta"]["folds"] == ["ucf101/1"]
    out = tmp_path / "results.json"
    code, said = tool("test.py", SUPERVISED, checkpoint, "--work-dir", tmp_path, "--out", out)
    assert code == 0, said
    assert {"accuracy/top1", "accuracy/video_top1"} <= set(json.loads(out.read_text())["results"])
    code, said = tool("test.py", LINEAR, checkpoint, "--work-dir", tmp_path, "--out", out)
    assert code == 0, said
    assert {"linear/last", "linear/video", "knn/top1"} <= set(json.loads(out.read_text())["results"])


@pytest.mark.parametrize("config", [SUPERVISED, LINEAR])
def test_another_fold_is_refused(tool, checkpoint, tmp_path, config):
    code, said = tool("test.py", config, checkpoint, "--work-dir", tmp_path, fold=2)
    assert code == 2, said
    assert "ProtocolError: the model was trained on fold ucf101/1" in said


def test_a_benchmark_of_another_fold_is_refused(tool, checkpoint, data, tmp_path):
    run = ("--protocols", "linear", "--device", "cpu", "--work-dir", tmp_path)
    changed = ("test_dataloader.dataset.source.fold=2", "test_dataloader.dataset.roles.bank=train")
    code, said = tool("benchmark.py", checkpoint, *run, "--cfg-options", *changed, small=False)
    assert code == 2, said
    assert "trained on fold ucf101/1" in said
    code, said = tool("benchmark.py", checkpoint, *run, "--cfg-options", changed[1], small=False)
    assert code == 0, said


def test_training_on_from_another_fold_is_refused(tool, checkpoint, tmp_path):
    """Else a model of both folds would come out."""
    code, said = tool("train.py", SUPERVISED, "--work-dir", tmp_path, fold=2, more=[f"load_from={checkpoint}"])
    assert code == 2, said
    assert "trained on fold ucf101/1" in said


def test_validation_on_another_fold_than_the_training_is_refused(tool, tmp_path):
    code, said = tool("train.py", SUPERVISED, "--work-dir", tmp_path, more=["val_dataloader.dataset.source.fold=2"])
    assert code == 2, said
    assert "trained on fold ucf101/1" in said
