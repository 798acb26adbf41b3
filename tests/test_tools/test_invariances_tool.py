"""The tool that measures invariances, on a config and on a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_tool import run_tool

from mmsync.datasets.sources import SyntheticSource
from mmsync.worlds import writers

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capsys):
    """Runs the tool; returns its exit code and what it printed."""

    def run(*args):
        code = run_tool("analysis_tools/invariances.py", *args)
        out = capsys.readouterr()
        return code, out.out + out.err

    return run


def test_a_config(run, tmp_path):
    config = ROOT / "configs" / "_base_" / "datasets" / "synthetic.py"
    code, printed = run(
        config, "--clips", 60, "--json", tmp_path / "found.json", "--cfg-options", "source.num_clips=[60,4]"
    )
    assert code == 0, printed
    assert "after the pipeline" in printed
    assert "dict(type='RandomRotation'" in printed
    assert "no TemporalFlip" in printed
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["prepared"]["frames"] == [64, 64, 64]
    assert found["on_disk"]["frames"] != [64, 64, 64]
    assert all(view["reason"] for view in found["views"])


def test_a_store(run, tmp_path):
    (folder,) = writers.write_store(SyntheticSource((24, 8)), tmp_path)
    code, printed = run(folder, "--split", "train")
    assert code == 0, printed
    assert "after the pipeline" not in printed
    assert "view 1: headings" in printed


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["configs/_base_/datasets/synthetic_pairs.py"], "not a SkeletonDataset"),
        (["configs/_base_/datasets/synthetic.py", "--split", "train"], "--split is for stores"),
        (["configs/_base_/datasets/synthetic.py", "--clips", "2"], "give 8 or more"),
        (["configs/_base_/schedules/sgd.py"], "no train_dataloader.dataset"),
    ],
)
def test_mistakes(run, args, words):
    code, printed = run(str(ROOT / args[0]), *args[1:])
    assert code == 2
    assert words in printed
