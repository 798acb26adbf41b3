"""The command line: train, resume, test, several processes, and one readable message for each mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from run_tool import run_tool
from toy_motion import toy_config

from mmsync.errors import ConfigError

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}", "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A config file of the toy, and a training run of two epochs from it."""
    folder = tmp_path_factory.mktemp("toy")
    path = folder / "toy.py"
    body = toy_config(folder / "run", epochs=2, param_scheduler=None, custom_imports={"imports": ["toy_motion"]})
    del body["work_dir"]
    body["auto_scale_lr"] = {"base_batch_size": 16}
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in body.items()))
    assert tool("train", path, "--work-dir", folder / "run", "--seed", 3) == 0
    return path


def script(name, *args):
    """Run a shell script."""
    command = [str(part) for part in (ROOT / "tools" / name, *args)]
    return subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=300)


def tool(name, *args):
    """Run a tool: its exit code."""
    return run_tool(f"{name}.py", *args)


def load(path):
    return torch.load(path, weights_only=True)


def test_train_saves_and_seeds(config):
    run = config.parent / "run"
    checkpoint = load(run / "epoch_2.pth")
    assert checkpoint["meta"]["iter"] == 10
    assert checkpoint["meta"]["seed"] == 3
    assert (run / "toy.py").is_file()  # the resolved config lies beside


def test_resume_to_more_epochs(config, tmp_path):
    assert (
        tool("train", config, "--work-dir", tmp_path, "--resume", config.parent / "run" / "epoch_1.pth", "--seed", 3)
        == 0
    )
    straight, resumed = load(config.parent / "run" / "epoch_2.pth"), load(tmp_path / "epoch_2.pth")
    assert all(torch.equal(v, resumed["state_dict"][k]) for k, v in straight["state_dict"].items())


def test_a_refused_resume_leaves_the_config_of_the_run(config, capsys):
    run = config.parent / "run"
    before = (run / "toy.py").read_bytes()
    options = ["--resume", run / "epoch_1.pth", "--cfg-options", "model.width=9"]
    assert tool("train", config, "--work-dir", run, *options) == 2
    assert (run / "toy.py").read_bytes() == before


def test_resume_says_what_there_is(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--cfg-options", "train_cfg.max_epochs=1"]
    assert tool("train", config, *options, "model.width=9") == 0
    assert tool("train", config, *options, "--resume") == 0
    said = capsys.readouterr().out
    assert "training starts from the beginning; runs of similar names are beside it: toy_width9\n" in said
    assert tool("train", config, *options, "--resume") == 0
    assert "nothing left to do: all 1 epochs are done" in capsys.readouterr().out
    assert "resume = False" in Path("work_dirs/toy/toy.py").read_text()  # trains from the beginning elsewhere


def test_flags_and_default_work_dir(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ["--amp", "--no-validate", "--auto-scale-lr", "--cfg-options", "train_cfg.max_epochs=1"]
    assert tool("train", config, *flags) == 0
    checkpoint = load(tmp_path / "work_dirs" / "toy" / "epoch_1.pth")
    assert checkpoint["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.05 * 8 / 16)
    assert "AutocastOptimWrapper" in checkpoint["meta"]["cfg"]
    assert not any(key.startswith("val/") for key in checkpoint["message_hub"]["log_scalars"])


def test_test_writes_results(config, tmp_path):
    checkpoint = config.parent / "run" / "epoch_2.pth"
    assert tool("test", config, checkpoint, "--work-dir", tmp_path, "--out", tmp_path / "r.json") == 0
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["checkpoint"] == str(checkpoint)
    history = load(checkpoint)["message_hub"]["log_scalars"]
    assert "knn/top1" in record["results"]
    assert "train/loss" in history


def test_test_takes_a_checkpoint_alone(config, tmp_path, monkeypatch):
    """Its config is inside; results go to a folder of the training's name below the current one."""
    checkpoint = config.parent / "run" / "epoch_2.pth"
    before = sorted(path.name for path in checkpoint.parent.iterdir())
    monkeypatch.chdir(tmp_path)
    for given, out in (([config], "a.json"), ([], "b.json")):
        assert tool("test", *given, checkpoint, "--out", out) == 0
    first, second = (json.loads(Path(out).read_text())["results"] for out in ("a.json", "b.json"))
    assert first == second
    assert {path.name for path in Path("work_dirs").iterdir()} == {"toy", "toy_seed3"}
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == before


def test_the_command_that_a_training_ends_with_evaluates_it(config, tmp_path):
    """Options of the training included, which a test with another config in the same work dir must not wipe out."""
    text = config.read_text() + "\ncustom_hooks = [dict(type='RunSummaryHook', method='pca')]\n"
    work, config = tmp_path / "run", tmp_path / "toy.py"
    config.write_text(text)
    options = ["--work-dir", work, "--cfg-options", "train_cfg.max_epochs=1", "model.width=4"]
    assert tool("train", config, *options) == 0
    (log,) = work.glob("*/*.log")
    command = re.search(r"evaluate +mmsync test (\S+) (\S+)", log.read_text()).groups()
    assert tool("test", config, work / "epoch_1.pth", "--work-dir", work) == 2  # another width than the checkpoint's
    assert tool("test", *command) == 0


@pytest.mark.dist
def test_two_processes_train_and_test(config, tmp_path):
    done = script("dist_train.sh", config, 2, "--work-dir", tmp_path, "--cfg-options", "train_cfg.max_epochs=1")
    assert done.returncode == 0, done.stderr
    checkpoint = load(tmp_path / "epoch_1.pth")
    assert checkpoint["meta"]["iter"] == 2  # 40 clips, 2 x 8, the rest dropped
    assert len(checkpoint["rng"]) == 2
    done = script(
        "dist_test.sh", config, tmp_path / "epoch_1.pth", 2, "--work-dir", tmp_path, "--out", tmp_path / "two.json"
    )
    assert done.returncode == 0, done.stderr
    tool("test", config, tmp_path / "epoch_1.pth", "--work-dir", tmp_path, "--out", tmp_path / "one.json")
    one, two = (json.loads((tmp_path / f"{n}.json").read_text())["results"] for n in ("one", "two"))
    assert two == pytest.approx(one)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        (
            "train",
            ["{config}", "--cfg-options", "train_dataloader.batch_size=64"],
            "batch_size=64 is larger than the 40",
        ),
        ("train", ["{config}", "--resume", "nowhere.pth"], "CheckpointError: checkpoint nowhere.pth: there is no such"),
        ("train", ["{config}", "--resume", "{run}/epoch_9.pth"], "epoch_1.pth, epoch_2.pth"),
        ("test", ["{config}", "nowhere.pth"], "CheckpointError: checkpoint nowhere.pth: there is no such"),
        ("train", ["nowhere.py"], "nowhere.py"),
        ("train", ["{config}", "--cfg-options", "val_evaluator.probes.0.kk=3"], "kk"),
        (
            "train",
            ["{config}", "--cfg-options", "val_dataloader.dataset.nan_at=3", "val_dataloader.num_workers=1"],
            "1 of 24 features are not finite, of samples clip3",
        ),
        (
            "train",
            ["{config}", "--cfg-options", "val_dataloader.dataset.labeled=False"],
            "none of the evaluated samples",
        ),
        (
            "test",
            ["{config}", "{run}/epoch_2.pth", "--cfg-options", "model.width=12"],
            "of another model than ToyDenoiser",
        ),
        ("test", ["{config}", "{run}/toy.py"], "is a Python file, as configs are"),
        ("train", ["{config}", "--launcher", "pytorch"], "mmsync launch"),
    ],
)
def test_mistakes_give_one_message(config, tmp_path, capsys, name, args, message):
    args = [a.format(config=config, run=config.parent / "run") for a in args]
    assert tool(name, *args, "--work-dir", tmp_path) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert "Traceback" not in out + err


def test_debug_shows_the_error():
    with pytest.raises(ConfigError):
        tool("train", "nowhere.py", "--debug")


@pytest.mark.parametrize("name", ["dist_train.sh", "dist_test.sh", "slurm_train.sh", "slurm_test.sh"])
def test_scripts_say_how_they_are_used(name):
    done = script(name)
    assert done.returncode == 2
    assert "usage:" in done.stderr
