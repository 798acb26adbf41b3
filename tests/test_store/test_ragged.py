"""Ragged arrays of any dtype and shape come back by map, and a folder is whole or absent."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from mmsync.errors import DataError
from mmsync.store import Ragged, RaggedWriter, cached

LENGTHS = (3, 0, 7, 1)


def items(dtype, *shape):
    rng = np.random.default_rng(0)
    return [(100 * rng.normal(size=(length, *shape))).astype(dtype) for length in LENGTHS]


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("sound", np.float32, ()),  # (S,) mono
        ("sound", np.float32, (2,)),  # (S, C)
        ("features", np.float16, (5,)),  # (T, D)
        ("features", np.float32, (768,)),
        ("slots", np.int8, ()),
        ("crops", np.uint8, (4, 4, 3)),
        ("clips", np.float64, (2, 3, 4, 5)),
    ],
)
def test_any_dtype_and_shape_comes_back(tmp_path, name, dtype, shape):
    written = items(dtype, *shape)
    with RaggedWriter(tmp_path / "s", "mmsync-test-1") as out:
        firsts = [out.append(len(item) * 2, **{name: item}) for item in written]
        assert len(out) == 4
        out.json("names", ["a", "b", "c", "d"])
    assert firsts == [0, 3, 3, 10]
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    stored = Ragged(tmp_path / "s", "mmsync-test-1", [name])
    assert stored.index.tolist() == [[0, 3, 6], [3, 0, 0], [3, 7, 14], [10, 1, 2]]
    assert stored.json("names") == ["a", "b", "c", "d"]
    assert len(pickle.dumps(stored)) < 1000
    for source in (stored, pickle.loads(pickle.dumps(stored))):
        for k, item in enumerate(written):
            rows = source.rows(name, k)
            assert (rows.dtype, rows.flags.writeable) == (item.dtype, False)
            np.testing.assert_array_equal(rows, item)
    assert np.shares_memory(stored.rows(name, 0), stored.arrays[name].array)


def test_arrays_of_an_item_share_the_index(tmp_path):
    features, valid = items(np.float16, 8), items(bool)
    with RaggedWriter(tmp_path / "s", "mmsync-test-1") as out:
        for one, other in zip(features, valid):
            out.append(features=one, valid=other)
        for wrong, text in [
            (dict(features=features[0], valid=valid[2]), "as many rows"),
            (dict(features=features[0]), r"wanted \['features', 'valid'\]"),
            (dict(features=features[0].astype(np.float32), valid=valid[0]), "item 4, features: rows are float32"),
            (dict(features=features[0][:, :3], valid=valid[0]), r"float16 \(3,\), those before float16 \(8,\)"),
        ]:
            with pytest.raises(DataError, match=text):
                out.append(**wrong)
    stored = Ragged(tmp_path / "s", "mmsync-test-1", ["features", "valid"])
    assert len(stored) == 4
    np.testing.assert_array_equal(stored.rows("valid", 2), valid[2])
    np.testing.assert_array_equal(stored.rows("features", 2), features[2])


def test_reserved_rows_are_filled_in_any_order(tmp_path):
    with RaggedWriter(tmp_path / "s", "mmsync-test-1") as out:
        array = out.reserve("crops", [2, 3], np.uint8, (2, 2))
        array[4], array[1] = 4, 1
    stored = Ragged(tmp_path / "s", "mmsync-test-1", ["crops"])
    assert stored.rows("crops", 1)[:, 0, 0].tolist() == [0, 0, 4]
    assert stored.rows("crops", 0)[:, 0, 0].tolist() == [0, 1]


def test_a_folder_is_whole_or_absent(tmp_path):
    def write(value, **settings):
        with RaggedWriter(tmp_path / "s", "mmsync-test-1", **settings) as out:
            out.append(x=np.full(3, value))
            if value == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(2)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="nothing was added"), RaggedWriter(tmp_path / "s", "mmsync-test-1"):
        pass
    write(1)
    with pytest.raises(DataError, match="exists; remove it"):
        write(3)
    with pytest.raises(KeyboardInterrupt):
        write(2, overwrite=True)
    assert Ragged(tmp_path / "s", "mmsync-test-1", ["x"]).rows("x", 0).tolist() == [1, 1, 1]
    write(3, overwrite=True)
    assert Ragged(tmp_path / "s", "mmsync-test-1", ["x"]).rows("x", 0).tolist() == [3, 3, 3]
    with pytest.raises(DataError, match="no mmsync-other store, so it is not replaced"):
        RaggedWriter(tmp_path / "s", "mmsync-other-1", overwrite=True)
    with pytest.raises(DataError, match=r"'mmsync-test-1', this version reads 'mmsync-test-2'"):
        Ragged(tmp_path / "s", "mmsync-test-2", ["x"])
    np.save(tmp_path / "s/x.npy", np.zeros(2))
    with pytest.raises(DataError, match="damaged"):
        Ragged(tmp_path / "s", "mmsync-test-1", ["x"])
    os.remove(tmp_path / "s/meta.json")
    with pytest.raises(DataError, match=r"meta\.json: missing"):
        Ragged(tmp_path / "s", "mmsync-test-1", ["x"])


def test_the_cache_builds_once_and_again_after_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a").write_text("1")
    built = []

    def build(path):
        built.append(path)
        path.mkdir()

    first = cached("test-1", [tmp_path / "a"], build)
    assert cached("test-1", [tmp_path / "a"], build) == first
    (tmp_path / "a").write_text("12")
    assert cached("test-1", [tmp_path / "a"], build) != first
    assert len(built) == 2


def test_what_killed_writers_left_is_removed_and_that_of_running_ones_is_not(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f".st.{ended.pid}.part", f".st.{os.getppid()}.part", f".other.{ended.pid}.part"):
        (tmp_path / name).mkdir()
    with RaggedWriter(tmp_path / "st", "toy-1") as out:
        out.append(a=np.zeros((2, 3)))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([f".st.{os.getppid()}.part", f".other.{ended.pid}.part", "st"])
