"""PKU-MMD recordings become a store of their actions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from run_tool import run_tool

from mmsync.converters.pku import CLASS_NAMES, read_split
from mmsync.datasets.sources import StoreSource
from mmsync.errors import DataError


@pytest.fixture
def run(capsys):
    """Runs the tool; returns its exit code and what it printed."""

    def run(*args):
        return run_tool("dataset_converters/pku.py", *args), capsys.readouterr().out

    return run


# class, start, end
ACTIONS = {"0002-L": [(8, 1, 10), (51, 11, 25)], "0002-M": [(8, 3, 12)], "0002-R": [(1, 5, 5)], "0003-L": [(14, 2, 31)]}


@pytest.fixture
def raw(tmp_path):
    """Four recordings of 30 frames; the second body comes in frame 8 (from 0)."""
    rng = np.random.default_rng(0)
    folder, made = tmp_path / "raw", {}
    for inner in ("skeletons", "Train_Label", "Split"):
        (folder / inner).mkdir(parents=True)
    for video, actions in ACTIONS.items():
        rows = rng.normal(size=(30, 2, 25, 3)).astype(np.float32)
        rows[:8, 1] = 0
        made[video] = rows
        np.savetxt(folder / "skeletons" / f"{video}.txt", rows.reshape(30, 150), fmt="%.9g")
        text = "\r\n".join(f"{label},{start},{end},2" for label, start, end in actions)
        (folder / "Train_Label" / f"{video}.txt").write_text(text + "\r\n")
    split = "Training videos:\n0002-L, 0002-M, 0002-R,\nValidataion videos:\n0003-L\n"
    (folder / "Split" / "cross-subject.txt").write_text(split)
    (folder / "Split" / "cross_subject_v2.txt").write_text(split.replace("0003-L", "A01N01-L"))
    return folder, made


@pytest.mark.parametrize(("cut", "first"), [("aimclr", 1), ("mamp", 0)])
def test_actions_are_cut(raw, tmp_path, run, cut, first):
    folder, made = raw
    code, printed = run(folder, tmp_path / "pku1", "--phase", 1, "--cut", cut, "--workers", 2)
    assert code == 0, printed
    source = StoreSource(tmp_path / "pku1")
    assert source.class_names == CLASS_NAMES
    wanted = [(video, *action) for video, actions in ACTIONS.items() for action in actions]
    if cut == "mamp":  # an action of one frame has none
        wanted = [action for action in wanted if action[0] != "0002-R"]
    assert [name.split("_")[0] for name in source.names] == [video for video, *_ in wanted]
    for i, (video, label, start, end) in enumerate(wanted):
        rows = made[video][start - first : end].swapaxes(0, 1)  # an end behind the recording is its end
        slots = np.where(rows.any((2, 3)), [[0], [1]], -1)
        seen = rows.any((1, 2, 3))
        np.testing.assert_array_equal(source.load(i), rows[seen])
        np.testing.assert_array_equal(source.load_slots(i), slots[seen])
        assert (source.labels[i], source.attributes["view"][i]) == (label - 1, video[-1])
    assert [name.split("_")[0] for name in source.splits["xsub_test"]] == ["0003-L"]
    assert {name[5] for name in source.splits["xview_train"]} == ({"M", "R"} if cut == "aimclr" else {"M"})
    assert {name[5] for name in source.splits["xview_test"]} == {"L"}
    for text in ["18841/", "2704/1", "no cross-view split file", "aimclr/aimclr_stgcn_pku1_xsub"]:
        assert text in printed, printed


def test_only_the_second_body(raw, tmp_path, run):
    """A row for each body that is there, with its place in the file."""
    folder, made = raw
    rows = made["0002-M"].copy()
    rows[:, 0] = 0
    rows[10:, 0] = 1  # comes after the second body, which comes in frame 8
    np.savetxt(folder / "skeletons" / "0002-M.txt", rows.reshape(30, 150), fmt="%.9g")
    (folder / "Train_Label" / "0002-M.txt").write_text("1,9,10,2\n1,9,20,2\n")
    assert run(folder, tmp_path / "out", "--phase", 1, "--workers", 1)[0] == 0
    source = StoreSource(tmp_path / "out")
    first = source.names.index("0002-M_001_c01")
    assert source.load_slots(first).tolist() == [[1, 1]]
    assert source.load_slots(first + 1).tolist() == [[1] * 12, [-1] * 2 + [0] * 10]
    np.testing.assert_array_equal(source.load(first + 1)[0], rows[8:20, 1])


def test_faults_are_counted_and_named(raw, tmp_path, run):
    folder, _ = raw
    skeletons, labels = folder / "skeletons", folder / "Train_Label"
    good = (skeletons / "0003-L.txt").read_text()
    for video, text in [
        ("0004-L", good.replace("\n", " 1\n", 1)), ("0005-L", good[: len(good) // 2]), ("0006-L", "oops" + good[4:]),
        ("0007-L", good), ("0008-L", ""),
    ]:  # fmt: skip
        (skeletons / f"{video}.txt").write_text(text)
        if video != "0007-L":
            (labels / f"{video}.txt").write_text("1,1,5,2\n")
    (labels / "0002-L.txt").write_text("8,1,10,2\n52,11,25,2\n8,40,50,2\nhello\n8,12,11,2\n")
    (labels / "0002-M.txt").write_text("")
    code, printed = run(folder, tmp_path / "out", "--phase", 1, "--workers", 1)
    assert code == 0, printed
    dropped = json.loads((tmp_path / "out" / "report.json").read_text())["dropped"]
    assert {kind: [file["file"][-10:-4] for file in entry["files"]] for kind, entry in dropped.items()} == {
        "no labels": ["0007-L"], "wrong line": ["0004-L"], "truncated": ["0005-L"], "not a number": ["0006-L"],
        "empty file": ["0002-M", "0008-L"], "impossible action": ["0002-L"] * 3, "wrong label line": ["0002-L"],
    }  # fmt: skip
    assert "0002-L.txt: its label file, line 4: wanted class,start,end,confidence, found 'hello'" in printed
    assert StoreSource(tmp_path / "out").names == ["0002-L_001_c08", "0002-R_001_c01", "0003-L_001_c14"]
    code, printed = run(folder, tmp_path / "two", "--phase", 2)
    assert (code, "is it the other phase?" in printed) == (1, True)


def test_split_files(raw, tmp_path, run):
    folder, _ = raw
    (folder / "Split" / "cross-view.txt").write_text("Training videos:\n0003-L\nValidation videos:\n0002-M\n")
    code, printed = run(folder, tmp_path / "out", "--phase", 1, "--workers", 1)
    assert (code, "no cross-view" in printed) == (0, False)
    assert StoreSource(tmp_path / "out").splits["xview_train"] == ["0003-L_001_c14"]
    path = folder / "Split" / "cross-subject.txt"
    for text, wanted in [("a\nb\n", "line 4"), ("a\n1,2\nb\n2,3\n", "1 of them in both"), ("\n\n\n\n", "0 training")]:
        path.write_text(text)
        with pytest.raises(DataError, match=wanted):
            read_split(path)
    path.unlink()
    code, printed = run(folder, tmp_path / "none", "--phase", 1, "--workers", 1)
    assert (code, "no xsub splits" in printed) == (0, True)


def test_class_names():
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 51
