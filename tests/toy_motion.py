"""A data set and a method small enough to train in milliseconds, with everything random that a resume must restore."""

from __future__ import annotations

import os
import random
import time

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import nn

from mmsync.registry import DATASETS, MODELS
from mmsync.structures import MotionSample


@DATASETS.register_module()
class ToyClips:
    """``n`` points ``(8,)`` of four classes; with ``probe``, the first half is the bank and the rest are queries."""

    def __init__(self, n=40, probe=False, labeled=True, nan_at=None):
        rng = np.random.default_rng(n)
        self.label = rng.integers(0, 4, n)
        self.data = (rng.normal(size=(4, 8))[self.label] * 2 + rng.normal(size=(n, 8))).astype(np.float32)
        if nan_at is not None:
            self.data[nan_at] = np.nan
        self.probe, self.labeled, self.epochs = probe, labeled, []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        role = ("bank" if i < len(self) // 2 else "query") if self.probe else "train"
        sample = MotionSample(metainfo={"name": f"clip{i}", "index": i, "role": role})
        sample.gt_label = int(self.label[i]) if self.labeled else -1
        return {"inputs": torch.from_numpy(self.data[i]), "data_samples": sample}


@MODELS.register_module()
class ToyDenoiser(BaseModel):
    """Pulls two noisy views ``(N, 8)`` together: dropout, BN, and noise of all three generators."""

    def __init__(self, width=16, draw_in_predict=True, slow=0.0):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(8, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(width, 8)
        self.draw_in_predict = draw_in_predict
        self.slow = slow
        self.epoch = None

    def set_epoch(self, epoch):
        self.epoch = epoch

    def forward(self, inputs, data_samples, mode):
        x = torch.stack(list(inputs))
        if mode == "predict":
            if self.draw_in_predict:
                torch.rand(3), np.random.rand(), random.random()
            for sample, feature in zip(data_samples, self.backbone(x)):
                sample.feature = feature
            return data_samples
        time.sleep(self.slow)
        noise = torch.randn_like(x) * (0.1 + 0.1 * np.random.rand() + 0.1 * random.random())
        return {"loss": (self.head(self.backbone(x + noise)) - x).square().mean(), "noise": noise.std()}


def toy_config(work_dir, epochs=3, n=40, batch_size=8, **more):
    """A whole config; ``more`` replaces top-level entries."""
    evaluation = {
        "dataset": {"type": "ToyClips", "n": 24, "probe": True},
        "batch_size": 8,
        "num_workers": 0,
        "sampler": {"type": "EpochSampler", "shuffle": False},
    }
    evaluator = {"type": "FeatureMetric", "probes": [{"type": "KNN", "k": 3}]}
    config = {
        "default_scope": "mmsync",
        "model": {"type": "ToyDenoiser"},
        "work_dir": str(work_dir),
        "train_dataloader": {
            "dataset": {"type": "ToyClips", "n": n},
            "batch_size": batch_size,
            "num_workers": 0,
            "drop_last": True,
            "sampler": {"type": "EpochSampler", "shuffle": True},
        },
        "train_cfg": {"by_epoch": True, "max_epochs": epochs, "val_interval": 1},
        "val_dataloader": evaluation,
        "val_cfg": {},
        "val_evaluator": evaluator,
        "test_dataloader": evaluation,
        "test_cfg": {},
        "test_evaluator": evaluator,
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}},
        "param_scheduler": [{"type": "CosineAnnealingLR", "T_max": epochs * (n // batch_size), "by_epoch": False}],
        "default_hooks": {
            "checkpoint": {"type": "CheckpointHook", "interval": 1},
            "progress": {"type": "ProgressBarHook"},
        },
        "randomness": {"seed": 5},
        "runner_type": "MotionRunner",
    }
    config.update(more)
    return config


if os.environ.get("TOY_DIE_WHILE_SAVING"):  # for a test that kills this process in the middle of a write
    import signal

    _save, _calls = torch.save, []

    def _save_half(obj, path, *args, **kwargs):
        _calls.append(path)
        _save(obj, path, *args, **kwargs)
        if len(_calls) == int(os.environ["TOY_DIE_WHILE_SAVING"]):
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = _save_half
