"""A sweep runs what has no result yet, whatever happened to a former call, and its table shows what differs.

Most tests let the sweep start small scripts in place of ``tools/train.py`` and the others, which take 0.05 s instead of
6; one test runs the real ones.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_motion import toy_config

from mmsync.apis.cli import run_tool
from mmsync.errors import ConfigError
from mmsync.evaluation.functional import Scores
from mmsync.protocols import load_protocol
from mmsync.sweep import (
    Children,
    LocalPool,
    Search,
    fused_rows,
    locked,
    make_setting,
    parse_options,
    parse_space,
    table_cells,
)

ROOT = Path(__file__).parents[2]
LR = "optim_wrapper.optimizer.lr"

TRAIN = """
import json, os, signal, sys, time
from pathlib import Path
def arg(name): return sys.argv[sys.argv.index(name) + 1]
scope = {}
exec(Path(sys.argv[1]).read_text(), scope)
folder, seed, lr = Path(arg("--work-dir")), int(arg("--seed")), scope["optim_wrapper"]["optimizer"]["lr"]
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([os.getpid(), lr, seed, "--resume" in sys.argv,
                           os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["OMP_NUM_THREADS"]]) + "\\n")
print("reading the data")
fate = os.environ.get("FATE", "").split(":")
hit = len(fate) == 1 or float(fate[1]) == lr
def checkpoint(epoch):
    (folder / f"epoch_{epoch}.pth").write_text("")
    (folder / "last_checkpoint").write_text(str(folder / f"epoch_{epoch}.pth"))
checkpoint(1)
if hit and fate[0] == "killed": os.kill(os.getpid(), signal.SIGKILL)
if hit and fate[0] == "fails": sys.exit("ValueError: the loss is not finite")
if hit and fate[0] == "slow": time.sleep(0.5)
if hit and fate[0] == "hangs": time.sleep(60)
checkpoint(2)
(folder / "now" / "vis_data").mkdir(parents=True, exist_ok=True)
rows = [{"loss": 1.0, "iter": 1, "epoch": 1, "step": 1}, {"knn/top1": 1.0, "time": 0.1, "step": 1}]
rows += [] if fate[0] == "unvalidated" else [{"knn/top1": 1000 * lr + seed, "time": 0.1, "step": 2}]
(folder / "now" / "vis_data" / "scalars.json").write_text("\\n".join(map(json.dumps, rows)))
"""
TEST = """
import json, sys
from pathlib import Path
scope = {}
exec(Path(sys.argv[1]).read_text(), scope)
assert scope["test_evaluator"] == scope["val_evaluator"] and sys.argv[2].endswith("epoch_2.pth")
Path(sys.argv[sys.argv.index("--out") + 1]).write_text(json.dumps({"results": {"knn/top1": 42.0}}))
"""
BENCHMARK = """
import json, os, sys
from pathlib import Path
with open(os.environ["CALLS"] + ".benchmark", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
folder = Path(sys.argv[sys.argv.index("--work-dir") + 1])
folder.mkdir(exist_ok=True)
names = [Path(name).stem for name in sys.argv[sys.argv.index("--protocols") + 1 :]]
(folder / "results.json").write_text(json.dumps([{"protocol": name, "mean": 10.0 * len(name)} for name in names]))
"""


@pytest.fixture
def config(tmp_path):
    """A config file of the toy."""
    path = tmp_path / "toy.py"
    body = toy_config("", epochs=2, param_scheduler=None, custom_imports={"imports": ["toy_motion"]})
    del body["work_dir"]
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in body.items()))
    return path


@pytest.fixture
def tool(monkeypatch):
    """tools/sweep.py as a module."""
    spec = importlib.util.spec_from_file_location("sweep_tool", ROOT / "tools" / "sweep.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "tests", ROOT))))
    yield module
    for name, handler in handlers.items():
        signal.signal(name, handler)


def call(tool, monkeypatch, *args):
    """The exit code of a call."""
    monkeypatch.setattr(sys, "argv", ["sweep.py", *map(str, args)])
    try:
        run_tool(tool.main, tool.parse_args())
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture
def sweep(tool, monkeypatch, tmp_path, config):
    """Calls the tool with scripts in place of the other tools."""
    fake = tmp_path / "fake_tools"
    fake.mkdir()
    for name, text in (("train", TRAIN), ("test", TEST), ("benchmark", BENCHMARK)):
        (fake / f"{name}.py").write_text(text)
    monkeypatch.setattr(tool, "TOOLS", fake)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return lambda *args: call(tool, monkeypatch, config, *args, "--work-dir", tmp_path / "work")


def calls(tmp_path, name="calls"):
    """Calls since the last one of this function."""
    file = tmp_path / name
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    file.unlink(missing_ok=True)
    return rows


def results(tmp_path):
    return json.loads((tmp_path / "work" / "results.json").read_text())


# ---------------------------------------------------------------------------------------------- what is run


def test_the_real_tools(tool, monkeypatch, config, tmp_path):
    """One training and one probe; the second call starts nothing."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = ["train_cfg.max_epochs=1", "test_dataloader.dataset.n=120"]  # a bank of more than the protocol's k
    args = [config, "--work-dir", tmp_path / "work", "--protocols", "knn", "--cfg-options", *options]
    assert call(tool, monkeypatch, *args) == 0, [p.read_text()[-3000:] for p in tmp_path.rglob("*.log")]
    (row,) = results(tmp_path)
    folder = tmp_path / "work" / row["folder"] / "seed_0"
    checkpoint = torch.load(folder / "epoch_1.pth", weights_only=True)
    assert checkpoint["meta"]["seed"] == 0
    rows = json.loads((folder / "benchmark" / "results.json").read_text())
    assert row["metrics"]["knn"] == {"mean": rows[0]["mean"], "std": None, "values": {"0": rows[0]["mean"]}}
    assert 0 < row["metrics"]["knn/top1"]["mean"] <= 100  # of the training's own validation
    monkeypatch.setattr(subprocess, "Popen", None)
    assert call(tool, monkeypatch, *args) == 0
    assert results(tmp_path) == [row]


def test_rates_of_a_sweep_give_different_weights_under_a_schedule(tool, monkeypatch, config, tmp_path):
    """A scheduler with a rate of its own would make the runs equal."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    schedule = dict(type="WarmupCosineLR", by_epoch=True, convert_to_iter_based=True)
    config.write_text(f"{config.read_text()}\nparam_scheduler = {schedule}\n")
    args = [config, "--work-dir", tmp_path / "work", "--set", f"{LR}=0.1,0.00001"]
    assert call(tool, monkeypatch, *args, "--cfg-options", "train_cfg.max_epochs=1") == 0
    states = [torch.load(path, weights_only=True)["state_dict"] for path in (tmp_path / "work").rglob("epoch_1.pth")]
    assert len(states) == 2
    assert max(float((states[0][key] - states[1][key]).abs().max()) for key in states[0]) > 1e-3


def test_grid_and_table(sweep, tmp_path, monkeypatch, capsys):
    """Every combination once, mean and standard deviation over seeds, and a column only where rows differ.

    Rows keep the order of the command, not that in which they come to an end.
    """
    monkeypatch.setenv("FATE", "slow:0.05")
    axes = [f"{LR}=0.05,0.01", "model.width=8,4", "model.slow=0.0"]
    assert sweep("--set", *axes, "--seeds", 0, 4, "--jobs", 6) == 0
    started = calls(tmp_path)
    assert sorted(one[1:3] for one in started) == sorted([lr, s] for lr in (0.05, 0.01) for s in (0, 4) for _ in "ab")
    assert not any(one[3] for one in started)
    rows = results(tmp_path)
    assert [row["metrics"]["knn/top1"]["mean"] for row in rows] == [52.0, 52.0, 12.0, 12.0]
    assert rows[0]["metrics"]["knn/top1"]["std"] == pytest.approx(statistics.stdev([50, 54]))
    assert rows[0]["settings"] == {LR: 0.05, "model.width": 8, "model.slow": 0.0}
    table = (tmp_path / "work" / "table.md").read_text().splitlines()
    assert table[0] == f"| {LR} | model.width | knn/top1 | seeds |"
    assert table[2] == "| 0.05 | 8 | 52.00 ± 2.83 | 2 |"
    assert "0.01                        4            12.00 ± 2.83  2" in capsys.readouterr().out


def test_several_configs_are_a_column(sweep, config, tmp_path):
    other = config.with_name("other.py")
    other.write_text('_base_ = "toy.py"\noptim_wrapper = dict(optimizer=dict(lr=0.2))\n')
    assert sweep(other) == 0
    lines = (tmp_path / "work" / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["| config", "| ---", "| toy", "| other"]


def test_a_second_call_runs_what_is_new(sweep, config, tmp_path):
    """Another value, seed or line of the config; what was there is not run again, and not taken for something else."""
    assert sweep("--set", f"{LR}=0.05,0.01") == 0
    assert len(calls(tmp_path)) == 2
    assert sweep("--set", f"{LR}=0.05,0.01,0.02", "--seeds", 0, 1) == 0
    assert sorted(one[1:3] for one in calls(tmp_path)) == [[0.01, 1], [0.02, 0], [0.02, 1], [0.05, 1]]
    config.write_text(config.read_text() + "\nmodel['width'] = 12\n")
    assert sweep("--set", f"{LR}=0.05") == 0
    assert [one[1:4] for one in calls(tmp_path)] == [[0.05, 0, False]]  # not resumed from the former config's


def test_protocols_are_added_to_what_was_trained(sweep, tmp_path):
    assert sweep("--protocols", "knn") == 0
    assert sweep("--protocols", "linear", "knn") == 0
    assert len(calls(tmp_path)) == 1
    one, two = calls(tmp_path, "calls.benchmark")
    assert (one[-1:], two[-1:]) == (["knn"], ["linear"])  # the first has its result
    assert {name: m["mean"] for name, m in results(tmp_path)[0]["metrics"].items()} == {
        "knn/top1": 50.0,
        "knn": 30.0,
        "linear": 60.0,
    }
    assert (tmp_path / "work" / "table.md").read_text().startswith("| config | linear | knn | seeds |")


def test_a_changed_protocol_is_run_again(sweep, tmp_path):
    file = tmp_path / "mine.py"
    text = (ROOT / "configs" / "benchmarks" / "knn" / "knn.py").read_text()
    for changed in (text, text, text.replace("k=[20,", "k=[5,")):
        file.write_text(changed)
        assert sweep("--protocols", file) == 0
    assert len(calls(tmp_path, "calls.benchmark")) == 2
    assert load_protocol(str(file), tmp_path).name == "mine"


def test_each_job_has_a_gpu_and_its_share_of_the_threads(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(12)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert sweep("--seeds", 0, 1, 2, 3, "--gpus", "auto") == 0
    used = calls(tmp_path)
    assert {one[4] for one in used} == {"4", "7"}
    assert {one[5] for one in used} == {"6"}
    assert LocalPool(gpus=[1]).jobs == 1
    with pytest.raises(ConfigError, match="--gpus 2: there are 2 GPUs, 0 to 1"):
        LocalPool(gpus=[2])


def test_dry_run_starts_and_writes_nothing(sweep, tmp_path, capsys):
    assert sweep("--set", f"{LR}=0.05,0.01", "--dry-run") == 0
    assert not (tmp_path / "work").exists()
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[0].startswith(f"new         toy {LR}=0.05 seed 0: {tmp_path}")


# ---------------------------------------------------------------------------------------------- what goes wrong


def test_a_failure_does_not_stop_the_others_and_is_run_again(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FATE", "fails:0.05")
    assert sweep("--set", f"{LR}=0.05,0.01", "--seeds", 0, 1) == 1
    err = capsys.readouterr().err
    assert f"toy {LR}=0.05 seed 1: mmsync train ended with exit code 1" in err
    assert "ValueError: the loss is not finite" in err
    assert "2 failed" in err
    assert [(row["seeds"], row["failed"]) for row in results(tmp_path)] == [([], [0, 1]), ([0, 1], [])]
    assert "| 0.05 | - | 0 (2 failed) |" in (tmp_path / "work" / "table.md").read_text()
    calls(tmp_path)
    monkeypatch.delenv("FATE")
    assert sweep("--set", f"{LR}=0.05,0.01", "--seeds", 0, 1) == 0
    assert [one[1:4] for one in calls(tmp_path)] == [[0.05, 0, True], [0.05, 1, True]]


def test_a_killed_child_is_named_and_resumed(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FATE", "killed")
    assert sweep() == 1
    assert "mmsync train was killed by SIGKILL" in capsys.readouterr().err
    monkeypatch.delenv("FATE")
    assert sweep("--dry-run") == 0
    assert capsys.readouterr().out.startswith("to resume ")
    assert sweep() == 0
    assert [one[3] for one in calls(tmp_path)] == [False, True]


def test_ctrl_c_ends_the_children_and_a_second_call_goes_on(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FATE", "hangs:0.01")

    def interrupt():
        while not any(pid for pid, lr, *_ in peek() if lr == 0.01):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    def peek():
        return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()] if started() else []

    def started():
        return (tmp_path / "calls").is_file()

    # Where the tests themselves run in the background of a script, SIGINT is ignored from birth.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        assert sweep("--set", f"{LR}=0.05,0.01,0.02") == 130
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    pids = [one[0] for one in calls(tmp_path)]
    assert len(pids) == 2  # the third was not started
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert "the same command continues" in capsys.readouterr().err
    assert results(tmp_path)[0]["seeds"] == [0]  # what is done is in the table
    monkeypatch.delenv("FATE")
    assert sweep("--set", f"{LR}=0.05,0.01,0.02") == 0
    assert [one[1:4] for one in calls(tmp_path)] == [[0.01, 0, True], [0.02, 0, False]]


def test_a_child_that_heeds_no_interrupt_is_ended_by_force(tmp_path):
    children = Children()
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    ended = []
    with locked(tmp_path / "lock") as lock:
        run = lambda: ended.append(children.call([sys.executable, "-c", code], {}, tmp_path / "log", lock))  # noqa: E731
        thread = threading.Thread(target=run)
        thread.start()
        while not (tmp_path / "log").is_file() or not (tmp_path / "log").read_text():
            time.sleep(0.02)
        children.stop(patience=0.1)
        thread.join()
    assert ended == [-signal.SIGKILL]


def test_a_run_that_ended_before_its_validation_is_validated(sweep, tmp_path, monkeypatch):
    """Epoch 1's result must not stand for epoch 2's."""
    monkeypatch.setenv("FATE", "unvalidated")
    assert sweep() == 0
    assert results(tmp_path)[0]["metrics"]["knn/top1"]["mean"] == 42.0


def test_a_damaged_result_is_gathered_again(sweep, tmp_path):
    damages = [b"", b"{", b"[]", b"{}", b'{"signature": 1, "seed": 0}', b"null", b"\xff\xfe"]
    args = ["--jobs", 4, "--seeds", *range(len(damages) + 1)]
    assert sweep(*args) == 0
    assert len(calls(tmp_path)) == len(damages) + 1
    files = sorted(tmp_path.rglob("run.json"))
    before = [file.read_bytes() for file in files]
    for file, damage in zip(files, damages):
        file.write_bytes(damage)
    assert sweep(*args) == 0
    assert [file.read_bytes() for file in files] == before
    again = sorted(one[2:4] for one in calls(tmp_path))
    assert again == [[seed, True] for seed in range(len(damages))]  # the last one's is whole


def test_another_sweep_in_the_folder(sweep, tmp_path, capsys):
    with locked(tmp_path / "work" / ".lock"):
        assert sweep() == 2
    assert "another sweep runs in" in capsys.readouterr().err
    assert calls(tmp_path) == []


def test_a_training_that_a_killed_sweep_left_keeps_its_folder(tmp_path):
    """The lock is the child's too: no second process may train there before it ends."""
    children, command = Children(), [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"]
    with locked(tmp_path / "lock") as lock:
        thread = threading.Thread(target=children.call, args=(command, {}, tmp_path / "log", lock))
        thread.start()
        while not (tmp_path / "log").is_file() or not (tmp_path / "log").read_text():
            time.sleep(0.02)
    try:
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock"):
            pass
        waits = []
        with locked(tmp_path / "lock", lambda: waits.append(children.stop())):
            assert waits == [None]
    finally:
        children.stop()
        thread.join()


def test_an_unwritable_work_dir(tool, monkeypatch, config, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert call(tool, monkeypatch, config, "--work-dir", tmp_path / "file" / "sweep") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere.py"], "no such config file"),
        (["--set", "optim_wrapper.optimizer.lrr=0.1,0.2"], "did you mean 'lr'?"),
        (["--set", f"{LR}=0.1,0.2", "model.widht=8"], "did you mean 'width'?"),
        (["--cfg-options", "modle.width=8"], "did you mean 'model'?"),
        (["--set", f"{LR}="], "no value"),
        (["--set", f"{LR}=0.1,,0.2"], "no value"),
        (["--set", LR], "no value; write optim_wrapper.optimizer.lr=V1,V2"),
        (["--set", f"{LR}=0.1,0.1"], "a value is given twice"),
        (["--set", f"{LR}=[0.1,0.2"], "missing closing bracket"),
        (["--set", f"{LR}=0.1", f"{LR}=0.2"], "is set twice"),
        (["--set", f"{LR}=0.1,0.2", "--cfg-options", f"{LR}=0.3"], "is in --set and in --cfg-options"),
        (["{config}"], "is the same setting as toy"),
        (["--seeds", "1", "1"], "a seed is given twice"),
        (["--protocols", "linaer"], "no protocol 'linaer'; did you mean 'linear'"),
        (["--jobs", "0"], "--jobs 0: must be 1 or more"),
        (["--gpus", "first"], "write numbers"),
        (["--gpus", "99"], "--gpus 99: there are"),
        (["--slurm", "timeout_min=3"], "--slurm: is for --launcher slurm"),
        (["--metric", "knn"], "--metric: is for --search optuna"),
        (["--gpus", "0", "--launcher", "slurm"], "--gpus: is for --launcher local"),
        (["--gpus", "99", "--dry-run"], "--gpus 99: there are"),
        (["--trials", "3"], "belong together"),
        (["--set", f"{LR}=0.1:0.2"], "a range is for --search optuna"),
        (["--set", "randomness.seed=1,2"], "randomness.seed: the sweep sets it, by --seeds"),
        (["--cfg-options", "work_dir=elsewhere"], "work_dir: the sweep sets it, by --work-dir"),
        (["--seeds", "0", "-1"], "--seeds -1: must be 0 or more"),
        (["--protocols", "knn", "{config.parent}/knn.py"], "both are named knn"),
        (["--cfg-options", "optim_wrapper=None", "train_cfg=None", "train_dataloader=None"], "not set, but training"),
    ],
)
def test_mistakes_are_reported_before_anything_runs(sweep, config, tmp_path, capsys, args, message):
    (tmp_path / "knn.py").write_text((ROOT / "configs" / "benchmarks" / "knn" / "knn.py").read_text())
    assert sweep(*(arg.format(config=config) for arg in args)) == 2
    assert message in capsys.readouterr().err
    assert calls(tmp_path) == []
    assert not list(tmp_path.rglob("seed_*"))


@pytest.mark.parametrize(
    ("package", "args"), [("submitit", ["--launcher", "slurm"]), ("optuna", ["--search", "optuna", "--trials", "2"])]
)
def test_an_optional_package_that_is_missing_is_named(sweep, monkeypatch, capsys, package, args):
    monkeypatch.setitem(sys.modules, package, None)
    assert sweep("--set", f"{LR}=0.1,0.2", *args) == 2
    assert f'needs {package}: pip install "mmsync[sweep]"' in capsys.readouterr().err


def test_values_as_typed():
    assert parse_options(["a=1,x,True", "b=[1,2],[3]", "c=(0.9,0.99)"], "--set") == {
        "a": [1, "x", True],
        "b": [[1, 2], [3]],
        "c": [(0.9, 0.99)],
    }
    assert parse_space(["a=1:5", "b=1e-4:0.1:log", "c=x,y", "d=http://x"]) == {
        "a": (1, 5, False),
        "b": (1e-4, 0.1, True),
        "c": ["x", "y"],
        "d": ["http://x"],
    }
    for text, message in (
        ("a=5:1", "LOW < HIGH"),
        ("a=0:1:log", "LOW < HIGH"),
        ("a=1:5:lin", "must be the only value"),
        ("a=1:5,7", "must be the only value"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_space([text])


# ---------------------------------------------------------------------------------------------- search and SLURM


def test_a_search_goes_on_and_its_best_comes_first(sweep, tmp_path, capsys):
    pytest.importorskip("optuna")
    args = ["--set", f"{LR}=0.001:0.1:log", "model.width=4,8", "--search", "optuna", "--trials"]
    assert sweep(*args, 3) == 0
    assert len(calls(tmp_path)) == 3
    assert sweep(*args, 5) == 0
    fresh = calls(tmp_path)
    assert len(fresh) == 2
    rows = results(tmp_path)
    rates = [row["settings"][LR] for row in rows]
    assert len(set(rates)) == 5
    assert rates == sorted(rates, reverse=True)  # the result is the rate
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    capsys.readouterr()
    assert sweep(*args, 6, "--metric", "knn/top") == 2
    assert "did you mean 'knn/top1'" in capsys.readouterr().err
    assert sweep("--set", "model.widht=4:8", *args[3:], 6) == 2
    assert "did you mean 'width'" in capsys.readouterr().err


def test_an_interrupted_trial_comes_first(config, tmp_path):
    pytest.importorskip("optuna")

    def search():
        make = lambda config, values: make_setting(config, values, {}, [])  # noqa: E731
        return Search(tmp_path / "s.sqlite", make, [str(config)], {LR: (0.01, 0.1, False)}, 4, None, [0])

    first = search()
    assert first.start() == 4
    settings = first.settings()
    first.report(next(settings), dict(failed=[], metrics={"knn": {"mean": 1.0}}))
    left = next(settings)
    second = search()
    assert second.start() == 4
    former, again, *_ = second.settings()
    assert again.values == left.values
    assert former.values != left.values


def test_slurm_jobs(sweep, tmp_path, monkeypatch, capsys):
    """By submitit's executor on this machine, in place of a cluster."""
    submitit = pytest.importorskip("submitit")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        assert sweep("--launcher", "slurm") == 2
        assert "--launcher slurm:" in capsys.readouterr().err
    local = submitit.AutoExecutor
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: local(folder=folder, cluster="local"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert sweep("--launcher", "slurm", "--slurm", "timeout_min=5") == 0
    assert results(tmp_path)[0]["metrics"]["knn/top1"]["mean"] == 50.0
    assert sweep("--launcher", "slurm", "--slurm", "time_out=5") == 2
    assert "time_out" in capsys.readouterr().err


def test_std_is_not_made_up(sweep, tmp_path):
    assert sweep() == 0
    assert results(tmp_path)[0]["metrics"]["knn/top1"]["std"] is None
    assert not math.isnan(results(tmp_path)[0]["metrics"]["knn/top1"]["mean"])


# ---------------------------------------------------------------------------------------------- fusion of streams


def test_streams_are_fused_seed_by_seed(tmp_path):
    """Against the weighted sum of the logits; a stream without scores has no fusion."""
    rng, streams = np.random.default_rng(0), ("joint", "bone", "motion")
    rows = [
        dict(config="a.py", settings={"stream": stream, "lr": lr}, folder=f"{stream}{lr}", seeds=[0, 3], failed=[])
        for lr in (1, 2)
        for stream in streams
    ]
    labels = np.arange(20) % 4
    logits = {(stream, seed): rng.normal(size=(20, 4)).astype(np.float32) for stream in streams for seed in (0, 3)}
    for (stream, seed), values in logits.items():
        folder = tmp_path / f"{stream}1" / f"seed_{seed}" / "benchmark" / "linear" / "seed_0"
        folder.mkdir(parents=True)
        order = rng.permutation(20)
        Scores([f"clip{i}" for i in order], values[order], labels[order]).save(folder / "scores.npz")
    (fused,) = fused_rows(rows, tmp_path, "stream", "aimclr", ["linear", "knn"])
    assert fused["settings"] == {"stream": "fused (aimclr)", "lr": 1}
    assert list(fused["metrics"]) == ["linear"]
    for seed in (0, 3):
        total = sum(w * logits[s, seed] for s, w in zip(streams, (0.6, 0.6, 0.4)))
        expected = 100 * np.mean(total.argmax(1) == labels)
        assert fused["metrics"]["linear"]["values"][seed] == pytest.approx(expected)
    table = table_cells([*(dict(row, metrics={}) for row in rows[:3]), fused], lambda metrics: metrics)
    assert [line[0] for line in table[1:]] == [*streams, "fused (aimclr)"]


def test_fusion_needs_streams_and_a_protocol(sweep, capsys):
    for args, message in (
        (["--fuse", "aimclr"], "--fuse aimclr: fuses the scores of streams"),
        (["--set", "stream=joint,bone", "--fuse", "aimclr"], "--set stream=joint,bone --protocols linear"),
        (["--set", "stream=joint,bone", "--protocols", "linear", "--fuse", "aimcrl"], "did you mean 'aimclr'"),
        (["--set", "stream=joint,depth", "--protocols", "linear", "--fuse", "aimclr"], "no weight for stream 'depth'"),
    ):
        assert sweep(*args) == 2
        assert message in capsys.readouterr().err
