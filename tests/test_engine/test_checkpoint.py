"""The checkpoints of a work dir are listed in order of training."""

from __future__ import annotations

import pytest

from mmsync.engine.checkpoint import list_checkpoints
from mmsync.errors import CheckpointError, ConfigError


@pytest.fixture
def work_dir(tmp_path):
    names = [f"epoch_{n}.pth" for n in (2, 4, 6, 8, 10, 12, 100)]
    for name in [*names, "best_knn_top1_epoch_4.pth", "epoch_4_slim.pth", ".epoch_14.7.tmp.pth", "last_checkpoint"]:
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("every", "epochs"), [(1, [2, 4, 6, 8, 10, 12, 100]), (2, [2, 6, 10, 100]), (3, [2, 8, 100]), (9, [100])]
)
def test_order_and_step(work_dir, every, epochs):
    assert list_checkpoints(work_dir, every) == [work_dir / f"epoch_{epoch}.pth" for epoch in epochs]


def test_by_iteration(tmp_path):
    for name in ("iter_900.pth", "iter_1000.pth", "iter_5.pth"):
        (tmp_path / name).touch()
    assert [path.name for path in list_checkpoints(str(tmp_path))] == ["iter_5.pth", "iter_900.pth", "iter_1000.pth"]


def test_bad_input(work_dir):
    with pytest.raises(ConfigError, match="every=0: give 1 for all"):
        list_checkpoints(work_dir, 0)
    for folder in (work_dir / "nowhere", work_dir):
        for path in work_dir.glob("epoch_*"):
            path.unlink()
        with pytest.raises(CheckpointError, match="is it the work dir of a run"):
            list_checkpoints(folder)
