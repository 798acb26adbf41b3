"""SimCLR on clips of video by the shipped config, in small: it learns, and its views differ in all that is drawn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmsync.config import check, load
from mmsync.engine.runner import MotionRunner
from mmsync.media import write_video
from mmsync.registry import MODELS
from mmsync.structures import View
from tests.clip_folders import write_ucf101

pytest.importorskip("av")
pytestmark = pytest.mark.recipe
CONFIG = Path(__file__).parents[2] / "configs/simclr/simclr_r3d18_ucf101.py"
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def write_patterns(root: Path) -> Path:
    """The clips of ``write_ucf101``, each with grey stripes of its own direction and width, which drift."""
    y, x = np.mgrid[:64, :96]
    for i, path in enumerate(sorted((write_ucf101(root) / "UCF-101").rglob("*.avi"))):
        turn, pitch = np.pi / 4 * (i % 3), 0.25 * 1.6 ** (i // 3)
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * pitch)
        picture = (128 + 100 * wave[..., None] * np.ones(3)).astype(np.uint8)
        write_video(path, np.stack([np.roll(picture, t, axis=1) for t in range(30)]), 25)
    return root


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    small = {
        **{f"{loader}.{key}": value for loader in LOADERS for key, value in dict(
            num_workers=0, persistent_workers=False, batch_size=8,
        ).items()},
        **{f"{loader}.dataset.size": 40 for loader in LOADERS},
        **{f"{loader}.dataset.window": 4 for loader in LOADERS[1:]},
        "data_root": str(write_patterns(tmp_path_factory.mktemp("ucf101"))),
        "train_dataloader.dataset.window": 12,
        "model.data_preprocessor.size": 32,
        "model.data_preprocessor.seed": 1,
        "model.encoder.backbone.width": 0.125,
        "max_epochs": 90,
        "warmup": 9,
        "lr": 3e-3,
    }  # fmt: skip
    cfg = load(CONFIG, small)
    views = cfg.model.data_preprocessor.views
    views.first[0].frames = views.second[0].frames = 4
    cfg.work_dir = str(tmp_path_factory.mktemp("run"))
    for key in ("val_dataloader", "val_cfg", "val_evaluator", "test_dataloader", "test_cfg", "test_evaluator"):
        cfg[key] = None
    check(cfg)
    return cfg


def test_the_loss_falls_on_a_few_clips(config):
    class Recorder(Hook):
        losses: list[float] = []

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            self.losses.append(outputs["loss"].item())

    torch.manual_seed(0)
    runner = MotionRunner.from_cfg(config)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    losses = torch.tensor(recorder.losses)
    assert len(losses) == 90
    assert torch.isfinite(losses).all()
    assert losses[-20:].mean() < losses[:10].mean() - 0.4
    assert losses[-20:].mean() < 0.8 * math.log(15)  # of what guessing among the other views of a batch of 8 gives


def test_each_view_has_a_window_a_crop_and_colours_of_its_own(config):
    pre = MODELS.build(config.model.data_preprocessor)
    pictures = torch.randint(0, 256, (32, 12, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    views = pre(dict(inputs=dict(video=View(pictures))), True)["inputs"]
    assert {tuple(view.data.shape) for view in views.values()} == {(32, 3, 4, 32, 32)}
    first, second = views["first"], views["second"]
    assert (first.index[:, 0] != second.index[:, 0]).float().mean() > 0.6
    mean = lambda view: view.data.flatten(2).mean(2)  # noqa: E731
    assert torch.corrcoef(torch.stack([mean(first).flatten(), mean(second).flatten()]))[0, 1] < 0.5
    grey = [(view.data[:, 0] - view.data[:, 2]).abs().flatten(1).amax(1) < 1e-4 for view in views.values()]
    assert 0 < grey[0].sum() < 20
    assert not torch.equal(*grey)
    alike = pre(dict(inputs=dict(video=View(pictures[:, :1].expand(-1, 12, -1, -1, -1)))), True)["inputs"]["first"].data
    torch.testing.assert_close(alike, alike[:, :, :1].expand_as(alike))  # nothing flickers from frame to frame
