"""Logs of several parts and half-written ones become the right values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmsync.errors import DataError
from mmsync.runlog import read_run


def train(step, length=10, **values):
    return {"loss": 100.0 - step, "time": 0.5, "data_time": 0.1, **values, "epoch": (step - 1) // length + 1,
            "iter": step, "step": step}  # fmt: skip


def write(folder, part, rows, tail=""):
    path = folder / part / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + tail)
    return path


@pytest.fixture
def run(tmp_path):
    """A run of 60 iterations that died at 47 and went on from the checkpoint of epoch 3."""
    folder = tmp_path / "run"
    first = [train(step, lr=1.0) for step in range(5, 46, 5)]
    first.insert(6, {"knn/top1": 50.0, "time": 1.0, "step": 3})
    first.append({"knn/top1": 1.0, "step": 4})
    write(folder, "20260101_000000", first, '{"loss": 0.1, "ep')
    second = [train(step, lr=2.0) for step in range(35, 61, 5)] + [{"knn/top1": 70.0, "step": 6}]
    write(folder, "20260102_000000", second)
    (folder / "20260103_000000").mkdir()  # of a test: nothing logged
    return folder


def test_a_resumed_run_is_one_curve_over_epochs(run):
    log = read_run(run)
    assert (log.name, log.by_epoch, log.epoch_length) == ("run", True, 10)
    x, y = log.curve("loss")
    np.testing.assert_allclose(x, np.arange(5, 61, 5) / 10)
    np.testing.assert_allclose(y, 100 - 10 * x)
    assert log.curve("lr")[1].tolist() == [1.0] * 6 + [2.0] * 6  # the part that was repeated is the later one
    assert [part.tolist() for part in log.curve("knn/top1")] == [[3.0, 6.0], [50.0, 70.0]]
    assert set(log.curve("time")[1]) == {0.5}  # of training, not of validation
    assert log.notes == [f"{run / '20260101_000000/vis_data/scalars.json'}, line 12 is skipped: "
                         "incomplete, the run was stopped while writing"]  # fmt: skip


def test_a_single_file_and_a_run_without_epochs(run, tmp_path):
    assert read_run(run / "20260102_000000/vis_data/scalars.json").name == "run"
    rows = [
        {"loss": float("nan"), "iter": 100, "step": 100},
        {"acc": 3, "step": 150},
        {"loss": 1, "iter": 200, "step": 200},
    ]
    path = write(tmp_path, "by_iter", rows)
    log = read_run(path, "mine")
    assert (log.name, log.by_epoch) == ("mine", False)
    assert log.curve("loss")[0].tolist() == [100, 200]
    assert log.curve("acc")[0].tolist() == [150]


def test_bad_input(run, tmp_path):
    with pytest.raises(DataError, match=r"run: no value 'los'; did you mean 'loss'\? Available: loss, time"):
        read_run(run).curve("los")
    with pytest.raises(DataError, match="no such file or folder"):
        read_run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is it the work dir"):
        read_run(tmp_path / "empty")
    (tmp_path / "text.json").write_text("[1]\nhello\n")
    with pytest.raises(DataError, match=r"no readable row; .*line 1 is skipped: not a row"):
        read_run(tmp_path / "text.json")


def test_a_folder_of_several_runs_is_none(tmp_path):
    rows = [dict(loss=1.0, iter=1, step=1)]
    for name in ("one", "two"):
        write(tmp_path / "runs" / name, "20260101_000000", rows)
    with pytest.raises(DataError, match=r"runs holds 2 runs; give their folders: .*runs/one, .*runs/two"):
        read_run(tmp_path / "runs")
    write(tmp_path / "runs", "20260102_000000", rows)  # a run in whose folder others ran, too
    assert read_run(tmp_path / "runs").curve("loss")[0].tolist() == [1]
