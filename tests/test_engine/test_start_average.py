"""StartAverageHook: the middle between the weights of the start and those of now, also when resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mmsync.config import check, load
from mmsync.engine.hooks.start_average import StartAverage, StartAverageHook
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "configs/default/default_synthetic.py"
SMALL = {
    "source.num_clips": (24, 8),
    "source.num_performers": (4, 2),
    "max_iters": 4,
    "val_interval": 2,
    "lr": 0.01,
    "model.encoder.backbone.embed_dim": 16,
    "model.encoder.backbone.num_heads": 2,
    "model.encoder.backbone.depth": 1,
    "model.encoder.projector.hidden_channels": 16,
    "train_dataloader.batch_size": 8,
    "load_from": None,
}


def test_it_lies_between():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = StartAverage(model, share=0.25)
    average.begin(model)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(3):
        average.update_parameters(model)
        with torch.no_grad():
            for value in model.state_dict().values():
                value.add_(torch.ones_like(value))
    average.update_parameters(model)
    for name, value in average.module.state_dict().items():
        moved = 3 if "num_batches" in name else 0.75
        torch.testing.assert_close(value, start[name] + torch.tensor(moved).to(value.dtype), msg=name)
    assert not any(value.requires_grad for value in average.parameters())


@pytest.mark.parametrize("share", [0, 1.5, -0.5, True, "half"])
def test_shares_out_of_range(share):
    with pytest.raises(ConfigError, match="above 0, at most 1"):
        StartAverageHook(share=share)


def train(work_dir: Path, **more: object) -> dict[str, torch.Tensor]:
    cfg = load(CONFIG, {**SMALL, **more})
    cfg.work_dir = str(work_dir)
    check(cfg)
    MotionRunner.from_cfg(cfg).train()
    return torch.load(work_dir / "iter_4.pth", weights_only=True)["state_dict"]


def test_the_default_saves_the_middle_and_resumes(tmp_path):
    straight = train(tmp_path / "run")
    resumed = train(tmp_path / "again", resume=True, load_from=str(tmp_path / "run/iter_2.pth"))
    assert [name for name, value in straight.items() if not torch.equal(value, resumed[name])] == []
    last = train(tmp_path / "last", share=1.0)
    first = torch.load(tmp_path / "run/iter_4.pth", weights_only=True)["ema_state_dict"]
    name = "encoder.backbone.norm.weight"
    assert not torch.equal(straight[name], last[name])
    torch.testing.assert_close(straight[name], (first[f"start.{name}"] + last[name]) / 2)
