"""A run owns its folder: neither a restart nor a second process mixes its files with those of another."""

from __future__ import annotations

import importlib.machinery
import json
import os
import signal
import subprocess
import sys
import time
import types
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from toy_motion import toy_config

from mmsync.config import load
from mmsync.engine.checkpoint import write_checkpoint
from mmsync.engine.run_folder import LOCK, check_folder, make_folder, own_folder, require_free
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError, ConfigError, DependencyError, Interrupted

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from mmsync.engine.run_folder import own_folder
with own_folder(sys.argv[1], sys.argv[1] + "/logs"):
    print("mine", flush=True)
    time.sleep(60)
"""


def runner_of(folder, **more):
    return MotionRunner.from_cfg(Config(toy_config(folder, **{"epochs": 2, "param_scheduler": None, **more})))


@pytest.fixture
def trained(tmp_path):
    runner_of(tmp_path, epochs=1).train()
    assert (tmp_path / "epoch_1.pth").is_file()
    return tmp_path


@pytest.fixture
def holder(tmp_path):
    """Another process that owns the folder."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.wait()


def test_a_restart_is_refused_and_leaves_no_trace(trained):
    before = sorted(path.name for path in trained.iterdir())
    with pytest.raises(ConfigError, match=r"checkpoints of another run \(1, the last is epoch_1\.pth\).*--resume"):
        runner_of(trained).train()
    assert sorted(path.name for path in trained.iterdir()) == before
    runner_of(trained, resume=True).train()
    assert (trained / "epoch_2.pth").is_file()


def test_overwriting_removes_the_former_run_and_nothing_else(trained):
    (trained / "pretrained.pth").write_bytes(b"mine")
    (trained / "best_knn_top1_epoch_9.pth").write_bytes(b"of the former run")
    (logs,) = (path for path in trained.glob("2*") if path.is_dir())
    runner_of(trained, overwrite=True, default_hooks={"checkpoint": None}).train()
    assert [path.name for path in trained.glob("*.pth")] == ["pretrained.pth"]
    assert not (trained / "last_checkpoint").exists()
    assert not logs.exists()
    assert [path.parent.name for path in trained.glob("2*/*.log")] != [logs.name]
    assert all("overwrite" not in path.read_text() for path in trained.glob("*.py"))


def test_a_pointer_to_another_folder_is_not_followed_by_removal(trained, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    (copy / "last_checkpoint").write_text(str(trained / "epoch_1.pth"))
    with pytest.raises(ConfigError, match="another run"):
        require_free(copy)
    runner_of(copy, epochs=1, overwrite=True).train()
    assert (trained / "epoch_1.pth").is_file()
    assert (copy / "epoch_1.pth").is_file()


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(tmp_path):
    (tmp_path / "best_knn_top1_epoch_1.pth").write_bytes(b"of an attempt")
    with pytest.raises(ConfigError, match="best_knn_top1_epoch_1"):
        runner_of(tmp_path, epochs=1).train()
    runner_of(tmp_path, epochs=1, resume=True).train()  # what a scheduler of jobs says each time
    assert [path.name for path in tmp_path.glob("*.pth")] == ["epoch_1.pth"]


def test_resuming_elsewhere(trained, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    require_free(other, resume=True, load_from=str(trained / "epoch_1.pth"))
    require_free(trained, resume=True, load_from=str(trained / "epoch_1.pth"))
    torch.save({}, other / "epoch_3.pth")
    with pytest.raises(ConfigError, match=r"continue that of .*epoch_1\.pth in another folder"):
        require_free(other, resume=True, load_from=str(trained / "epoch_1.pth"))


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path, holder):
    owner = json.loads((tmp_path / LOCK).read_text())
    assert owner["pid"] == holder.pid
    for resume in (False, True):  # of a run that has no checkpoint yet
        with pytest.raises(ConfigError, match=rf"another training is running in this folder since .* {holder.pid} on"):
            runner_of(tmp_path, resume=resume).train()
    assert not list(tmp_path.glob("2*"))
    holder.send_signal(signal.SIGKILL)  # without a chance to clean up
    holder.wait()
    runner_of(tmp_path, epochs=1, resume=True).train()
    assert (tmp_path / "epoch_1.pth").is_file()


def test_the_folder_is_free_after_an_error(tmp_path):
    log = str(tmp_path / "logs")
    inner = pytest.raises(ConfigError, match="a training of this process is running")
    with suppress(ZeroDivisionError), own_folder(tmp_path, log):
        with inner, own_folder(tmp_path, log):
            pass
        raise ZeroDivisionError
    with own_folder(tmp_path, log):
        pass


def test_processes_of_one_second_have_logs_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20300101_000000")
    names = []
    for _ in range(3):
        monkeypatch.setattr(MotionRunner, "_timestamps", set())  # as another process
        names.append(runner_of(tmp_path).timestamp)
    assert names == ["20300101_000000", "20300101_000000_2", "20300101_000000_3"]
    assert all((tmp_path / name / f"{name}.log").is_file() for name in names)


@pytest.mark.parametrize("path", [3, None, ""])
def test_no_folder(path):
    with pytest.raises(ConfigError, match="must be the path of a folder"):
        make_folder(path)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ConfigError, match="file is a file"):
            check_folder(path)
    if os.geteuid() != 0:  # root may write everywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(ConfigError, match="no permission"):
            check_folder(tmp_path / "closed" / "run")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("enforce fail: file write")])
def test_a_full_disk_leaves_no_part_of_a_checkpoint(trained, monkeypatch, error):
    def save(content, path):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(CheckpointError, match=r"epoch_2\.pth cannot be written .*epoch_1\.pth is kept.*--resume"):
        runner_of(trained, resume=True).train()
    assert [path.name for path in trained.glob("*.pth")] == ["epoch_1.pth"]
    assert not list(trained.glob(".*.tmp*"))
    with pytest.raises(CheckpointError, match="none is saved yet"):
        write_checkpoint({"meta": {}}, trained / "new" / "epoch_1.pth")


@pytest.mark.parametrize(
    ("at", "says"), [(7, r"epoch 2, .*last checkpoint is .*epoch_1\.pth"), (2, "nothing is saved: the")]
)
def test_an_interrupted_run_says_what_is_saved(tmp_path, monkeypatch, at, says):
    step = type(runner_of(tmp_path / "x").model).train_step
    seen = []

    def train_step(self, data, optim_wrapper):
        seen.append(1)
        if len(seen) == at:
            raise KeyboardInterrupt
        return step(self, data, optim_wrapper)

    runner = runner_of(tmp_path / "run")
    monkeypatch.setattr(type(runner.model), "train_step", train_step)
    with pytest.raises(Interrupted, match=says) as caught:
        runner.train()
    assert caught.value.saved == (at > 5)


def test_backends_without_a_visualizer_are_used_beside_the_scalars(tmp_path):
    backends = [{"type": "LocalVisBackend", "scalar_save_file": "mine.json"}]
    runner = runner_of(tmp_path, epochs=1, vis_backends=backends)
    runner.train()
    assert list(tmp_path.glob("*/vis_data/mine.json"))
    with pytest.raises(DependencyError, match="MLflowVisBackend needs mlflow"):
        runner_of(tmp_path / "2", vis_backends={"type": "MLflowVisBackend"})
    runner = runner_of(tmp_path / "3", vis_backends=None)
    assert list(runner.visualizer._vis_backends) == ["LocalVisBackend"]


def test_tensorboard_gets_scalars_and_pictures_by_the_name_of_its_backend(tmp_path, monkeypatch):
    """With a SummaryWriter that keeps what it is given."""
    got = {"scalars": set(), "pictures": {}}

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            got["scalars"].add(name)

        def add_image(self, name, image, step, dataformats):
            got["pictures"][name] = (image.shape[2], image.dtype.name, step, dataformats)

        def add_text(self, name, text):
            got["config"] = text

        def close(self):
            pass

    package = types.ModuleType("tensorboard")
    package.__spec__ = importlib.machinery.ModuleSpec("tensorboard", None)
    writer = types.ModuleType("torch.utils.tensorboard")
    writer.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboard", package)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", writer)
    (tmp_path / "toy.py").write_text(
        "".join(f"{k} = {v!r}\n" for k, v in toy_config(tmp_path / "run", epochs=1).items())
    )
    cfg = load(tmp_path / "toy.py", {"vis_backends": "TensorboardVisBackend"})
    assert cfg.vis_backends == [{"type": "TensorboardVisBackend"}]
    MotionRunner.from_cfg(cfg).train()
    assert {"loss", "lr", "knn/top1"} <= got["scalars"]
    assert "ToyClips" in got["config"]
    assert got["pictures"] == dict.fromkeys(("embedding", "curves"), (3, "uint8", 5, "HWC"))
    assert not list(tmp_path.glob("run/*/vis_data/vis_image/*"))  # the folder has them already
