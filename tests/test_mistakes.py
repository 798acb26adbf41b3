"""Mistakes of users through the real commands: each ends in one message, none is accepted silently."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from mmsync.store.skeletons import StoreWriter
from tests.mistakes import Mistake, gather, run

CASES = gather()
LINES = 25  # a screen of text
CONFIG = """
default_scope = 'mmsync'
view = [dict(type='Shear', amplitude=0.2)]
model = dict(
    type='SkeletonCLR',
    queue_size=16,
    encoder=dict(
        type='Encoder',
        backbone=dict(type='STGCN', layout='ntu25', channels=[4], strides=[1], temporal_kernel=3),
        pool=dict(type='SkeletonPool'),
        projector=dict(type='MLPProjector', out_channels=4)),
    data_preprocessor=dict(type='SkeletonPreprocessor', layout='ntu25', views=dict(query=view, key=view)))
clips = dict(
    type='SkeletonDataset',
    source=dict(type='SyntheticSource', num_clips=(16, 8), cache=False),
    pipeline=[dict(type='ResizeClip', length=8), dict(type='PackSkeleton', num_persons=2)])
train_dataloader = dict(batch_size=8, dataset=dict(clips, split='train'))
val_dataloader = dict(batch_size=8, dataset=dict(clips, roles=dict(bank='train', query='test')))
test_dataloader = val_dataloader
val_evaluator = dict(type='FeatureMetric', probes=dict(knn=dict(type='KNN', k=3)))
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
default_hooks = dict(checkpoint=dict(interval=1, save_best='knn/top1'), summary=None)
randomness = dict(seed=0)
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> dict[str, str]:
    """What cases may name; see ``tests.mistakes``."""
    folder = tmp_path_factory.mktemp("made")
    config, work_dir, store = folder / "tiny.py", folder / "run", folder / "store"
    config.write_text(CONFIG)
    rng = np.random.default_rng(0)
    with StoreWriter(store, "ntu25", class_names=["wave", "bow", "clap"]) as writer:
        names = [f"clip{i:02d}" for i in range(12)]
        for i, name in enumerate(names):
            writer.add(name, rng.normal(size=(1, 10, 25, 3)).astype(np.float32), label=i % 3, subject=i // 6)
        writer.splits.update(xsub_train=names[:8], xsub_val=names[8:])
    training = Mistake("made", ["tools/train.py", str(config), "--work-dir", str(work_dir)])
    code, said = run(training, folder, {})
    assert code == 0, said
    checkpoint = work_dir / "epoch_1.pth"
    assert checkpoint.is_file()
    return {
        name: str(value) for name, value in locals().items() if name in ("config", "checkpoint", "work_dir", "store")
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_ends_in_one_message(case, made, tmp_path):
    code, said = run(case, tmp_path, made)
    assert (code == 0) == case.warned, f"exit code {code}:\n{said}"
    assert "Traceback" not in said, said
    assert re.search(case.says, said), said
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) <= LINES, f"{len(lines)} lines:\n{said}"


def test_cases_are_well_formed():
    names = Counter(case.name for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []
    assert [case.name for case in CASES if bool(case.argv) == bool(case.code) or not case.says] == []
