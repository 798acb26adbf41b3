"""Floors of one's own data: all rows on a small store, and what the sentence says of known results."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsync.apis import init_model
from mmsync.config import load
from mmsync.config.inputs import input_record
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import write_checkpoint
from mmsync.errors import ConfigError, DataError
from mmsync.evaluation.functional import Scores
from mmsync.store.skeletons import StoreWriter
from mmsync.sweep.summary import Result, summary

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/default/default_store.py"
JOINTS = ["pelvis", "left_hip", "right_hip", "left_shoulder", "right_shoulder", "head", "tail"]
OWN = dict(name="mine7", joints=JOINTS, parents=[0] * 7, left=JOINTS[1::2][:2], right=JOINTS[2::2][:2])


@pytest.fixture
def tool(monkeypatch):
    spec = importlib.util.spec_from_file_location("floors_tool", ROOT / "tools/floors.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def make_store(path, train, test, coords=2):
    """Clips of joints that move at a pace of their class, in a layout of one's own."""
    rng, time = np.random.default_rng(0), np.linspace(0, 1, 24)[:, None, None]
    with StoreWriter(path, OWN, num_coords=coords, class_names=["slow", "fast", "rare", "new"]) as store:
        for part, labels in (("train", train), ("test", test)):
            for number, label in enumerate(labels):
                clip = np.arange(7)[None, :, None] + np.sin((label + 1) * 6 * time + np.arange(7)[None, :, None])
                clip = clip + 0.05 * rng.standard_normal((24, 7, coords))
                store.add(f"{part}{number}", clip[None].astype(np.float32), label=label)
                store.splits.setdefault(part, []).append(f"{part}{number}")
    return path


@pytest.mark.recipe
def test_all_rows_of_a_store_of_few_clips(tool, tmp_path, capsys):
    store = make_store(tmp_path / "store", [0, 1, 0, 1, 2], [0, 1, 2, 3])
    cfg = load(CONFIG, {"root": str(store), "layout": None})
    model, path = init_model(cfg), tmp_path / "run/iter_1.pth"
    meta = dict(cfg=config_text(cfg), input=input_record(cfg), folds=[])
    write_checkpoint(dict(meta=meta, state_dict=model.state_dict()), path)
    tool.main(tool.parse_args([str(path), "--out", str(tmp_path / "out"), "--seeds", "3", "4", "--device", "cpu"]))
    printed = capsys.readouterr().out
    with open(tmp_path / "out/floors.csv", encoding="utf-8", newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["raw coordinates", "untrained encoder", "motion-s", "trained encoder"]
    assert rows["untrained encoder"]["seeds"] == "3 4"
    for row in rows.values():
        assert (row["training clips"], row["test clips"], row["classes"]) == ("5", "4", "4")
        for name in ("1-NN", "5-NN", "linear", "logistic"):
            # the class without training clips is never right
            assert 0 <= float(row[f"{name} low"]) <= float(row[name]) <= min(75, float(row[f"{name} high"])) <= 100
    assert rows["raw coordinates"]["1-NN"] == "75.00"  # paces are far apart
    text = (tmp_path / "out/floors.md").read_text()
    assert text.startswith("| row | 1-NN | 5-NN | linear | logistic | training clips | test clips | classes |")
    for words in ("The trained encoder is ", "4 test clips are few", "no training clip, and cannot be right: new"):
        assert words in text
        assert words in printed


@pytest.mark.parametrize(
    ("train", "test", "error", "words"),
    [
        ([-1, -1], [-1, -1], DataError, "none of the training clips and test clips has a label"),
        ([0, 1], [-1, -1], DataError, "none of the test clips has a label"),
        ([0, 0], [0, 0], DataError, "of one class"),
    ],
)
def test_data_without_anything_to_compare(tool, tmp_path, train, test, error, words):
    store = make_store(tmp_path / "store", train, test)
    with pytest.raises(error, match=words):
        tool.main(tool.parse_args([str(CONFIG), "--cfg-options", f"root={store}", "layout=None"]))
    with pytest.raises(ConfigError, match=f"is a store.*root={store}"):
        tool.main(tool.parse_args([str(store)]))
    with pytest.raises(ConfigError, match="needs a SkeletonDataset"):
        tool.main(tool.parse_args([str(ROOT / "configs/masa/masa_synthetic.py")]))


def result(row, shares, seed=0, count=200):
    """A result that is right for the first share of the clips, by protocol."""
    labels, names, scores = np.zeros(count, dtype=np.int64), [str(i) for i in range(count)], {}
    for key, share in zip(("retrieval", "knn5", "linear_mamp", "logistic"), shares):
        wrong = np.arange(count) >= share * count
        scores[key] = Scores(names, np.stack([~wrong, wrong], 1).astype(np.float32), labels)
    return Result("", "", row, seed, scores)


def test_the_sentence_follows_from_the_paired_differences(tool):
    raw, untrained = result("raw coordinates", [0.5] * 4), result("untrained encoder", [0.5, 0.5, 0.52, 0.4])

    def said(*results):
        return tool.sentence(results, summary(results))

    # single intervals are 14 points wide; of pairs, 4 points are above
    assert said(raw, result("trained encoder", [0.54, 0.55, 0.56, 0.6])) == (
        "The trained encoder is above raw coordinates in every column (+4.0 to +10.0 points)."
    )
    assert said(raw, result("trained encoder", [0.5, 0.505, 0.6, 0.4])) == (
        "The trained encoder is above raw coordinates in linear (+10.0) and below raw coordinates in logistic (-10.0), "
        "no different in 1-NN and 5-NN."
    )
    assert said(raw, result("trained encoder", [0.5] * 4)) == (
        "The trained encoder is not above raw coordinates in any column."
    )
    assert said(raw, untrained, result("motion-s", [0.3, 0.3, 0.3, 0.3])) == (
        "motion-s is below raw coordinates in every column (-20.0 to -20.0 points); below the untrained encoder in "
        "every column (-10.0 to -22.0 points); a training pays only if it passes raw coordinates in 1-NN, 5-NN and "
        "logistic and the untrained encoder in linear."
    )
    assert said(raw, untrained) == (
        "The untrained encoder is above raw coordinates in linear (+2.0) and below raw coordinates in logistic "
        "(-10.0), no different in 1-NN and 5-NN; a training pays only if it passes raw coordinates in 1-NN, 5-NN and "
        "logistic and the untrained encoder in linear."
    )
    # seeds are drawn, too
    seeds = [result("untrained encoder", [share] * 4, seed) for seed, share in enumerate((0.4, 0.7))]
    assert said(raw, *seeds).startswith("The untrained encoder is not above raw coordinates in any column;")
    mean, low, high = tool.gains(seeds, [raw], "knn5")
    assert (round(mean, 6), low < 0 < high) == (5, True)


def test_a_shipped_config_is_found_by_name(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg, content = tool.config(tool.parse_args(["default/default_synthetic"]))
    assert (cfg.model.type, content) == ("SimCLR", None)
