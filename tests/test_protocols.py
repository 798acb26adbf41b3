"""Every shipped protocol fits over pretraining configs; slips are told; one command runs a list on a checkpoint."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from run_tool import run_tool

from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError, ConfigError, ProtocolError
from mmsync.evaluation.functional import load_scores, top_accuracy
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.models.methods import SelfSupervisedModel
from mmsync.protocols import Protocol, apply_options, base_config, lay_over, list_protocols, load_protocol
from mmsync.protocols.runs import fit_batch
from mmsync.registry import MODELS
from mmsync.visualization import read_history
from tools.misc import config_slips

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "configs" / "benchmarks"
BASES = [ROOT / "configs" / "aimclr" / f"aimclr_stgcn_{data}.py" for data in ("synthetic", "ucla_xview")]
PROTOCOLS = list(list_protocols(FOLDER))
FOR_TRANSFORMERS = ("finetune_mamp",)

VIT = dict(type="SkeletonViT", embed_dim=8, depth=2, num_heads=2, in_channels=3)


@pytest.fixture(scope="module")
def bases():
    return [load(path) for path in BASES]


# ---------------------------------------------------------------------------------------------- the shipped protocols


def laid(base: Config, name: str) -> Config:
    protocol = load_protocol(name, FOLDER)
    if name in FOR_TRANSFORMERS:
        base = copy.deepcopy(base)
        base.model.encoder.backbone = dict(VIT, layout=base.model.data_preprocessor.layout)
        base.model.data_preprocessor.stream = "joint"
    return lay_over(base, protocol, None if protocol.dataset is None else load(protocol.dataset).to_dict())


def bases_of(name: str, bases: list[Config]) -> list[Config]:
    """Pretrainings that a protocol is for."""
    sound = ROOT / "configs" / "avts" / "avts_mc3_synthetic.py"
    return [load(sound)] if name.startswith(("svm", "offset", "finetune_video")) else bases


def test_protocols_on_sound_refuse_a_pretraining_on_skeletons(bases):
    with pytest.raises(ProtocolError, match="the encoder takes skeletons, but a AudioDataset has none"):
        laid(bases[0], "svm_esc50")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_it_fits_over_pretraining_configs(bases, name):
    for base in bases_of(name, bases):
        if name.endswith("ucla") and base.model.data_preprocessor.layout != "kinect20":
            continue  # the fingers that ntu25 has cannot be made from kinect20
        before = base.to_dict()
        check(laid(base, name))
        assert base.to_dict() == before
    protocol = load_protocol(name, FOLDER)
    assert protocol.title
    kinds = ("knn", "retrieval", "linear", "mlp", "oneshot", "accuracy", "svm", "offset", "phases", "logistic")
    assert protocol.metric.split("/")[0] in kinds
    assert len((list_protocols(FOLDER)[name]).read_text().splitlines()) < 60


def test_95_percent_of_slips_in_protocols_are_told(bases):
    """In what a protocol itself sets; a slip in what it takes over is the matter of the pretraining's config."""
    made, missed = 0, []
    seen: set = set()
    for name in PROTOCOLS:
        if name.startswith(("transfer", "semi")) and name != "semi10":
            continue
        cfg = laid(bases_of(name, bases)[-1], name)
        own = load_protocol(name, FOLDER).cfg
        for key in [key for key in cfg if key not in own]:
            seen.update((path, owner.get("type"), owner[k] if k == "type" else None) for path, owner, k in
                        config_slips.named_places({key: cfg._cfg_dict[key]}))  # fmt: skip
        one, lost = config_slips.letter_slips(cfg, seen)
        made, missed = made + one, missed + [f"{name}: {slip}" for slip in lost]
    print(f"{made - len(missed)} of {made} slips told; missed: {missed}")
    assert made > 200
    assert len(missed) <= 0.05 * made, missed


def test_finetuning_takes_encoder_and_data_and_nothing_else(bases):
    base = bases[1]
    cfg = lay_over(base, load_protocol("semi10", FOLDER))
    assert cfg.model.type == "Classifier"
    assert cfg.model.encoder == {k: v for k, v in base.model.encoder.items() if k != "projector"}
    assert list(cfg.model.data_preprocessor.views) == ["clip"]
    assert cfg.model.data_preprocessor.stream == base.model.data_preprocessor.stream
    assert cfg.train_dataloader.dataset.split == base.train_dataloader.dataset.split
    assert cfg.train_dataloader.dataset.subset == dict(share=0.1, rule="stratified")
    assert cfg.val_dataloader.dataset.roles == dict(query="xview_test")
    assert cfg.param_scheduler != base.param_scheduler
    assert "queue_size" not in cfg.model


def test_another_data_set_is_remapped_to_the_encoders_layout(bases):
    other = load(ROOT / "configs" / "_base_" / "datasets" / "synthetic.py").to_dict()
    cfg = lay_over(bases[1], load_protocol("linear", FOLDER), other)
    assert cfg.test_dataloader.dataset.source.type == "SyntheticSource"
    assert cfg.test_dataloader.dataset.layout == "kinect20"
    check(cfg)


@pytest.mark.parametrize(("size", "batch", "drop"), [(5, 5, False), (100, 48, False), (97, 48, True), (1, 1, False)])
def test_small_sets_are_used_whole(size, batch, drop):
    loader = Config(dict(batch_size=48, drop_last=True))
    fit_batch(loader, size)
    assert (loader.batch_size, loader.drop_last) == (batch, drop)


def test_what_is_no_protocol(tmp_path):
    with pytest.raises(ProtocolError, match="did you mean 'linear'"):
        load_protocol("linaer", FOLDER)
    for text, message in (
        ("test_evaluator = dict(type='FeatureMetric')", "protocol=dict"),
        ("protocol = dict(title='x', metric='y', sedes=[1])", "did you mean 'seeds'"),
        ("protocol = dict(title='x', metric='y')\ntest_evaluater = dict(type='FeatureMetric')", "'test_evaluator'"),
    ):
        (tmp_path / "mine.py").write_text(text)
        with pytest.raises(ConfigError, match=message):
            load_protocol(str(tmp_path / "mine.py"), FOLDER)


def test_options_go_where_their_place_is():
    cfgs = {
        "a": Config(dict(test_evaluator=dict(probes=dict(linear=dict(lr=3.0))))),
        "b": Config(dict(train_cfg=dict(max_epochs=9))),
    }
    found = apply_options(cfgs, {"test_evaluator.probes.linear.lr": 1.0, "train_cfg.max_epochs": 2, "data_root": "x"})
    assert found == {"a": {"test_evaluator.probes.linear.lr": 1.0}, "b": {"train_cfg.max_epochs": 2}}
    assert cfgs["a"].test_evaluator.probes.linear.lr == 1.0
    assert cfgs["b"].train_cfg.max_epochs == 2
    assert "train_cfg" not in cfgs["a"]
    with pytest.raises(ConfigError, match="none of a, b has 'model"):
        apply_options(cfgs, {"model.head.dropout": 0.1})


def test_the_config_in_a_checkpoint():
    text = "data_root = 'data/x'\nmodel = dict(type='A', file='data/x/labels.txt', other='data/xy')\n"
    checkpoint = {"meta": {"cfg": text}}
    cfg = base_config(checkpoint, None, {"data_root": "elsewhere", "model.type": "B"}, "a.pth")
    assert cfg.model == dict(type="A", file="elsewhere/labels.txt", other="data/xy")
    with pytest.raises(ConfigError, match="--config FILE"):
        base_config(checkpoint, None, {"stream": "bone"}, "a.pth")
    with pytest.raises(CheckpointError, match=r"a.pth holds no config.*--config FILE"):
        base_config({"meta": {}}, None, {}, "a.pth")


def test_a_pretraining_without_data_or_encoder_is_told():
    linear, finetune = (load_protocol(name, FOLDER) for name in ("linear", "finetune"))
    with pytest.raises(ProtocolError, match="has no test_dataloader"):
        lay_over(Config(dict(model=dict(type="A"))), linear)
    loader = dict(dataset=dict(type="ToyClips"))
    with pytest.raises(ProtocolError, match="nothing to finetune in a A"):
        lay_over(Config(dict(model=dict(type="A"), train_dataloader=loader, test_dataloader=loader)), finetune)


# ---------------------------------------------------------------------------------------------- the command


TINY = f"""
_base_ = {str(BASES[0])!r}
source = dict(type="SyntheticSource", num_clips=(48, 36))
pipeline = [dict(type="ResizeClip", length=8), dict(type="PackSkeleton", num_persons=2)]
model = dict(
    encoder=dict(backbone=dict(_delete_=True, type="STGCN", channels=[4, 6], strides=[2, 1], in_channels=6)),
    queue_size=16,
    data_preprocessor=dict(window=8),
)
train_dataloader = dict(batch_size=16, dataset=dict(source=source, pipeline=pipeline))
val_dataloader = dict(dataset=dict(source=source, pipeline=pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A pretraining of one epoch on 48 clips."""
    folder = tmp_path_factory.mktemp("pretraining")
    (folder / "tiny.py").write_text(TINY)
    cfg = load(folder / "tiny.py", {"work_dir": str(folder)})
    MotionRunner.from_cfg(cfg).train()
    return folder / "epoch_1.pth"


def benchmark(*args) -> int:
    return run_tool("benchmark.py", *args)


SHORT = ["train_cfg.max_epochs=2", "test_evaluator.probes.mlp.epochs=2", "test_evaluator.probes.linear.epochs=5"]


@pytest.mark.recipe
def test_one_command_runs_a_list_and_does_nothing_twice(checkpoint, tmp_path, capsys):
    before = hashlib.sha1(checkpoint.read_bytes()).hexdigest()
    names = ["linear", "knn", "retrieval", "action_head", "oneshot", "finetune", "semi10"]
    call = [checkpoint, "--protocols", *names, "--work-dir", tmp_path, "--device", "cpu", "--cfg-options", *SHORT]
    assert benchmark(*call, "--seeds", "0", "1", "--debug") == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["protocol"] for row in rows] == names
    table = capsys.readouterr().out
    assert all(row["title"] in table for row in rows)
    markdown = (tmp_path / "results.md").read_text().splitlines()
    assert len(markdown) == 2 + len(names)
    for row, line in zip(rows, markdown[2:]):
        values = [run["metrics"][row["metric"]] for run in row["runs"]]
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["std"] == (pytest.approx(np.std(values, ddof=1)) if len(values) > 1 else None)
        assert f"{row['mean']:.2f}" in line
        assert "epoch_1.pth, epoch 1" in line
        assert ("train_cfg.max_epochs=2" in line) == (row["protocol"] in ("finetune", "semi10"))
        assert len(row["runs"]) == (1 if row["protocol"] in ("knn", "retrieval", "oneshot") else 2)
        assert row["epoch_rule"] == ("none" if row["protocol"] in ("knn", "retrieval", "oneshot") else "last")

    for name in ("linear", "action_head", "finetune", "semi10", "knn"):
        folder = tmp_path / name / "seed_0"
        result = json.loads((folder / "result.json").read_text())
        row = rows[names.index(name)]
        scores = load_scores(folder / "scores.npz")
        assert top_accuracy(scores.logits, scores.labels)["top1"] == pytest.approx(result["metrics"][row["metric"]])
        with np.load(folder / "confusion.npz") as file:
            assert file["matrix"].sum() == 36
            assert len(file["class_names"]) == len(file["matrix"]) == len(result["class_recall"])
            assert 100 * np.trace(file["matrix"]) / 36 == pytest.approx(result["metrics"][row["metric"]])

    labeled = [(tmp_path / "semi10" / f"seed_{s}" / "labeled.txt").read_text().split() for s in (0, 1)]
    assert labeled[0] != labeled[1]
    assert len(labeled[0]) == len(labeled[1]) < 48

    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    (tmp_path / "knn" / "seed_0" / "result.json").unlink()
    assert benchmark(*call, "--seeds", "0", "1") == 0
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert {path.parent.parent.name for path in again if again[path] != times[path]} == {"knn"}
    changed = [*call[:2], "linear", *call[9:14], "test_evaluator.probes.linear.lr=0.5"]
    assert benchmark(*changed, "--seeds", "0") == 0
    assert (tmp_path / "linear/seed_0/result.json").stat().st_mtime_ns != times[tmp_path / "linear/seed_0/result.json"]
    assert len(json.loads((tmp_path / "results.json").read_text())) == len(names)  # rows of other protocols stay
    assert hashlib.sha1(checkpoint.read_bytes()).hexdigest() == before


def test_features_of_joints_leave_the_encoder_as_it_was(checkpoint):
    cfg = load(checkpoint.parent / "tiny.py")
    model = init_model(cfg, checkpoint)
    before = copy.deepcopy(model.state_dict())
    loader = MotionRunner.build_dataloader(cfg.test_dataloader.to_dict())
    found = extract_features(model, loader, progress=False, joints=True)
    plain = extract_features(model, loader, progress=False)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(found["feature"], plain["feature"])
    assert "joints" not in plain
    assert not any(module._forward_hooks for module in model.modules())
    assert found["joints"].dtype == torch.float16
    by_hand = []
    for batch in loader:
        view = model.data_preprocessor(batch, False)["inputs"]["clip"]
        maps = model.encoder.backbone(view, skip_absent=False).data.detach().mean(2).unflatten(0, view.present.shape)
        for person_maps, present in zip(maps, view.present):  # (M, D, V')
            by_hand.append(torch.stack([m.T.reshape(-1) for m, p in zip(person_maps, present) if p]).mean(0))
    torch.testing.assert_close(found["joints"].float(), torch.stack(by_hand), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--protocols", "lineer"], "no protocol 'lineer'; did you mean 'linear'"),
        (["--cfg-options", "test_evaluator.probes.linear.epoch=3"], "did you mean 'epochs'"),
        (["--protocols", "finetune", "--cfg-options", "model.head.num_classes=2"], "classes"),
        (["--protocols", "semi01_uniform"], "no clip is left of 48 clips"),
        (["--cfg-options", "stream=bone"], "--config FILE"),
        (["--config", "nowhere.py"], "no such config file"),
        (["--dataset", "nowhere.py"], "no such config file"),
    ],
)
def test_mistakes_give_one_message(checkpoint, tmp_path, capsys, args, message):
    assert benchmark(checkpoint, "--work-dir", tmp_path, "--device", "cpu", *args) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in out + err


def test_a_protocol_that_fails_does_not_take_the_others_with_it(checkpoint, tmp_path, capsys):
    call = ["--protocols", "semi01_uniform", "knn", "--work-dir", tmp_path, "--device", "cpu"]
    assert benchmark(checkpoint, *call) == 2
    out, err = capsys.readouterr()
    assert "semi01_uniform: " in err
    assert "knn" in out
    assert [row["protocol"] for row in json.loads((tmp_path / "results.json").read_text())] == ["knn"]


def test_a_damaged_result_is_named_and_computed_again(checkpoint, tmp_path, capfd):
    call = [checkpoint, "--protocols", "knn", "--work-dir", tmp_path, "--device", "cpu"]
    assert benchmark(*call) == 0
    files = [tmp_path / "knn" / "seed_0" / "result.json", tmp_path / "results.json"]
    whole = [file.read_bytes() for file in files]
    for damage in (b"", whole[0][:40], b"null", b"\xff\xfe"):
        for file in files:
            file.write_bytes(damage)
        capfd.readouterr()
        assert benchmark(*call) == 0
        said = "".join(capfd.readouterr())
        assert all(f"{file} is damaged and is written again" in said for file in files)
        assert [file.read_bytes() for file in files] == whole


def test_a_checkpoint_without_config_or_of_another_model(checkpoint, tmp_path, capsys):
    content = torch.load(checkpoint, weights_only=True)
    torch.save({"state_dict": content["state_dict"]}, tmp_path / "bare.pth")
    assert benchmark(tmp_path / "bare.pth", "--work-dir", tmp_path) == 2
    assert "holds no config" in capsys.readouterr().err
    call = ["--protocols", "knn", "--work-dir", tmp_path, "--device", "cpu"]
    assert benchmark(tmp_path / "bare.pth", "--config", checkpoint.parent / "tiny.py", *call) == 0
    assert benchmark(tmp_path / "bare.pth", "--config", BASES[0], *call) == 2
    assert "of another model than AimCLR" in capsys.readouterr().err
    assert benchmark(tmp_path / "nowhere.pth") == 2
    assert "bare.pth" in capsys.readouterr().err


def test_the_list_of_protocols(capsys):
    assert benchmark("--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == PROTOCOLS


def test_a_protocol_is_a_plain_value():
    assert Protocol("x", "t", "knn/top1", None, (), {}).trains is False


def test_every_checkpoint_of_a_work_dir(checkpoint, tmp_path, capsys):
    """One table by epoch, the rows of single calls, a picture, and several of them in one picture."""
    work_dir = tmp_path / "pretraining"
    work_dir.mkdir()
    for epoch in (1, 2, 3, 10):
        content = torch.load(checkpoint, weights_only=True)
        content["meta"]["epoch"] = epoch
        content["state_dict"] = {
            k: v + 0.01 * epoch * torch.randn_like(v) if v.is_floating_point() else v
            for k, v in content["state_dict"].items()
        }
        torch.save(content, work_dir / f"epoch_{epoch}.pth")
    call = ["--protocols", "linear", "knn", "--device", "cpu", "--cfg-options", "test_evaluator.probes.linear.epochs=3"]
    assert benchmark(work_dir, "--every", 2, "--work-dir", tmp_path / "out", *call) == 0
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(row["epoch"], row["protocol"]) for row in rows] == [(e, p) for e in (2, 10) for p in ("linear", "knn")]
    single = json.loads((tmp_path / "out" / "epoch_10" / "results.json").read_text())
    assert [row["mean"] for row in single] == [row["mean"] for row in rows[2:]]
    curves = rows[0]["runs"][0]["curves"]
    assert len(curves["loss"]) == len(curves["top1"]) == 3
    assert "curves" not in rows[1]["runs"][0]
    lines = (tmp_path / "out" / "results.md").read_text().splitlines()
    assert lines[0] == "| Epoch | linear | knn |"
    assert [line.split()[1] for line in lines[2:]] == ["2", "10"]
    for file in ("history.png", "epoch_2/linear/seed_0/curves.png"):
        assert (tmp_path / "out" / file).is_file()
    assert not (tmp_path / "out/epoch_2/knn/seed_0/curves.png").exists()
    run = read_history(tmp_path / "out")
    assert [values.tolist() for values in run.curve("knn")] == [[2, 10], [rows[1]["mean"], rows[3]["mean"]]]
    plot = ["plot_curve", tmp_path / "out", tmp_path / "out" / "results.json", "--keys", "linear", "knn"]
    assert run_tool("analysis_tools/analyze_logs.py", *plot, "--out", tmp_path / "all.png") == 0
    assert (tmp_path / "all.png").is_file()
    assert "knn" in capsys.readouterr().out
    assert benchmark(tmp_path, "--every", 2) == 2
    assert "no epoch_*.pth" in capsys.readouterr().err


@MODELS.register_module()
class TwoEncoders(SelfSupervisedModel):
    """Skeletons for two encoders, of which each has its own view."""

    encoders = ("first", "second")
    views_for_features = ("clip", "other")

    def __init__(self, first, second, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.first, self.second = MODELS.build(first), MODELS.build(second)


def test_a_method_with_two_encoders_names_the_one_to_judge_and_to_finetune(checkpoint, tmp_path, capsys):
    cfg = load(checkpoint.parent / "tiny.py")
    encoder = cfg.model.encoder
    cfg.model = dict(type="TwoEncoders", first=encoder, second=encoder, data_preprocessor=cfg.model.data_preprocessor)
    cfg.model.data_preprocessor.views = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    cfg.train_dataloader.dataset.source.num_clips = cfg.test_dataloader.dataset.source.num_clips
    content = {"state_dict": model.state_dict(), "meta": {"cfg": cfg.pretty_text, "epoch": 1}}
    torch.save(content, tmp_path / "two.pth")
    options = ["--device", "cpu", "--cfg-options", *SHORT[1:]]
    call = [tmp_path / "two.pth", "--protocols", "knn", "linear", "action_head", *options]
    found = {}
    for name in ("first", "second"):
        assert benchmark(*call, "--work-dir", tmp_path / name, "--encoder", name, "--debug") == 0
        found[name] = {
            row["protocol"]: row["mean"] for row in json.loads((tmp_path / name / "results.json").read_text())
        }
    loader = MotionRunner.build_dataloader(cfg.test_dataloader.to_dict())
    table = extract_features(model, loader, progress=False)
    for name, column in (("first", "feature"), ("second", "feature_other")):
        assert feature_column(TwoEncoders, name) == column
        metric = FeatureMetric([dict(type="KNN", standardize=True, column=column)], collapse=False)
        assert metric.compute_metrics([table])["knn/top1"] == pytest.approx(found[name]["knn"])
    assert found["first"] != found["second"]
    laid_over = lay_over(cfg, load_protocol("finetune", FOLDER), encoder="second")
    assert laid_over.model.load_prefix == "second."
    assert benchmark(*call, "--work-dir", tmp_path / "third", "--encoder", "secnd") == 2
    assert "TwoEncoders has no encoder 'secnd'; did you mean 'second'" in capsys.readouterr().err
