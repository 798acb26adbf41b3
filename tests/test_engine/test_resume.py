"""A resumed run repeats the uninterrupted one bit for bit; a kill loses nothing; other models' weights are refused."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from toy_motion import toy_config

from mmsync.engine.checkpoint import read_checkpoint
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError, ConfigError


class Recorder(Hook):
    """Notes every loss, and interrupts training after ``stop_at`` iterations."""

    priority = "LOWEST"

    def __init__(self, stop_at=None, log=("loss", "noise")):
        self.stop_at, self.log, self.losses = stop_at, log, {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses[runner.iter] = (batch_idx, runner.model.epoch, *(outputs[key].item() for key in self.log))
        if runner.iter + 1 == self.stop_at:
            raise KeyboardInterrupt


def train(config, stop_at=None, **options):
    runner = MotionRunner.from_cfg(Config(copy.deepcopy(config)) if isinstance(config, dict) else config)
    recorder = Recorder(stop_at, **options)
    runner.register_hook(recorder)
    try:
        runner.train()
    except KeyboardInterrupt:
        assert stop_at is not None
    return runner, recorder.losses


def everything(runner):
    state = {f"model.{k}": v for k, v in runner.model.state_dict().items()}
    for i, slot in runner.optim_wrapper.optimizer.state_dict()["state"].items():
        state |= {f"optim.{i}.{k}": v for k, v in slot.items()}
    return state


@pytest.mark.parametrize(
    ("checkpoint", "train_cfg"),
    [
        ({"type": "CheckpointHook", "interval": 1, "save_best": "knn/top1"}, None),
        ({"type": "CheckpointHook", "interval": 7, "by_epoch": False}, None),  # 5 iterations per epoch
        ({"type": "CheckpointHook", "interval": 5, "by_epoch": False}, None),  # on the seam between two epochs
        (
            {"type": "CheckpointHook", "interval": 7, "by_epoch": False},
            {"by_epoch": False, "max_iters": 15, "val_interval": 3},
        ),
    ],
    ids=["epoch", "middle of an epoch", "seam", "iteration based"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_resume_is_bit_exact(tmp_path, checkpoint, train_cfg, workers):
    def config(name):
        c = toy_config(tmp_path / name, default_hooks={"checkpoint": checkpoint})
        c["train_dataloader"]["num_workers"] = workers if name == "straight" else 0  # any number gives the same
        if train_cfg:
            c["train_cfg"] = train_cfg
        return c

    straight, losses = train(config("straight"))
    train(config("broken"), stop_at=9)
    resumed, rest = train({**config("broken"), "resume": True})
    done = int(min(rest))
    assert 5 <= done <= 8  # it did resume
    assert [rest[i][1] for i in sorted(rest)] == [i // 5 for i in sorted(rest)]  # the method knows the epoch
    assert rest == {i: v for i, v in losses.items() if i >= done}
    expected, actual = everything(straight), everything(resumed)
    assert expected.keys() == actual.keys()
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []


def test_upstream_runner_does_not_resume_exactly(tmp_path):
    """The reason for our own random states; red once MMEngine keeps them."""
    config = toy_config(tmp_path, epochs=1)
    config["default_hooks"] = {"checkpoint": {"type": "mmengine.CheckpointHook"}}
    Runner.from_cfg(Config({**config, "experiment_name": "upstream"})).train()
    assert "rng" not in torch.load(tmp_path / "epoch_1.pth", weights_only=False)


def test_checkpoint_is_plain_and_complete(tmp_path):
    train(toy_config(tmp_path, epochs=1))
    content = torch.load(tmp_path / "epoch_1.pth", weights_only=True)
    assert {"state_dict", "optimizer", "param_schedulers", "message_hub", "meta", "rng"} <= content.keys()
    history = read_checkpoint(tmp_path / "epoch_1.pth")["message_hub"]["log_scalars"]["train/loss"]
    assert len(history.data[0]) == 5


def test_kill_during_a_write_loses_nothing(tmp_path):
    """The second checkpoint is cut in half and the process killed; the first still resumes."""
    script = (
        "import sys; from mmengine.config import Config; from toy_motion import toy_config\n"
        "from mmsync.engine.runner import MotionRunner\n"
        "config = toy_config(sys.argv[1]); config['default_hooks']['checkpoint']['max_keep_ckpts'] = 1\n"
        "MotionRunner.from_cfg(Config(config)).train()"
    )
    tests = Path(__file__).parents[1]
    path = os.pathsep.join(map(str, (tests, tests.parent)))
    env = {**os.environ, "TOY_DIE_WHILE_SAVING": "2", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert [p.name for p in tmp_path.glob("*.pth") if not p.name.startswith(".")] == ["epoch_1.pth"]
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "epoch_1.pth")
    assert list(tmp_path.glob(".*.tmp*"))  # the half that was written
    _, losses = train({**toy_config(tmp_path), "resume": True})
    assert min(losses) == 5
    assert not list(tmp_path.glob(".*.tmp*"))


def test_failed_write_keeps_the_former_file(tmp_path, monkeypatch):
    config = toy_config(tmp_path)
    config["default_hooks"]["checkpoint"] = {"type": "CheckpointHook", "interval": 1, "save_best": "collapse/std"}
    config["default_hooks"]["checkpoint"]["rule"] = "greater"
    save, calls = torch.save, []

    def fail(obj, path):
        calls.append(path)
        if len(calls) > 3:  # epoch_1, best, epoch_1 again; then the disk is full
            Path(path).write_bytes(b"half")
            raise OSError("No space left on device")
        save(obj, path)

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(CheckpointError, match=r"epoch_2\.pth cannot be written \(No space.*epoch_1\.pth is kept"):
        train(config)
    assert sorted(p.name for p in tmp_path.glob("*.pth")) == ["best_collapse_std_epoch_1.pth", "epoch_1.pth"]
    assert read_checkpoint((tmp_path / "last_checkpoint").read_text())["meta"]["epoch"] == 1


def test_old_checkpoints_and_old_best_go(tmp_path):
    config = toy_config(tmp_path, epochs=4)
    config["default_hooks"]["checkpoint"] = {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 2}
    config["default_hooks"]["checkpoint"] |= {"save_best": ["knn/top1", "collapse/std"], "rule": "greater"}
    train(config)
    names = sorted(p.name for p in tmp_path.glob("*.pth"))
    assert [n for n in names if n.startswith("epoch")] == ["epoch_3.pth", "epoch_4.pth"]
    assert len([n for n in names if n.startswith("best_knn_top1")]) == 1
    assert len([n for n in names if n.startswith("best_collapse_std")]) == 1


def test_truncated_checkpoint_names_the_good_one(tmp_path):
    train(toy_config(tmp_path, epochs=2))
    bad = tmp_path / "epoch_2.pth"
    bad.write_bytes(bad.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"epoch_2\.pth is damaged.*epoch_1\.pth"):
        train({**toy_config(tmp_path), "resume": True})


def test_unsafe_checkpoint_needs_trust(tmp_path):
    torch.save({"state_dict": {}, "meta": {"f": print}}, tmp_path / "foreign.pth")
    with pytest.raises(CheckpointError, match="--trust-checkpoint"):
        read_checkpoint(tmp_path / "foreign.pth")
    assert read_checkpoint(tmp_path / "foreign.pth", trust=True)["meta"]["f"] is print


def test_missing_checkpoint_lists_what_is_there(tmp_path):
    train(toy_config(tmp_path, epochs=1))
    with pytest.raises(CheckpointError, match=r"no such file.*epoch_1\.pth"):
        read_checkpoint(tmp_path / "epoch_9.pth")


def test_weights_of_another_model_are_refused(tmp_path):
    train(toy_config(tmp_path, epochs=1))
    other = toy_config(
        tmp_path / "b", model={"type": "ToyDenoiser", "width": 12}, load_from=str(tmp_path / "epoch_1.pth")
    )
    runner = MotionRunner.from_cfg(Config(other))
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another model.*\(12, 8\) <- \(16, 8\)"):
        runner.test()
    assert all(torch.equal(v, before[k]) for k, v in runner.model.state_dict().items())


def test_a_layer_of_another_shape_is_warned_of(tmp_path, monkeypatch):
    train(toy_config(tmp_path, epochs=1))
    saved = torch.load(tmp_path / "epoch_1.pth", weights_only=False)
    saved["state_dict"]["head.weight"] = torch.zeros(5, 16)  # as a projector's, behind another end of the backbone
    torch.save(saved, tmp_path / "other.pth")
    runner = MotionRunner.from_cfg(Config(toy_config(tmp_path / "b", load_from=str(tmp_path / "other.pth"))))
    warned: list[str] = []
    monkeypatch.setattr(runner.logger, "warning", lambda text, *_: warned.append(text))
    runner.load_or_resume()
    assert any("1 tensors have another shape" in text and "head.weight" in text for text in warned)


def test_best_file_does_not_resume(tmp_path):
    config = toy_config(tmp_path, epochs=1)
    config["default_hooks"]["checkpoint"]["save_best"] = "knn/top1"
    train(config)
    best = next(tmp_path.glob("best_*.pth"))
    with pytest.raises(CheckpointError, match="weights only"):
        train({**toy_config(tmp_path), "resume": True, "load_from": str(best)})


def test_batch_larger_than_data(tmp_path):
    with pytest.raises(ConfigError, match=r"batch_size=64 is larger than the 40 samples"):
        train(toy_config(tmp_path, batch_size=64, param_scheduler=None))


def test_save_best_of_unknown_result(tmp_path):
    config = toy_config(tmp_path, epochs=1)
    config["default_hooks"]["checkpoint"] |= {"save_best": "knn/top2", "rule": "greater"}
    with pytest.raises(ConfigError, match="no 'knn/top2'; did you mean 'knn/top1'"):
        train(config)
