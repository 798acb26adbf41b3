"""Synthetic clips written in each format come back through that format's source: same clips, labels and splits."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.datasets.synthetic import ACTIONS, FORMATS, SyntheticSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS

ONE = [name for name, action in ACTIONS.items() if action.persons == 1]
TWO = [name for name, action in ACTIONS.items() if action.persons == 2]


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))


def world(name, actions=None, num_clips=(14, 7)):
    return SyntheticSource(num_clips, seed=1, layout=FORMATS[name].layout, actions=actions, num_frames=(20, 40))


def written(name, source, folder):
    folder.mkdir()
    return FORMATS[name].write(source, folder)


def assert_same(source, found, split, indices, atol):
    """The clips of ``indices``, found by name; absent persons at the end may be zeros, and so may padding frames."""
    place = {name: index for index, name in enumerate(found.names)}
    if split is not None:
        assert sorted(found.splits[split]) == sorted(source.names[index] for index in indices)
    for index in indices:
        other = place[source.names[index]]
        want, got = source.load(index), np.asarray(found.load(other), dtype=np.float32)
        persons, frames = want.shape[:2]
        assert found.labels[other] == source.labels[index]
        np.testing.assert_allclose(got[:persons, :frames, ..., : want.shape[-1]], want, atol=atol, rtol=1e-3)
        assert not got[persons:].any()
        assert not got[:, frames:].any()


TRAIN, TEST = range(14), range(14, 21)


def test_store(tmp_path):
    source = world("store")
    (root,) = written("store", source, tmp_path / "out")
    found = DATASETS.build(dict(type="StoreSource", root=root))
    assert found.layout == source.layout
    assert found.class_names == source.class_names
    assert found.splits == source.splits
    assert_same(source, found, "train", TRAIN, 0)
    assert_same(source, found, "test", TEST, 0)
    for key, values in source.attributes.items():
        assert np.array_equal(found.attributes[key], values)


@pytest.mark.parametrize(("name", "atol"), [("pyskl", 2e-3), ("pyskl2d", 1.0)])
def test_pyskl(tmp_path, name, atol):
    source = world(name)
    (path,) = written(name, source, tmp_path / "out")
    found = DATASETS.build(dict(type="PysklSource", ann_file=path, layout=FORMATS[name].layout))
    assert found.num_coords == source.num_coords
    assert_same(source, found, "train", TRAIN, atol)
    assert_same(source, found, "test", TEST, atol)


def test_nwucla(tmp_path):
    source = world("nwucla", ONE[:10])
    written("nwucla", source, tmp_path / "out")
    found = DATASETS.build(dict(type="NWUCLASource", data_root=tmp_path / "out"))
    assert_same(source, found, None, range(21), 1e-5)
    for split in ("xview_train", "xview_test"):
        assert sorted(found.splits[split]) == sorted(source.splits[split])
    assert dict(zip(found.names, found.attributes["subject"])) == dict(zip(source.names, source.attributes["subject"]))


def test_wrong_number_of_persons_is_told(tmp_path):
    source = SyntheticSource((4, 2), layout="kinect20", actions=TWO)
    with pytest.raises(DataError, match="2 persons, but NW-UCLA holds 1"):
        written("nwucla", source, tmp_path / "out")
    source = SyntheticSource((4, 2), layout="sbu15", actions=ONE)
    with pytest.raises(DataError, match="1 persons, but SBU holds 2"):
        written("sbu", source, tmp_path / "sbu")


@pytest.mark.parametrize("name", ["aimclr", "ctrgcn", "nwucla", "sbu"])
def test_pixels_in_a_format_of_metres_are_told(tmp_path, name):
    source = SyntheticSource((4, 2), layout=FORMATS[name].layout, num_coords=2)
    with pytest.raises(DataError, match="num_coords=3"):
        written(name, source, tmp_path / "out")


def test_too_many_classes_are_told(tmp_path):
    with pytest.raises(DataError, match="NW-UCLA knows 10 classes"):
        written("nwucla", world("nwucla", ONE[:11]), tmp_path / "out")
