"""Tools that look at a config or a run without training: origins of values, schedules, operations, hard clips."""

from __future__ import annotations

import csv
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmsync.apis import init_model
from mmsync.config import load
from mmsync.engine.runner import MotionRunner
from mmsync.evaluation.functional import Scores
from mmsync.models.backbones.skeleton.skeleton_vit import PatchEmbed
from mmsync.models.modules.transformer import Attention

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"
SMALL = {"source.num_clips": (80, 40), "model.encoder.backbone.channels": (8, 16),
         "model.encoder.backbone.strides": (2, 2), "train_dataloader.batch_size": 20,
         "train_cfg.max_epochs": 2, "train_cfg.val_interval": 2}  # fmt: skip
OPTIONS = ["--cfg-options", *(f"{key}={value}".replace(" ", "") for key, value in SMALL.items())]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short training that logs each iteration, and the rows of its log."""
    cfg = load(CONFIG, {**SMALL, "default_hooks.logger.interval": 1})
    cfg.work_dir = str(tmp_path_factory.mktemp("run"))
    MotionRunner.from_cfg(cfg).train()
    (log,) = Path(cfg.work_dir).glob("*/vis_data/scalars.json")
    return Path(cfg.work_dir), [json.loads(line) for line in log.read_text().splitlines()]


def test_a_config_is_printed_with_the_file_of_each_value(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    saved = tmp_path / "all.py"
    code, said = tool("misc/print_config.py", CONFIG.relative_to(ROOT), "--save-path", saved, *OPTIONS)
    assert code == 0, said
    assert said == saved.read_text()
    values: dict = {}
    exec(said, values)  # it is a config
    assert {k: v for k, v in values.items() if k != "__builtins__"} == load(CONFIG, SMALL).to_dict()
    origins = {line.split("#")[0].strip(" ,"): line.split("# ")[1] for line in said.splitlines() if "# " in line}
    assert origins["queue_size=512"] == "configs/aimclr/aimclr_stgcn_synthetic.py"
    assert origins["origin = 'center'"] == "configs/_base_/datasets/synthetic.py"
    assert origins["max_epochs=2"] == "--cfg-options"
    assert origins["opencv_num_threads=0"] == "defaults"
    assert origins["in_channels=6"] == "derived"


def test_the_origin_of_a_value_is_the_last_file_that_changes_it(tool, tmp_path):
    (tmp_path / "base.py").write_text("lr = 1\nmodel = dict(a=1, b=[dict(c=lr)], d=4)\n")
    (tmp_path / "child.py").write_text("_base_ = 'base.py'\nlr = 2\nmodel = dict(a=3, d=4)\n")
    code, said = tool("misc/print_config.py", tmp_path / "child.py")
    assert code == 0, said
    found = {
        line.split("#")[0].strip(" ,"): Path(line.split("# ")[1]).name for line in said.splitlines() if "# " in line
    }
    assert (found["a=3"], found["d=4"], found["c=2"]) == ("child.py", "base.py", "base.py")
    assert tool("misc/print_config.py", tmp_path / "none.py")[0] == 2


def test_the_schedule_is_that_of_a_training(tool, trained, tmp_path):
    rows = [row["lr"] for row in trained[1] if "lr" in row]
    picture = tmp_path / "s.png"
    code, said = tool(
        "visualization/vis_scheduler.py", CONFIG, "-d", 80, "-s", picture, "--window-size", "6*3", *OPTIONS
    )
    assert code == 0, said
    assert "80 clips, 4 iterations an epoch, 8 in all" in said
    assert f"lr: first {rows[0]:.4g}, largest {max(rows):.4g}, last {rows[-1]:.4g}" in said
    with Image.open(picture) as image:
        assert image.size == (720, 360)
    names = runpy.run_path(str(ROOT / "tools/visualization/vis_scheduler.py"))
    runner = names["build_runner"](load(CONFIG, SMALL), 80, 1, str(tmp_path / "work"))
    (curve,) = names["record"](runner)["lr"].values()
    np.testing.assert_allclose(curve, rows, rtol=1e-6)
    code, said = tool("visualization/vis_scheduler.py", CONFIG, "-d", 80, "-n", 8, "-s", picture, *OPTIONS)
    assert (code, "less than a batch of 20" in said) == (2, True), said
    assert tool("visualization/vis_scheduler.py", CONFIG, "-d", 80, "--window-size", "wide")[0] == 2


def test_schedule_and_operations_without_the_data(tool, tmp_path, monkeypatch):
    monkeypatch.delenv("MMSYNC_DATA_ROOT", raising=False)
    code, said = tool("visualization/vis_scheduler.py", "default/default_store", "-s", tmp_path / "s.png")
    assert (code, "iterations: 500 in all" in said) == (0, True), said
    warm = tmp_path / "warm.py"
    warm.write_text(
        f"_base_ = [{str(ROOT / 'configs/default/default_store.py')!r}]\nparam_scheduler = dict(\n    _delete_=True, "
        "type='LinearLR', end=5, by_epoch=True, convert_to_iter_based=True)\n"
    )
    for config in ("aimclr/aimclr_stgcn_ntu60_xsub", warm):
        code, said = tool("visualization/vis_scheduler.py", config, "-s", tmp_path / "s.png")
        assert (code, "or give -d CLIPS, their number, which needs no data" in said) == (2, True), said
    code, said = tool("analysis_tools/get_flops.py", "aimclr/aimclr_stgcn_ntu60_xsub")
    assert (code, "or give --shape, which needs no data" in said) == (2, True), said


def test_operations_are_those_of_linear_layers_and_attention(tool):
    """SkeletonViT: products of its linear layers, counted by hooks, and 4 N^2 D for the attention of each block."""
    config = ROOT / "configs/mamp/mamp_vit_synthetic.py"
    model = init_model(config)
    counts = []

    def count(module, inputs, output):
        counts.append(2 * output.numel() * module.weight[0].numel())

    def attend(module, inputs, output):
        width = inputs[0].shape[-1]
        tokens = inputs[0].numel() // width
        counts.append(2 * tokens * 3 * width**2 + 4 * tokens**2 * width)

    for module in model.encoder.backbone.modules():
        if isinstance(module, torch.nn.Linear):  # not of query, key and value, whose weights are used directly
            module.register_forward_hook(count)
        elif isinstance(module, Attention):
            module.register_forward_hook(attend)
        elif isinstance(module, PatchEmbed):
            counts.append(2 * (32 // 4) * 25 * module.proj.weight.numel())
    with torch.no_grad():
        model({"clip": torch.randn(1, 1, 32, 25, 3)}, mode="tensor")
    code, said = tool("analysis_tools/get_flops.py", config, "--shape", 1, 32, 25, 3)
    assert code == 0, said
    assert re.search(rf"backbone +[\d,]+ +{sum(counts):,}$", said, re.MULTILINE), (sum(counts), said)
    size = sum(p.numel() for p in model.parameters())
    assert f"{size:,}" in said


def test_a_test_clip_is_counted_and_a_wrong_shape_is_a_message(tool):
    code, said = tool("analysis_tools/get_flops.py", CONFIG, "--depth", 1, *OPTIONS)
    assert (code, "of 2 persons present" in said, "FLOPs of one clip" in said) == (0, True, True), said
    code, said = tool("analysis_tools/get_flops.py", CONFIG, "--shape", 1, 32, 20, 6, *OPTIONS)
    assert (code, "the model cannot take it" in said) == (2, True), said
    assert tool("analysis_tools/get_flops.py", CONFIG, "--depth", -1)[0] == 2


def read(folder):
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_clips_of_a_run_are_listed_as_the_log_counts_them(tool, trained, tmp_path):
    folder, rows = trained
    code, said = tool("analysis_tools/analyze_results.py", folder, "--out-dir", tmp_path, "--topk", 3)
    assert code == 0, said
    found = read(tmp_path)
    top1 = [row["knn/top1"] for row in rows if "knn/top1" in row][-1]
    assert len(found) == 40
    assert 100 * np.mean([int(row["right"]) for row in found]) == pytest.approx(top1)
    assert f"{top1:.2f} % of 40 clips right" in said
    margins = [float(row["margin"]) for row in found]
    assert margins == sorted(margins)
    assert all((row["class"] == row["predicted_class"]) == (row["right"] == "1") for row in found)
    code, said = tool("analysis_tools/analyze_results.py", folder / "epoch_2.pth", "--out-dir", tmp_path / "other")
    assert code == 0, said
    assert read(tmp_path / "other") == found


def test_scores_of_another_probe_are_analyzed(tool, tmp_path):
    logits = np.array([[2, 0, 0], [0, 3, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    Scores(["a", "b", "c", "d"], logits, np.array([0, 1, 2, -1])).save(tmp_path / "scores.npz")
    code, said = tool("analysis_tools/analyze_results.py", tmp_path / "scores.npz")
    assert (code, "66.67 % of 3 clips right" in said) == (0, True), said
    e = np.e
    rows = {row["name"]: float(row["margin"]) for row in read(tmp_path)}
    assert rows == pytest.approx(
        {"c": (1 - e) / (e + 2), "a": (e**2 - 1) / (e**2 + 2), "b": (e**3 - 1) / (e**3 + 2)}, abs=1e-3
    )
    assert tool("analysis_tools/analyze_results.py", tmp_path / "none")[0] == 2
    assert tool("analysis_tools/analyze_results.py", tmp_path)[0] == 2
