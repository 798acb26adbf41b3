"""A store keeps where the sensor listed each person, and the published counts."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmsync.datasets.sources import StoreSource
from mmsync.errors import DataError
from mmsync.store import StoreWriter


def _write(path, slots, expected=None):
    rng = np.random.default_rng(0)
    with StoreWriter(path, "ntu25") as store:
        store.expected.update(expected or {})
        for i, one in enumerate(slots):
            shape = (2, 3 + i) if one is None else np.shape(one)
            store.add(f"c{i}", rng.normal(size=(*shape, 25, 3)), body_slots=one)


def test_slots_come_back(tmp_path):
    slots = [np.array([[0, 1, -1]], np.int8), np.array([[0, -1, 1, 0], [-1, 0, 0, 1]], np.int8)]
    _write(tmp_path / "s", slots)
    for source in (StoreSource(tmp_path / "s"), pickle.loads(pickle.dumps(StoreSource(tmp_path / "s")))):
        for i, one in enumerate(slots):
            assert source.load_slots(i).dtype == np.int8
            np.testing.assert_array_equal(source.load_slots(i), one)
    _write(tmp_path / "without", [None, None])
    assert StoreSource(tmp_path / "without").load_slots(1) is None


def test_slots_that_do_not_fit_are_refused(tmp_path):
    good = np.zeros((1, 3), np.int8)
    for slots, text in [
        ([good, None], "every clip of a store or for none"),
        ([None, good], "every clip of a store or for none"),
        ([good.astype(int)], "int64"),
    ]:
        with pytest.raises(DataError, match=text):
            _write(tmp_path / "s", slots)
    with StoreWriter(tmp_path / "t", "ntu25") as store:
        store.add("a", np.ones((1, 2, 25, 3)), body_slots=np.zeros((1, 2), np.int8))
        with pytest.raises(DataError, match=r"wanted int8 \(1, 2\)"):
            store.add("b", np.ones((1, 2, 25, 3)), body_slots=np.zeros((2, 1), np.int8))
    np.save(tmp_path / "t" / "body_slots.npy", np.zeros(7, np.int8))
    with pytest.raises(DataError, match="damaged"):
        StoreSource(tmp_path / "t")


def test_published_counts_are_told_at_load(tmp_path, capfd):
    from mmengine.logging import MMLogger

    MMLogger.get_instance("test_store_slots", log_file=None)
    _write(tmp_path / "s", [None], {"all": 7})
    StoreSource(tmp_path / "s")
    printed = "".join(capfd.readouterr())
    assert "all: expected 7, found 1" in printed
