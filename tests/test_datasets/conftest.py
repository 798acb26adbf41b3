"""Small data sets in each format."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger

from mmsync.datasets.sources import StoreSource
from mmsync.store import StoreWriter


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def logged():
    """The text of what is logged."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.fixture
def clips():
    """Twelve clips of one or two persons and different lengths; the first has one frame."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(1 + i % 2, 1 + 5 * i, 20, 3)).astype(np.float32) for i in range(12)]


@pytest.fixture
def make_store(tmp_path):
    """Writes clips as a store and opens it; labels 0, 1, 2, 0, ... and views 1, 2, 3, 1, ..."""

    def make(clips, root="store", layout="kinect20", **settings) -> StoreSource:
        with StoreWriter(tmp_path / root, layout, class_names=["a", "b", "c"], **settings) as store:
            for i, clip in enumerate(clips):
                store.add(f"clip{i:02d}", clip, i % 3, view=1 + i % 3, subject=i // 3)
            names = [f"clip{i:02d}" for i in range(len(clips))]
            store.splits = {"train": names[:8], "test": names[8:]}
        return StoreSource(tmp_path / root)

    return make
