"""The default, made small: trains on clips of one layout, continues on clips of another, and is probed there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmsync.config import check, load
from mmsync.engine.checkpoint import read_checkpoint
from mmsync.engine.runner import MotionRunner
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout

ROOT = Path(__file__).parents[2]
CONFIG = f"""
_base_ = [{str(ROOT / "configs/_base_/models/motion.py")!r}, {str(ROOT / "configs/_base_/schedules/motion.py")!r}]
root = "store"
max_iters = 2
val_interval = 2
pipeline = [dict(type="ResizeClip", length=24), dict(type="PackSkeleton", num_persons=2)]
clips = dict(type="SkeletonDataset", source=dict(type="StoreSource", root=root), pipeline=pipeline)
train_dataloader = dict(batch_size=8, dataset=dict(clips, split="train"))
val_dataloader = dict(batch_size=8, dataset=dict(clips, roles=dict(bank="train", query="test")))
test_dataloader = val_dataloader
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=1)))
test_evaluator = val_evaluator
model = dict(encoder=dict(backbone=dict(embed_dim=24, num_heads=2, depth=1)))
"""


def store(folder: Path, layout: str, coords: int) -> str:
    """Clips of two motions, of two persons or one; both have the same names of joints."""
    rng = np.random.default_rng(0)
    joints = SkeletonLayout.get(layout).num_joints
    with StoreWriter(folder, layout, coords, class_names=["a", "b"]) as writer:
        for i in range(24):
            people = 1 + i % 2
            still = rng.normal(size=(people, 1, joints, coords))
            move = np.sin(np.linspace(0, 3 + 4 * (i % 4 // 2), 10 + i))[None, :, None, None]
            writer.add(f"clip{i}", (still + 0.3 * move).astype(np.float32), i % 4 // 2)
        writer.splits.update(train=[f"clip{i}" for i in range(16)], test=[f"clip{i}" for i in range(16, 24)])
    return str(folder)


@pytest.mark.recipe
def test_weights_do_not_depend_on_the_layout(tmp_path):
    (tmp_path / "small.py").write_text(CONFIG)
    last = None
    for layout, coords in (("sbu15", 3), ("coco17", 2)):
        root = store(tmp_path / layout, layout, coords)
        options = {"root": root, "work_dir": str(tmp_path / f"run_{layout}"), "load_from": last}
        cfg = load(tmp_path / "small.py", options)
        check(cfg)
        assert (cfg.model.data_preprocessor.layout, cfg.model.data_preprocessor.num_coords) == (layout, coords)
        runner = MotionRunner.from_cfg(cfg)
        runner.train()
        scores = runner.test()
        assert 0 <= scores["knn/top1"] <= 100
        last = str(tmp_path / f"run_{layout}" / "iter_2.pth")
    state = read_checkpoint(last)["state_dict"]
    assert state["encoder.pool_neck.norm.num_batches_tracked"] > 4  # of both runs
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())
