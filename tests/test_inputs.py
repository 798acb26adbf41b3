"""A checkpoint is used with the input that it was trained with: compared in every way of loading, unless accepted."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch

from mmsync.apis import init_model
from mmsync.config import load
from mmsync.config.inputs import check_input, input_record
from mmsync.config.signature import default_of
from mmsync.datasets.sources.tracks.tvhid import TVHIDSource
from mmsync.engine.checkpoint import read_checkpoint, write_checkpoint
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError

ROOT = Path(__file__).parents[1]
TINY = f"""
_base_ = [{str(ROOT / "configs/_base_/datasets/synthetic.py")!r}, {str(ROOT / "configs/_base_/models/synthetic.py")!r},
    {str(ROOT / "configs/_base_/schedules/adamw_synthetic.py")!r}]
stream = "joint"
views = "extreme"
source = dict(type="SyntheticSource", num_clips=(48, 36))
length = 8
pipeline = [dict(type="ResizeClip", length=length), dict(type="PackSkeleton", num_persons=2)]
net = dict(_delete_=True, type="STGCN", channels=[4, 6], strides=[2, 1])
model = dict(type="AimCLR", queue_size=16, encoder=dict(backbone=net), data_preprocessor=dict(window=8))
train_dataloader = dict(batch_size=16)
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Config and checkpoint of a pretraining of one epoch on joints."""
    folder = tmp_path_factory.mktemp("pretraining")
    (folder / "tiny.py").write_text(TINY)
    MotionRunner.from_cfg(load(folder / "tiny.py", {"work_dir": str(folder / "run")})).train()
    return folder / "tiny.py", folder / "run" / "epoch_1.pth"


def record(config, **options):
    return input_record(load(config, options))


def refused(meta, own, *args, **kwargs):
    with pytest.raises(CheckpointError, match="was trained with another input") as error:
        check_input(meta, own, "a.pth", *args, **kwargs)
    return str(error.value).splitlines()[1:-1]


# ---------------------------------------------------------------------------------------------- the record


def test_the_checkpoint_holds_the_record_of_its_config(trained):
    config, checkpoint = trained
    meta = read_checkpoint(checkpoint)["meta"]
    assert meta["input"] == record(config)
    assert meta["input"]["views"][""]["stream"] == "joint"
    steps = [{"type": "ResizeClip", "length": 8}, {"type": "PackSkeleton", "num_persons": 2}]
    assert meta["input"]["data"]["test"]["pipeline"] == steps


def test_an_argument_at_its_default_is_as_if_it_were_left_out(trained):
    config, _ = trained
    base = record(config)
    assert record(config, **{"model.data_preprocessor.recenter": False}) == base
    assert default_of(TVHIDSource, "size") == 224  # an argument of the base, behind **video


def test_training_augmentations_differ_freely_but_for_a_resume(trained):
    config, checkpoint = trained
    meta = read_checkpoint(checkpoint)["meta"]
    own = record(config, **{"model.data_preprocessor.views.query": [], "train_dataloader.dataset.split": "test"})
    check_input(meta, own, "a.pth", ["test", "val"])
    lines = refused(meta, own, ["val"], resume=True)
    assert any("training.split: trained with 'train', asked for 'test'" in line for line in lines)
    assert any("training.views.query" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"stream": "bone"}, "model.data_preprocessor.stream: trained with 'joint', asked for 'bone'"),
        ({"length": 6}, "test_dataloader.dataset.pipeline.0.length: trained with 8, asked for 6"),
        ({"model.data_preprocessor.window": 6}, "model.data_preprocessor.window: trained with 8, asked for 6"),
        (
            {"pipeline": [dict(type="PackSkeleton")]},
            "test_dataloader.dataset.pipeline: trained with [ResizeClip(length=8), PackSkeleton",
        ),
    ],
)
def test_each_difference_is_named(trained, options, line):
    config, checkpoint = trained
    lines = refused(read_checkpoint(checkpoint)["meta"], record(config, **options), ["test"])
    assert len(lines) == 1
    assert line in lines[0]
    check_input(read_checkpoint(checkpoint)["meta"], record(config, **options), "a.pth", ["test"], allow=True)


def test_data_that_the_training_had_are_known(trained):
    """Validation clips of one length, test clips of another: both are inputs of the training's config."""
    own = record(trained[0])
    two = {**own, "data": {**own["data"], "test": {"pipeline": [{"type": "ResizeClip", "length": 6}]}}}
    check_input({"input": two}, own, "a.pth", ["test", "val"])
    check_input({"input": two}, two, "a.pth", ["test", "val"])


def test_one_modality_of_several_is_known():
    part = {"type": "VideoPreprocessor", "size": 112}
    trained = {"views": {"video": part, "audio": {"type": "A"}}, "data": {}, "training": {}}
    check_input({"input": trained}, {"views": {"": part}, "data": {}, "training": {}}, "a.pth")
    other = {"views": {"video": {**part, "size": 64}}, "data": {}, "training": {}}
    assert refused({"input": trained}, other) == [
        "  model.data_preprocessor.parts.video.size: trained with 112, asked for 64"
    ]


def test_a_checkpoint_without_a_record_warns_once(trained, capfd):
    own = record(trained[0])
    for _ in range(2):
        check_input({}, own, "older.pth")
    check_input(None, {}, "of a model without a config")
    said = "".join(capfd.readouterr())
    assert said.count("older.pth does not say which input") == 1
    assert "without a config" not in said


# ---------------------------------------------------------------------------------------------- the ways of loading


def tool(name, *args) -> int:
    argv, sys.argv = sys.argv, [name, *map(str, args)]
    try:
        runpy.run_path(str(ROOT / "tools" / name), run_name="__main__")
    except SystemExit as stop:
        return stop.code
    finally:
        sys.argv = argv
    return 0


OTHER = ["--cfg-options", "stream=bone"]
WAYS = {
    "test": ["test.py", "{config}", "{checkpoint}"],
    "resume": ["train.py", "{config}", "--resume", "{checkpoint}"],
    "benchmark": ["benchmark.py", "{checkpoint}", "--config", "{config}", "--protocols", "knn", "--device", "cpu"],
    "embedding": ["visualization/vis_embedding.py", "{config}", "{checkpoint}", "--method", "pca", "--out", "{out}"],
}


@pytest.mark.parametrize("way", WAYS)
def test_bones_under_weights_of_joints_are_refused_unless_accepted(trained, tmp_path, capfd, way):
    copy = tmp_path / f"{way}.pth"  # a warning of the same words comes once
    shutil.copy(trained[1], copy)
    names = dict(config=trained[0], checkpoint=copy, out=tmp_path / "a.png")
    call = [text.format(**names) for text in WAYS[way]]
    if way != "embedding":
        call += ["--work-dir", tmp_path / "w"]
    assert tool(*call, *OTHER) == 2
    said = capfd.readouterr().err
    assert "model.data_preprocessor.stream: trained with 'joint', asked for 'bone'" in said
    assert "--other-input" in said
    assert "Traceback" not in said
    assert tool(*call, "--other-input", *OTHER) == 0
    assert "is used with another input, as asked" in "".join(capfd.readouterr())


def test_weights_to_begin_with(trained, tmp_path):
    """A training adapts the network to clips of another length, but not to what its channels mean."""
    config, checkpoint = trained
    common = {"work_dir": str(tmp_path), "load_from": str(checkpoint), "train_cfg.max_epochs": 1}
    MotionRunner.from_cfg(load(config, {**common, "length": 6})).train()
    with pytest.raises(CheckpointError, match="'joint', asked for 'bone'"):
        MotionRunner.from_cfg(load(config, {**common, "stream": "bone"})).train()


def test_in_python(trained):
    config, checkpoint = trained
    init_model(config, checkpoint)
    with pytest.raises(CheckpointError, match="'joint', asked for 'bone'"):
        init_model(config, checkpoint, cfg_options={"stream": "bone"})
    init_model(config, checkpoint, cfg_options={"stream": "bone"}, other_input=True)
    init_model(config, checkpoint, cfg_options={"stream": "bone", "other_input": True})


def test_a_transfer_needs_no_option(trained, tmp_path, capsys):
    """The data differ, as asked; its row is titled by the data, whatever the protocol's title is."""
    data = tmp_path / "others.py"
    data.write_text((ROOT / "configs/_base_/datasets/synthetic.py").read_text().replace("length=64", "length=6"))
    call = ["benchmark.py", trained[1], "--dataset", data, "--protocols", "knn", "--device", "cpu"]
    options = ["dataset.source.num_clips=(48,36)", "--work-dir", tmp_path / "w"]
    assert tool(*call, "--cfg-options", *options) == 0
    assert "transfer to Synthetic: KNN" in capsys.readouterr().out


def test_a_resumed_run_keeps_the_config_it_was_resumed_with(trained, tmp_path):
    config, checkpoint = trained
    options = {"work_dir": str(tmp_path), "train_cfg.max_epochs": 2}
    MotionRunner.from_cfg(load(config, {**options, "resume": True, "load_from": str(checkpoint)})).train()
    assert "max_epochs=2" in read_checkpoint(tmp_path / "epoch_2.pth")["meta"]["cfg"]


# ---------------------------------------------------------------------------------------------- Pretrained


def start_of(checkpoint, **more):
    start = dict(type="Pretrained", checkpoint=str(checkpoint), prefix="encoder.backbone.", **more)
    return {"model.encoder.backbone.init_cfg": start}


def test_pretrained_carries_fold_and_input(trained, tmp_path):
    config, checkpoint = trained
    content = read_checkpoint(checkpoint)
    content["meta"]["folds"] = ["ucf101/2"]
    write_checkpoint(content, tmp_path / "of_a_fold.pth")
    options = {"work_dir": str(tmp_path), **start_of(tmp_path / "of_a_fold.pth")}
    runner = MotionRunner.from_cfg(load(config, options))
    runner._init_model_weights()
    assert runner.trained_folds == ["ucf101/2"]
    own, theirs = runner.model.encoder.backbone.state_dict(), content["state_dict"]
    assert all(torch.equal(value, theirs[f"encoder.backbone.{key}"]) for key, value in own.items())
    runner.train()
    assert read_checkpoint(tmp_path / "epoch_1.pth")["meta"]["folds"] == ["ucf101/2"]
    with pytest.raises(CheckpointError, match="'joint', asked for 'bone'"):
        MotionRunner.from_cfg(load(config, {**options, "stream": "bone"})).train()


def test_pretrained_with_a_wrong_prefix_or_network(trained, tmp_path):
    config, checkpoint = trained
    for prefix, says in ((None, "Set prefix='encoder.backbone.'"), ("encoder.", "Set prefix='encoder.backbone.'")):
        model = init_model(config, cfg_options={})
        model.encoder.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(checkpoint), prefix=prefix)
        model.encoder.backbone._is_init = False
        with pytest.raises(CheckpointError, match=says):
            model.encoder.backbone.init_weights()
    with pytest.raises(CheckpointError, match="of another shape"):
        init_model(config, cfg_options={**start_of(checkpoint), "model.encoder.backbone.channels": [4, 8]})
