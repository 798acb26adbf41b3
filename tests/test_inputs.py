"""A checkpoint is used with the input that it was trained with: compared in every way of loading, unless accepted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from run_tool import run_tool

from mmsync.apis import init_model
from mmsync.config import load
from mmsync.config.inputs import check_input, input_record
from mmsync.config.load import is_plain
from mmsync.config.signature import default_of
from mmsync.config.text import config_text
from mmsync.datasets.sources.tracks.tvhid import TVHIDSource
from mmsync.engine.checkpoint import read_checkpoint, write_checkpoint
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError, ConfigError
from mmsync.protocols import base_config

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


def test_the_body_frame_is_the_same_input_of_all_data(trained):
    """Layout, coordinates and pipeline are not compared; whether there is a body frame is."""
    config, checkpoint = trained
    meta = read_checkpoint(checkpoint)["meta"]
    assert "body_frame" not in meta["input"]["views"][""]  # as in checkpoints from before it
    body = {"model.data_preprocessor.body_frame": True}
    framed = record(config, **body)
    assert any("model.data_preprocessor.body_frame" in line for line in refused(meta, framed, ["test"]))
    other = record(config, **body, **{"length": 30, "model.data_preprocessor.layout": "coco17"})
    check_input({"input": framed}, other, "a.pth", ["test", "val"])
    stream = record(config, **body, stream="bone")
    assert "stream" in refused({"input": framed}, stream, ["test"])[0]


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
    assert run_tool(*call, *OTHER) == 2
    said = capfd.readouterr().err
    assert "model.data_preprocessor.stream: trained with 'joint', asked for 'bone'" in said
    assert "--other-input" in said
    assert "Traceback" not in said
    assert run_tool(*call, "--other-input", *OTHER) == 0
    assert "is used with another input, as asked" in "".join(capfd.readouterr())


def test_weights_to_begin_with(trained, tmp_path):
    """A training adapts the network to clips of another length, but not to what its channels mean."""
    config, checkpoint = trained
    common = {"work_dir": str(tmp_path), "load_from": str(checkpoint), "train_cfg.max_epochs": 1}
    MotionRunner.from_cfg(load(config, {**common, "length": 6})).train()
    with pytest.raises(CheckpointError, match="'joint', asked for 'bone'"):
        MotionRunner.from_cfg(load(config, {**common, "work_dir": str(tmp_path / "b"), "stream": "bone"})).train()


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
    assert run_tool(*call, "--cfg-options", *options) == 0
    assert "transfer to Synthetic: KNN" in capsys.readouterr().out


def test_a_resumed_run_keeps_the_config_it_was_resumed_with(trained, tmp_path):
    config, checkpoint = trained
    options = {"work_dir": str(tmp_path), "train_cfg.max_epochs": 2}
    MotionRunner.from_cfg(load(config, {**options, "resume": True, "load_from": str(checkpoint)})).train()
    assert "max_epochs=2" in read_checkpoint(tmp_path / "epoch_2.pth")["meta"]["cfg"]


def test_an_option_for_a_variable_of_a_resolved_config(trained):
    """It would change nothing; data that have moved are followed."""
    resolved = trained[1].parent / "tiny.py"
    with pytest.raises(ConfigError, match=r"nothing follows from this .* set model\.data_preprocessor\.stream"):
        load(resolved, {"stream": "bone"})
    assert load(resolved, {"stream": "joint"}).model.data_preprocessor.stream == "joint"
    moved = resolved.with_name("moved.py")
    moved.write_text("data_root = 'a/b'\nmodel = dict(x='a/b/c', y='a/bc')")
    assert load(moved, {"data_root": "d"}).model == dict(x="d/c", y="a/bc")


# ---------------------------------------------------------------------------------------------- resolved configs


def test_a_text_loads_to_its_config_in_its_order(tmp_path):
    """MMEngine's text is sorted, and the order of views is that of their draws."""
    values = dict(
        b=1, a=[1.5, (2,), (), [], {}, None, True, "x\n'\"", float("inf"), -float("inf"), -1e-30],
        model=dict(z=dict(query=[1] * 50, key=["long" * 10] * 4), a={"not-a-name": 1, 2: dict(type="A"), "class": 0}),
    )  # fmt: skip
    file = tmp_path / "a.py"
    file.write_text(config_text(values))
    read = load(file, complete=False).to_dict()
    assert read == values
    assert list(read["model"]["z"]) == ["query", "key"]
    assert max(map(len, file.read_text().splitlines())) <= 120
    for path in sorted((ROOT / "configs").rglob("aimclr/*.py"))[:5]:
        cfg = load(path)
        file.write_text(config_text(cfg))
        assert repr(load(file).to_dict()) == repr(cfg.to_dict())  # also in order


def test_the_config_in_a_checkpoint_runs_no_code_unless_trusted(trained):
    text = read_checkpoint(trained[1])["meta"]["cfg"]
    assert is_plain(text)
    for code in ("import os", "x = open('a')", "x = [y for y in (1,)]", "x.y = 1", "x = a.b", "x = (", "x: int = 1"):
        assert not is_plain(f"{text}\n{code}\n")
    marked = {"meta": {"cfg": f"{text}\nx = len([1])\n"}}
    with pytest.raises(CheckpointError, match="could run code; add --trust-checkpoint"):
        base_config(marked, None, {}, "a.pth")
    assert base_config(marked, None, {}, "a.pth", trust=True).model.type == "AimCLR"


def losses(work_dir):
    history = read_checkpoint(work_dir / "epoch_2.pth")["message_hub"]["log_scalars"]["train/loss"]
    return history.data[0].tolist() if hasattr(history, "data") else history


def test_a_resolved_config_trains_to_the_same_losses_elsewhere(trained, tmp_path, monkeypatch):
    """It holds what the command line changed, also after a resume, and needs none of the files it was made of."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs" / "mine.py"
    own.parent.mkdir()
    own.write_text(TINY)
    changed = ["stream=bone", "optim_wrapper.optimizer.lr=0.01", "train_cfg.max_epochs=2"]
    first = ["train.py", own, "--work-dir", "first", "--seed", 5, "--amp", "--no-validate", "--cfg-options", *changed]
    assert run_tool(*first) == 0
    whole = losses(Path("first"))
    (tmp_path / "first" / "epoch_2.pth").unlink()
    assert run_tool("train.py", own, "--resume", "first/epoch_1.pth", *first[2:]) == 0  # writes the config again
    assert losses(Path("first")) == whole
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "first" / "mine.py", elsewhere / "mine.py")
    shutil.rmtree(tmp_path / "first")
    shutil.rmtree(own.parent)
    monkeypatch.chdir(elsewhere)
    assert run_tool("train.py", "mine.py", "--work-dir", "second") == 0
    assert losses(Path("second")) == whole


def test_the_config_in_the_work_dir_is_not_replaced(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(TINY)
    for _ in range(2):
        assert run_tool("train.py", own, "--work-dir", tmp_path, "--no-validate", "--overwrite") == 0
        assert own.read_text() == TINY
    resolved = tmp_path / "mine_resolved.py"
    for key in ("model", "train_dataloader", "optim_wrapper", "param_scheduler"):
        assert load(resolved).get(key) == load(own).get(key)
    assert (
        run_tool("train.py", resolved, "--work-dir", tmp_path, "--no-validate", "--overwrite", "--seed", 3) == 0
    )  # replaces itself
    assert load(resolved).randomness.seed == 3
    (tmp_path / "mine.json").write_text(json.dumps(load(own).to_dict()))
    assert run_tool("train.py", tmp_path / "mine.json", "--work-dir", tmp_path / "of_json", "--no-validate") == 0
    assert load(tmp_path / "of_json" / "mine.py").model.type == "AimCLR"


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
        MotionRunner.from_cfg(load(config, {**options, "work_dir": str(tmp_path / "b"), "stream": "bone"})).train()


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


def test_an_argument_that_was_left_out_is_said_to_have_its_default():
    def facts(**center):
        return {"views": {"": {"type": "P", "center": {"type": "C", **center}}}, "data": {}, "training": {}}

    lines = refused({"input": facts()}, facts(origin="spine"))
    assert lines == ["  model.data_preprocessor.center.origin: trained with the default, asked for 'spine'"]
    check_input({"input": facts()}, facts(origin=None), "a.pth")
