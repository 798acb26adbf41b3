"""Raw NTU files become a store: every clip, every fault by name, and the same after a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from run_tool import run_tool

from mmsync.converters import conversion, ntu, ntu_folder
from mmsync.converters.ntu_file import read_skeleton
from mmsync.datasets.sources import StoreSource
from mmsync.errors import DataError

TOOL = "dataset_converters/ntu.py"


def text(frames, seed=0, bodies=1, newline="\n"):
    """A sound raw file; ``frames`` frames with the same bodies."""
    rng = np.random.default_rng(seed)
    lines = [str(frames)]
    for _ in range(frames):
        lines.append(str(bodies))
        for who in range(bodies):
            lines += [f"{10**16 + who} 0 1 1 1 1 0 0.1 0.2 2", "25"]
            lines += [" ".join(f"{n:.6g}" for n in row) + " 2" for row in rng.normal(size=(25, 11))]
    return newline.join([*lines, ""])


NAMES = [
    f"S{setup:03d}C{view:03d}P{subject:03d}R001A{action:03d}"
    for setup, subject in ((1, 1), (2, 3))
    for view in (1, 2)
    for action in (1, 2, 60)
]


def make_raw(folder, names=NAMES, newline="\n"):
    for i, name in enumerate(names):
        inner = folder / f"part{i % 2}"
        inner.mkdir(parents=True, exist_ok=True)
        inner.joinpath(f"{name}.skeleton").write_bytes(text(2 + i % 3, i, 1 + i % 2, newline).encode())
    return folder


@pytest.fixture
def run(capsys):
    """Runs the tool; returns its exit code and what it printed."""

    def run(*args, tool=TOOL):
        return run_tool(tool, *args), capsys.readouterr().out

    return run


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_store_holds_what_the_files_hold(tmp_path, run):
    raw, out = make_raw(tmp_path / "raw"), tmp_path / "ntu60"
    code, printed = run(raw, out, "--workers", 1)
    assert code == 0, printed
    source = StoreSource(out)
    assert source.names == sorted(NAMES)
    assert source.class_names == ntu.class_names("ntu60")
    for i, name in enumerate(source.names):
        (path,) = raw.rglob(f"{name}.skeleton")
        clip, told = read_skeleton(path), ntu.parse_name(name)
        np.testing.assert_array_equal(source.load(i), clip.keypoint)
        np.testing.assert_array_equal(source.load_slots(i), clip.body_slots)
        assert source.labels[i] == told.action - 1
        assert {key: values[i] for key, values in source.attributes.items()} == told._asdict()
    assert {split: len(names) for split, names in source.splits.items()} == {
        "xsub_train": 6, "xsub_test": 6, "xview_train": 6, "xview_test": 6,
    }  # fmt: skip
    report = json.loads((out / "report.json").read_text())
    assert (report["dataset"], report["found"], report["stored"], report["dropped"]) == ("ntu60", 12, 12, {})
    assert report["splits"]["xsub_test"] == {"expected": 16487, "found": 6}
    for wanted in ["12 raw files found, 12 clips stored", "16487/6", "mmsync train aimclr/aimclr_stgcn_ntu60_xsub"]:
        assert wanted in printed, printed
    assert "no file of setups 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17" in printed
    assert not list(tmp_path.glob(".*")), "shards or temporary files are left"


def test_workers_and_line_ends_do_not_matter(tmp_path, run):
    one, other = make_raw(tmp_path / "one"), make_raw(tmp_path / "two", newline="\r\n")
    assert run(one, tmp_path / "a", "--workers", 1)[0] == 0
    assert run(one, tmp_path / "b", "--workers", 2)[0] == 0
    assert run(other, tmp_path / "c", "--workers", 2)[0] == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")
    a, c = content(tmp_path / "a"), content(tmp_path / "c")
    assert a.pop("report.json") != c.pop("report.json")  # it names the folder
    assert a == c


def test_every_fault_is_counted_and_named(tmp_path, run):
    raw, out = make_raw(tmp_path / "raw"), tmp_path / "out"
    good = text(3, 99)
    lines = good.split("\n")
    listed = sorted(ntu.missing_skeletons("ntu60"))[0]
    bad = {
        "truncated": good[: len(good) // 2], "empty file": "", "not text": good + "\0", "wrong name": good,
        "nobody": "2\n0\n0\n", "not a number": good.replace(lines[5].split()[0], "oops"),
        "not finite": good.replace(lines[5].split()[1], "NaN"), "joint count": good.replace("\n25\n", "\n24\n", 1),
        "bad count": good.replace("3\n1\n", "3\n-1\n", 1), "trailing lines": good + "1\n",
        "wrong line": "\n".join([*lines[:5], *lines[6:]]),
        "duplicate body id": text(2, bodies=2).replace(str(10**16 + 1), str(10**16)),
    }  # fmt: skip
    names = {kind: f"S005C001P004R001A{i + 1:03d}.skeleton" for i, kind in enumerate(bad)}
    names["wrong name"] = "kitchen.skeleton"
    for kind, words in bad.items():
        (raw / names[kind]).write_text(words)
    (raw / f"{listed}.skeleton").write_text("whatever")
    (raw / f"{NAMES[0]}.skeleton").write_text(good)  # comes before the one in part0
    (raw / "S005C001P004R002A001.skeleton").symlink_to(raw / "nothing")
    code, printed = run(raw, out, "--workers", 2)
    assert code == 0, printed
    report = json.loads((out / "report.json").read_text())
    names |= {"second file of a name": f"part0/{NAMES[0]}.skeleton", "cannot be read": "S005C001P004R002A001.skeleton"}
    assert {kind: [file["file"] for file in entry["files"]] for kind, entry in report["dropped"].items()} == {
        kind: [name] for kind, name in names.items()
    }
    assert all(entry["count"] == 1 for entry in report["dropped"].values())
    for kind, name in names.items():
        assert f"DROPPED, {kind}: 1" in printed
        assert f"    {name}: " in printed
    (left_out,) = [entry for entry in report["left_out"].values() if entry["count"]]
    assert left_out == {"count": 1, "files": [listed]}
    assert StoreSource(out).names == sorted(NAMES)
    # a share that is allowed
    code, printed = run(raw, tmp_path / "strict", "--workers", 1, "--max-bad-share", 0.1)
    assert (code, "max_bad_share=0.1" in printed, (tmp_path / "strict").exists()) == (1, True, False)
    assert json.loads((tmp_path / "strict.report.json").read_text())["dropped"].keys() == names.keys()


def test_which_data_set(tmp_path, run):
    later = ["S018C001P008R001A061", "S018C003P008R001A061", "S019C002P003R001A120"]
    raw = make_raw(tmp_path / "raw", NAMES + later)
    assert run(raw, tmp_path / "120", "--workers", 1)[0] == 0
    source = StoreSource(tmp_path / "120")
    assert (len(source), len(source.class_names)) == (15, 120)
    assert len(source.splits["ntu60_xsub_train"]) == 6
    assert source.splits["oneshot_exemplar"] == ["S018C003P008R001A061"]
    code, printed = run(raw, tmp_path / "60", "--dataset", "ntu60", "--workers", 1)
    assert (code, "left out, of ntu120 only: 3" in printed) == (0, True), printed
    assert StoreSource(tmp_path / "60").names == sorted(NAMES)


def test_lists(tmp_path, run):
    listed = sorted(ntu.missing_skeletons("ntu60"))[:2]
    raw = make_raw(tmp_path / "raw", NAMES + listed)
    assert run(raw, tmp_path / "all", "--workers", 1, "--missing-list", "none")[0] == 0
    assert len(StoreSource(tmp_path / "all")) == 14
    (tmp_path / "list.txt").write_text(f"The following are missing\n- heading\n{NAMES[0]}.skeleton\n{listed[0]}\n")
    assert run(raw, tmp_path / "own", "--workers", 1, "--missing-list", tmp_path / "list.txt")[0] == 0
    assert StoreSource(tmp_path / "own").names == sorted([*NAMES[1:], listed[1]])
    (tmp_path / "list.txt").write_text("nothing")
    code, printed = run(raw, tmp_path / "no", "--missing-list", tmp_path / "list.txt")
    assert (code, "no name like" in printed) == (1, True)


def test_wrong_folders(tmp_path, run):
    raw = make_raw(tmp_path / "raw")
    code, printed = run(tmp_path / "nothing", tmp_path / "out")
    assert (code, "does not exist" in printed) == (1, True)
    (tmp_path / "zips").mkdir()
    zipfile.ZipFile(tmp_path / "zips" / "a.zip", "w").close()
    code, printed = run(tmp_path / "zips", tmp_path / "out")
    assert (code, "unpack them first" in printed) == (1, True)
    (tmp_path / "taken").mkdir()
    code, printed = run(raw, tmp_path / "taken", "--workers", 1)
    assert (code, "exists" in printed) == (1, True)
    assert run(raw, tmp_path / "taken", "--workers", 1, "--overwrite")[0] == 0
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / f"{NAMES[0]}.skeleton").write_text("x")
    code, printed = run(tmp_path / "bad", tmp_path / "none", "--workers", 1)
    assert (code, "no clip is left" in printed, (tmp_path / "none").exists()) == (1, True, False)


def test_a_stopped_conversion_goes_on(tmp_path, run, monkeypatch):
    """What was read is not read again, unless it changed; and the result is that of an undisturbed run."""
    raw, out, reads = make_raw(tmp_path / "raw"), tmp_path / "out", []
    assert run(raw, tmp_path / "whole", "--workers", 1)[0] == 0

    def read(path):
        reads.append(path.name)
        if len(reads) == stop:
            raise KeyboardInterrupt
        return read_skeleton(path)

    monkeypatch.setattr(ntu_folder, "read_skeleton", read)
    stop = 8  # the second file of the third group
    code, printed = run(raw, out, "--workers", 1)
    assert (code, "same command" in printed, out.exists()) == (130, True, False)
    assert len(list((tmp_path / ".out.parts").glob("S*.npz"))) == 2
    reads.clear()
    stop = None
    changed = raw / "part0" / f"{NAMES[0]}.skeleton"
    os.utime(changed, (1, 1))
    code, printed = run(raw, out, "--workers", 1)
    assert (code, "resuming: 3 of 12 files" in printed) == (0, True), printed
    assert len(reads) == 9
    assert changed.name in reads
    assert content(out) == content(tmp_path / "whole")
    assert not list(tmp_path.glob(".*"))


def test_a_killed_conversion_goes_on(tmp_path, capsys):
    """SIGKILL in the middle; neither half a store nor a process is left behind."""
    names = [f"S001C{view:03d}P{subject:03d}R001A001" for view in (1, 2, 3) for subject in range(1, 9)]
    raw = make_raw(tmp_path / "raw", names)
    program = (
        "import sys, time\n"
        "from mmsync.converters import ntu_folder\n"
        "from mmsync.converters.ntu_file import read_skeleton\n"
        "def slow(path):\n    time.sleep(0.2)\n    return read_skeleton(path)\n"
        "ntu_folder.read_skeleton = slow\n"
        "ntu_folder.convert_ntu(sys.argv[1], sys.argv[2], workers=2)\n"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        [sys.executable, "-c", program, raw, killed], env=env, stderr=subprocess.DEVNULL, start_new_session=True
    )
    parts = tmp_path / ".killed.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("S*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)  # its workers too, or they write on into what the next run removes
    process.wait()
    assert not killed.exists()
    done = len(list(parts.glob("S*.npz")))
    assert 3 <= done < len(names)
    ntu_folder.convert_ntu(raw, killed, workers=2)
    assert "resuming: " in capsys.readouterr().out
    ntu_folder.convert_ntu(raw, whole, workers=1)
    assert content(killed) == content(whole)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the stand-in reaches the workers by fork")
def test_a_killed_worker_is_named_and_the_others_finish(tmp_path, monkeypatch):
    """As by the system when memory runs out: twice for the same group of files."""
    raw, parts = make_raw(tmp_path / "raw"), tmp_path / ".out.parts"

    def read(path):
        if path.stem == NAMES[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return read_skeleton(path)

    with monkeypatch.context() as patch:
        patch.setattr(ntu_folder, "read_skeleton", read)
        for _ in range(2):  # the second time it is the only group left, and still not read in this process
            with pytest.raises(DataError, match=r"1 of 4 groups.*S001C001P001R001: its process was killed.*--workers"):
                ntu_folder.convert_ntu(raw, tmp_path / "out", workers=2)
            assert len(list(parts.glob("S*.npz"))) == 3
    assert ntu_folder.convert_ntu(raw, tmp_path / "out", workers=2).stored == 12


def test_a_damaged_shard_is_told(tmp_path, monkeypatch):
    raw, parts = make_raw(tmp_path / "raw"), tmp_path / ".out.parts"

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_load_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            ntu_folder.convert_ntu(raw, tmp_path / "out")
    shard = min(parts.glob("S*.npz"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"is damaged .* remove it"):
        ntu_folder.convert_ntu(raw, tmp_path / "out")
    shard.unlink()
    assert ntu_folder.convert_ntu(raw, tmp_path / "out").stored == 12
