"""The suite trains each method on each set for equal time, beside floors, and repeats nothing that has a result."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmsync.apis.cli import run_tool
from mmsync.config import load
from mmsync.config.text import config_text
from mmsync.errors import ConfigError
from mmsync.evaluation.functional import Scores
from mmsync.protocols.floors import start_of
from mmsync.registry import DATASETS
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout
from mmsync.sweep import Children, exchange, read_part, shortened
from mmsync.sweep.summary import Result, mean_ranks, summary, summary_cells

ROOT = Path(__file__).parents[2]
SIMCLR = ROOT / "configs/simclr/simclr_stgcn_ucla_xview.py"
SMALL = ["synthetic.source.num_clips=(48,24)", "synthetic.source.actions=[wave,clap]", "backbone=stgcn"]


@pytest.fixture
def suite(monkeypatch):
    """The tool as a module, and a function that runs it: what it printed."""
    spec = importlib.util.spec_from_file_location("suite_tool", ROOT / "tools/benchmarks/suite.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CALIBRATION", 96)
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):  # the tool sets them
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*args, options=SMALL):
        monkeypatch.setattr(sys, "argv", ["suite.py", *map(str, args), "--cfg-options", *options])
        run_tool(module.main, module.parse_args())

    module.run = run
    return module


@pytest.mark.recipe
def test_methods_and_floors_in_one_table_and_nothing_twice(suite, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(tmp_path / "nowhere"))
    call = [tmp_path / "out", "--sets", "sbu", "synthetic", "--seeds", 1, "--minutes", 0.03]
    call += ["--protocols", "retrieval", "logistic"]
    suite.run(*call, options=[*SMALL, "sbu.data_root=x"])
    found = json.loads((tmp_path / "out/results.json").read_text())
    rows = {row["row"]: row for row in found["rows"]}
    assert list(rows) == ["raw", "untrained", "simclr_stgcn"]
    assert rows["simclr_stgcn"]["seeds"] == rows["untrained"]["seeds"] == [1]
    assert all(0.005 < minutes < 0.3 for minutes in rows["simclr_stgcn"]["cpu_minutes"])
    for row in rows.values():
        for cell in row["accuracy"].values():
            assert 0 <= cell["low"] <= cell["mean"] <= cell["high"] <= 100
            assert np.mean(cell["seeds"]) == pytest.approx(cell["mean"])
    assert sum(ranks["retrieval"] for ranks in found["ranks"].values()) == 6
    text = (tmp_path / "out/table.md").read_text()
    assert text.startswith("| set | row | epochs | CPU min | retrieval | logistic | rank |")
    assert all(f"sbu_{fold} is skipped: SBU: x is neither" in text for fold in (1, 2, 3))
    assert "raw, synthetic: " in text
    assert (tmp_path / "out/picture.png").stat().st_size > 5000
    assert capfd.readouterr().out.count("raw, synthetic: ") == 2

    def again(*_, **__):
        raise AssertionError("this has a result")

    monkeypatch.setattr(Children, "call", again)
    for name in ("judge", "raw_floor"):
        monkeypatch.setattr(suite, name, again)
    monkeypatch.setattr(suite.Prober, "run", again)
    suite.run(*call, options=[*SMALL, "sbu.data_root=x"])
    assert json.loads((tmp_path / "out/results.json").read_text()) == found


def test_a_method_is_its_model_views_and_schedule_on_other_data(tmp_path):
    init_default_scope("mmsync")
    method, used = read_part(SIMCLR, {"stream": "joint", "train_cfg.max_epochs": 3, "unknown": 0})
    data, _ = read_part(ROOT / "configs/_base_/datasets/synthetic.py", {"source.num_clips": (40, 16)})
    assert used == {"stream"}
    dataset = DATASETS.build({**data["test_dataloader"]["dataset"], "cache": False})
    cfg = exchange(method, data, dataset, {"optim_wrapper.optimizer.lr": 0.5, "stream": "joint"})
    (tmp_path / "cfg.py").write_text(config_text(shortened(cfg, 7, 1)))
    cfg, own = load(tmp_path / "cfg.py"), load(SIMCLR)
    backbone = cfg.model.encoder.backbone
    assert (backbone.layout, backbone.in_channels, own.model.encoder.backbone.layout) == ("ntu25", 3, "kinect20")
    assert cfg.model.data_preprocessor.views == own.model.data_preprocessor.views
    assert cfg.train_dataloader.batch_size == 40  # not 128
    assert cfg.train_dataloader.dataset.source.type == "SyntheticSource"
    assert cfg.optim_wrapper.optimizer.lr == 0.5
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler.warmup) == (7, own.param_scheduler.warmup)
    assert cfg.get("val_dataloader") is None
    assert cfg.default_hooks.checkpoint.get("save_best") is None


def test_what_counts_epochs_follows_the_length():
    cfg = dict(
        model=dict(type="AimCLR", mining=dict(start_epoch=150, topk=1), encoder=dict(begin=3)),
        train_cfg=dict(by_epoch=True, max_epochs=300, val_interval=10),
        param_scheduler=[dict(type="MultiStepLR", milestones=[250, 280]), dict(type="LinearLR", end=30)],
    )
    short = shortened(cfg, 30, 5)
    assert short["model"] == dict(type="AimCLR", mining=dict(start_epoch=15, topk=1), encoder=dict(begin=3))
    assert [part.get("milestones", part.get("end")) for part in short["param_scheduler"]] == [[25, 28], 3]
    assert short["custom_hooks"] == [dict(type="CPUTimeHook")]
    assert cfg["train_cfg"]["max_epochs"] == 300
    loop, schedule = dict(by_epoch=False, max_iters=1000), dict(type="WarmupCosineLR", by_epoch=False, end=1000)
    short = shortened({**cfg, "train_cfg": loop, "param_scheduler": schedule}, 30, 5)
    assert short["train_cfg"] == dict(by_epoch=False, max_iters=150, val_interval=150)
    assert short["param_scheduler"]["end"] == 150
    assert (short["default_hooks"]["checkpoint"]["by_epoch"], short["model"]["mining"]["start_epoch"]) == (False, 22)
    assert shortened(cfg, 30, 5, checkpoints=1)["default_hooks"]["checkpoint"]["interval"] == 30
    with pytest.raises(ConfigError, match="neither max_epochs nor max_iters"):
        shortened({**cfg, "train_cfg": {}}, 30, 5)


def test_passes_that_begin_or_save_are_not_calibrated_on(suite, monkeypatch):
    job = SimpleNamespace(record=lambda: True)
    own = SimpleNamespace(run=lambda *_: SimpleNamespace(jobs=lambda setting: [job]), args=SimpleNamespace(minutes=2))
    monkeypatch.setattr(suite, "cpu_seconds", lambda job: [[1, 40], [2, 50], [3, 60], [4, 170]])
    assert suite.Suite.calibrate(own, {"method": None}) == {"method": 12}


def test_a_store_of_a_layout_of_ones_own(suite, tmp_path):
    layout = SkeletonLayout("hand", ("wrist", "left_tip", "right_tip"), (0, 0, 0), (1,), (2,))
    rng = np.random.default_rng(0)
    with StoreWriter(tmp_path / "mine", layout, num_coords=2, class_names=["a", "b"]) as store:
        for i in range(8):
            store.add(f"c{i}", rng.standard_normal((2, 9, 3, 3)).astype(np.float32), i % 2)
        store.splits = {"x_train": ["c0", "c1", "c2", "c3"], "x_val": ["c4", "c5"], "train": ["c0"], "other": ["c7"]}
    (part,) = suite.parts_of(str(tmp_path / "mine"))
    assert (part.name, part.variables["train"], part.variables["test"]) == ("mine_x", "x_train", "x_val")
    part.open({})
    method, _ = read_part(SIMCLR, {"stream": "joint+motion"})
    (tmp_path / "cfg.py").write_text(config_text(exchange(method, part.cfg, part.dataset, {})))
    model = load(tmp_path / "cfg.py").model
    assert (model.data_preprocessor.num_coords, model.encoder.backbone.in_channels) == (2, 6)  # x, y and a score
    assert (model.encoder.backbone.layout.name, part.dataset[0]["inputs"]["skeleton"].data.shape[0]) == ("hand", 2)
    with StoreWriter(tmp_path / "none", layout) as store:
        store.add("c", np.ones((1, 2, 3, 3), np.float32))
    with pytest.raises(ConfigError, match="needs splits NAME_train and NAME_test"):
        suite.parts_of(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="no such set"):
        suite.parts_of("uclaa")


def test_options_that_nothing_reads_are_refused(suite, tmp_path, capfd):
    with pytest.raises(SystemExit):
        suite.run(tmp_path, "--sets", "synthetic", options=[*SMALL, "batchsize=3"])
    assert "--cfg-options batchsize: no method and no set" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        suite.run(tmp_path, "--minutes", 0)
    assert "--minutes 0" in capfd.readouterr().err


def test_names_of_rows(suite):
    stems = ["byol_stgcn_ucla_xview", "simclr_stgcn_ucla", "simclr_stgcn_synthetic", "default_ucla", "ucla_x", "x"]
    names = suite.row_names([f"a/{stem}.py" for stem in stems])
    assert list(names.values()) == [
        "byol_stgcn",
        "simclr_stgcn_ucla",
        "simclr_stgcn_synthetic",
        "default",
        "ucla_x",
        "x",
    ]
    with pytest.raises(ConfigError, match="two configs have the same name"):
        suite.row_names(["a/x.py", "b/x.py"])


def result(group, part, row, seed, right, **more):
    logits = np.stack([np.asarray(right, float), 0.5 * np.ones(len(right))], 1)
    names = [f"{part}{i}" for i in range(len(right))]
    return Result(group, part, row, seed, dict(p=Scores(names, logits, np.zeros(len(right), np.int64))), **more)


def test_values_are_over_folds_and_seeds_and_ranks_over_sets():
    results = [
        result("A", "a1", "m", 0, [1, 1, 1, 0], epochs=9, minutes=1.0), result("A", "a2", "m", 0, [1, 0]),
        result("A", "a1", "m", 1, [1, 1, 1, 1]), result("A", "a2", "m", 1, [1, 1]), result("A", "a1", "m", 2, [0] * 4),
        result("A", "a1", "n", 0, [0] * 4), result("A", "a2", "n", 0, [0, 0]),
        result("B", "b", "m", 0, [1, 0]), result("B", "b", "n", 0, [0, 1]), result("B", "b", "only B", 0, [0, 0]),
    ]  # fmt: skip
    rows = summary(results)
    assert [(row["set"], row["row"]) for row in rows] == [*[("A", x) for x in "mn"], *[("B", x) for x in "mn"],
                                                          ("B", "only B")]  # fmt: skip
    cell = rows[0]["accuracy"]["p"]
    assert rows[0]["seeds"] == [0, 1]  # the last one lacks a fold
    assert cell["seeds"] == pytest.approx([400 / 6, 100])
    assert cell["mean"] == pytest.approx(1000 / 12)
    assert cell["low"] < 400 / 6 < 99 < cell["high"]
    assert [row["accuracy"]["p"]["rank"] for row in rows] == [1, 2, 1.5, 1.5, 3]
    assert mean_ranks(rows) == {"m": {"p": 1.25}, "n": {"p": 1.75}}
    cells = summary_cells(rows, ["p", "q"])
    assert cells[0] == ("set", "row", "epochs", "CPU min", "p", "q", "rank")
    assert cells[2] == ("A", "n", "-", "-", "0.0 [0.0, 0.0]", "-", "2.0")
    assert cells[-2:] == [
        ("mean rank", "m", "", "", "1.25", "-", "1.25"),
        ("mean rank", "n", "", "", "1.75", "-", "1.75"),
    ]


def test_a_fold_is_a_set(suite):
    assert [part.name for part in suite.parts_of("sbu_2")] == ["sbu_2"]
    assert [part.name for part in suite.parts_of("sbu")] == ["sbu_1", "sbu_2", "sbu_3"]
    with pytest.raises(ConfigError, match="--sets sbu_4: no such set"):
        suite.parts_of("sbu_4")


def test_the_weights_that_a_method_builds_on_are_a_floor(suite, tmp_path):
    init_default_scope("mmsync")
    (part,) = suite.parts_of("synthetic")
    part.open({"synthetic.source.num_clips": (96, 96)})
    method, _ = read_part(ROOT / "configs/default/default_synthetic.py", {})
    (tmp_path / "c.py").write_text(config_text(exchange(method, part.cfg, part.dataset, {})))
    cfg = load(tmp_path / "c.py").to_dict()
    plain, (row, alone, weights) = start_of(cfg)
    assert (row, weights) == ("motion-s", None)
    assert "frozen" not in plain["model"]["encoder"]
    assert "frozen" in cfg["model"]["encoder"]
    found = [
        suite.untrained(tmp_path / str(i), c, ["retrieval"], 0, None)["retrieval"] for i, c in enumerate((plain, alone))
    ]
    without, given = ((one.logits.argmax(1) == one.labels).mean() for one in found)
    assert given > without + 0.05
    assert start_of({**plain, "load_from": "a/b.pth"})[1][::2] == ("b", "a/b.pth")
