"""Every method that aligns sequences by its shipped config, in small: it trains, resumes and is judged."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner

pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
METHODS = ["masa", "casa", "tcc", "tcn", "lav", "vava", "gtcc", "carl", "vsp", "frame_simsiam", "frame_byol"]
GROUPED = {"tcc", "lav", "vava", "gtcc"}
SMALL = {
    "source.num_sequences": (4, 2),
    "source.activities": ["golf_swing", "bowling", "pushups"],
    "source.num_frames": (24, 32),
    "batch_size": 6,
    "width": 16,
    "val_dataloader.batch_size": 8,
    "val_interval": 2,
}


def config(name: str, work_dir: Path, epochs: int, **more: object):
    options = {**SMALL, "max_epochs": epochs, **({"per_group": 2} if name in GROUPED else {})}
    cfg = load(ROOT / f"configs/{name}/{name}_synthetic.py", options)
    cfg.merge_from_dict({"work_dir": str(work_dir), "default_hooks.checkpoint.interval": 1, **more})
    return cfg


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of two epochs of each method, and what its probes found."""
    runs = {}

    def run(name: str):
        if name not in runs:
            folder = tmp_path_factory.mktemp(name)
            runner = MotionRunner.from_cfg(config(name, folder, 2))
            runner.train()
            runs[name] = folder / "epoch_2.pth", runner.message_hub
        return runs[name]

    return run


@pytest.mark.parametrize("name", METHODS)
def test_the_shipped_config_trains_and_is_probed(name, trained):
    check(config(name, Path("unused"), 2))
    checkpoint, log = trained(name)
    losses = log.get_scalar("train/loss").data[0]
    assert np.isfinite(losses).all()
    assert len(losses) >= 2
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())
    for key in ("tau/mean", "tau/position", "phases/mean"):
        value = log.get_scalar(f"val/{key}").current()
        assert np.isfinite(value), key
        assert abs(value) <= 100


def test_masa_resumes_to_the_last_bit(trained, tmp_path):
    whole, _ = trained("masa")
    half = whole.with_name("epoch_1.pth")
    cfg = config("masa", tmp_path, 2, resume=True, load_from=str(half))
    MotionRunner.from_cfg(cfg).train()
    before, one, two = (torch.load(path, weights_only=False) for path in (half, whole, tmp_path / "epoch_2.pth"))
    name = "encoder.backbone.layers.0.weight"
    assert not torch.equal(before["state_dict"][name], one["state_dict"][name])
    assert one["state_dict"].keys() == two["state_dict"].keys()
    for key, value in one["state_dict"].items():
        assert torch.equal(value, two["state_dict"][key]), key


def test_a_checkpoint_is_judged_by_the_protocol_of_alignment(trained, tmp_path, monkeypatch, capsys):
    checkpoint, _ = trained("masa")
    monkeypatch.setattr(
        sys, "argv", ["benchmark.py", str(checkpoint), "--protocols", "alignment", "--work-dir", str(tmp_path)]
    )
    try:
        runpy.run_path(str(ROOT / "tools/benchmark.py"), run_name="__main__")
    except SystemExit as done:
        assert not done.code  # noqa: PT017
    said = "".join(capsys.readouterr())
    assert all(f"{name}/mean " in said for name in ("progress", "tau", "frame_retrieval")), said[-2000:]
    found = json.loads((tmp_path / "alignment/seed_0/result.json").read_text())["metrics"]
    assert "tau/golf_swing" in found or "tau/situp" in found, sorted(found)
    for name in ("tau", "progress", "frame_retrieval", "phases"):
        assert any(key.startswith(f"{name}/") or f"{name}_" in key for key in found), (name, sorted(found))
