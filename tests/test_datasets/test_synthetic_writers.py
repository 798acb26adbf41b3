"""Synthetic clips written in each format come back through that format's source: same clips, labels and splits."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.datasets.sources import SyntheticSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS
from mmsync.worlds import ACTIONS, FORMATS

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


def test_sbu(tmp_path):
    """Clips keep their order within a pair of people and a class; the readme's rule gives back the meters."""
    source = world("sbu", TWO)
    written("sbu", source, tmp_path / "out")
    found = DATASETS.build(dict(type="SBUSource", data_root=tmp_path / "out"))
    assert len(found) == 21
    waiting = {}
    for name in sorted(found.names):
        waiting.setdefault(name[:9], []).append(found.names.index(name))
    for index in range(21):
        subject, partner = (source.attributes[key][index] for key in ("subject", "partner"))
        other = waiting[f"s{subject:02d}s{partner:02d}_{source.labels[index] + 1:02d}"].pop(0)
        x, y, z = np.moveaxis(found.load(other).astype(float), -1, 0)
        meters = np.stack([1280 - x * 2560, 960 - y * 1920, z * 10000 / 7.8125], axis=-1) / 1000
        np.testing.assert_allclose(meters, source.load(index), atol=1e-4)
        assert found.labels[other] == source.labels[index]


def test_penn(tmp_path):
    source = world("penn", ONE[:9])
    written("penn", source, tmp_path / "out")
    found = DATASETS.build(dict(type="PennActionSource", data_root=tmp_path / "out"))
    assert found.num_coords == source.num_coords == 2
    for index in range(21):
        clip, want = found.load(index), source.load(index)
        np.testing.assert_allclose(clip[..., :2], want[..., :2], rtol=1e-5)
        assert np.array_equal(clip[..., 2], want[..., 2] > 0.5)
        assert found.class_names[found.labels[index]] == source.class_names[source.labels[index]]
    assert found.splits == {"train": found.names[:14], "test": found.names[14:]}


def test_aimclr(tmp_path):
    source = world("aimclr")
    train, train_label, val, val_label = written("aimclr", source, tmp_path / "out")
    found = DATASETS.build(
        dict(
            type="AimCLRSource",
            data_path=dict(train=train, test=val),
            label_path=dict(train=train_label, test=val_label),
        )
    )
    assert_same(source, found, "train", TRAIN, 0)
    assert_same(source, found, "test", TEST, 0)


def test_ctrgcn(tmp_path):
    source = world("ctrgcn")
    (path,) = written("ctrgcn", source, tmp_path / "out")
    found = DATASETS.build(dict(type="CTRGCNSource", npz=path))
    assert [len(found.splits[split]) for split in ("train", "test")] == [14, 7]
    found.names = source.names  # the format has none, only an order
    assert_same(source, found, None, range(21), 0)


def test_wrong_number_of_persons_is_told(tmp_path):
    source = SyntheticSource((4, 2), layout="kinect20", actions=TWO)
    with pytest.raises(DataError, match="2 persons, but NW-UCLA holds 1"):
        written("nwucla", source, tmp_path / "out")
    source = SyntheticSource((4, 2), layout="sbu15", actions=ONE[:8])
    with pytest.raises(DataError, match="1 persons, but SBU holds 2"):
        written("sbu", source, tmp_path / "sbu")


@pytest.mark.parametrize("name", ["aimclr", "ctrgcn", "nwucla", "sbu"])
def test_pixels_in_a_format_of_metres_are_told(tmp_path, name):
    source = SyntheticSource((4, 2), layout=FORMATS[name].layout, num_coords=2, actions=ONE[:8])
    with pytest.raises(DataError, match="num_coords=3"):
        written(name, source, tmp_path / "out")


def test_too_many_classes_are_told(tmp_path):
    with pytest.raises(DataError, match="NW-UCLA knows 10 classes"):
        written("nwucla", world("nwucla", ONE[:11]), tmp_path / "out")
