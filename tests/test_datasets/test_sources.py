"""Each source gives back what was written in its format, maps it where it can, and refuses what is wrong."""

from __future__ import annotations

import collections
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from mmsync.datasets.sources import (
    AimCLRSource,
    CTRGCNSource,
    NWUCLASource,
    PennActionSource,
    PysklSource,
    SBUSource,
    StoreSource,
    load_pickle,
)
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.store import StoreWriter


def dump(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def lengths_of(source):
    """Frames of every clip."""
    return [source.load(i).shape[1] for i in range(len(source))]


# ---------------------------------------------------------------- mmsync's own format


def test_store_gives_back_what_was_written(make_store, clips):
    source = make_store(clips)
    assert len(source) == 12
    for i, clip in enumerate(clips):
        np.testing.assert_array_equal(source.load(i), clip)
    assert source.labels.tolist() == [i % 3 for i in range(12)]
    assert source.attributes["view"].tolist() == [1 + i % 3 for i in range(12)]
    assert source.splits["test"] == ["clip08", "clip09", "clip10", "clip11"]
    assert (source.layout.name, source.num_coords, source.class_names) == ("kinect20", 3, ["a", "b", "c"])
    assert not source.load(3).flags.owndata, "a clip is a view of the map"
    assert not source.load(3).flags.writeable


def test_store_is_an_ordinary_npy(make_store, clips):
    source = make_store(clips)
    whole = np.load(source.folder / "clips.npy")
    np.testing.assert_array_equal(whole, np.concatenate([c.reshape(-1, 20, 3) for c in clips]))


def test_a_store_of_ones_own_layout(tmp_path):
    own = {"name": "pair", "joints": ["a", "b"], "parents": [0, 0], "edges": {"e": [(1, 0)]}}
    with StoreWriter(tmp_path / "s", own, num_coords=2) as store:
        store.add("x", np.ones((1, 4, 2, 2)))
    source = StoreSource(tmp_path / "s")
    assert (source.layout.joints, source.layout.edge_list("e"), source.labels) == (("a", "b"), ((1, 0),), None)


def test_an_interrupted_writer_leaves_nothing_behind(tmp_path):
    def interrupted():
        with StoreWriter(tmp_path / "s", "kinect20") as store:
            store.add("x", np.ones((1, 4, 20, 3)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_writer_refuses_what_does_not_fit(tmp_path):
    with StoreWriter(tmp_path / "s", "kinect20") as store:
        store.add("x", np.ones((1, 4, 20, 3)), view=1)
        for name, shape, attributes, message in [
            ("x", (1, 4, 20, 3), {"view": 1}, "second clip"),
            ("y", (1, 4, 25, 3), {"view": 1}, "wanted"),
            ("y", (1, 0, 20, 3), {"view": 1}, "wanted"),
            ("y", (1, 4, 20, 3), {}, "attributes"),
        ]:
            with pytest.raises(DataError, match=message):
                store.add(name, np.ones(shape), **attributes)
    with StoreWriter(tmp_path / "labeled", "kinect20", class_names=["a"]) as store:
        with pytest.raises(DataError, match=r"wanted \(M, T, 20, 3 or, with a score, 4\)"):
            store.add("y", np.ones((1, 4, 20, 2)))
        with pytest.raises(DataError, match="label 1 is out of range"):
            store.add("y", np.ones((1, 4, 20, 3)), label=1)
        store.add("y", np.ones((1, 4, 20, 4)), label=0)
        assert len(store) == 1
    with pytest.raises(DataError, match="exists"):
        StoreWriter(tmp_path / "s", "kinect20")


def test_writer_refuses_values_that_are_none(tmp_path):
    clip, some = np.ones((1, 4, 20, 3)), np.ones((1, 4, 20, 3))
    some[0, 1, 3] = np.nan
    with StoreWriter(tmp_path / "s", "kinect20", class_names=["a", "b"]) as store:
        for arguments, message in [
            (("y", np.full_like(clip, np.nan)), "4 of 4 frames hold NaN.*write zeros"),
            (("y", some), "1 of 4 frames hold NaN"),
            (("y", clip * np.inf), "4 of 4 frames hold NaN or infinite"),
            (("y", [[1, 2], [3]]), "no array of numbers"),
            (("y", np.full((1, 4, 20, 3), "a")), "no array of numbers"),
            ((7, clip), "no name of a clip"),
            (("", clip), "no name of a clip"),
            (("y", clip, "b"), r"label 'b' is no class index.*class_names.index\('b'\)"),
            (("y", clip, 0.5), "label 0.5 is no class index"),
            (("y", clip, -2), "label -2 is out of range; 2 classes"),
        ]:
            with pytest.raises(DataError, match=message):
                store.add(*arguments)
        with pytest.raises(DataError, match="attribute view is a list; give a number or a string"):
            store.add("y", clip, view=[1])
        store.add("y", clip, np.int64(1), view=np.int64(1))
        assert len(store) == 1
    assert StoreSource(tmp_path / "s").labels.tolist() == [1]
    store = StoreWriter(tmp_path / "t", "kinect20")
    store.add("y", clip)
    store.splits["train"] = "y"
    with pytest.raises(DataError, match="split 'train' is the string 'y'"):
        store.finish()


@pytest.mark.parametrize("fault", ["empty", "split", "attribute"])
def test_a_store_that_cannot_be_finished_leaves_the_old_one(tmp_path, fault):
    def write(**settings):
        with StoreWriter(tmp_path / "s", "kinect20", **settings) as store:
            if fault != "empty" or not settings:
                store.add("x", np.ones((1, 4, 20, 3)), note=object() if settings and fault == "attribute" else "")
            if settings and fault == "split":
                store.splits["train"] = ["z"]

    write()
    with pytest.raises(DataError):
        write(overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["s"]
    assert StoreSource(tmp_path / "s").names == ["x"]


def test_what_is_no_store_is_neither_read_nor_replaced(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "S001C001P001R001A001.skeleton").write_text("1")
    with pytest.raises(DataError, match=r"no store.*mmsync ntu"):
        StoreSource(raw)
    with pytest.raises(DataError, match="not replaced"):
        StoreWriter(raw, "ntu25", overwrite=True)
    assert (raw / "S001C001P001R001A001.skeleton").read_text() == "1"


def test_a_store_of_another_data_set_is_refused(tmp_path):
    with StoreWriter(tmp_path / "s", "ntu25", class_names=["a", "b", "c"], origin="ntu3") as store:
        store.add("x", np.ones((1, 4, 25, 3)))
    assert len(StoreSource(tmp_path / "s", num_classes=3)) == 1
    with pytest.raises(DataError, match=r"3 classes \(ntu3.*made for 2"):
        StoreSource(tmp_path / "s", num_classes=2)


def test_a_store_is_replaced(make_store, clips):
    make_store(clips)
    assert len(make_store(clips[:9], overwrite=True)) == 9


def test_a_damaged_store_is_told(make_store, clips, tmp_path):
    root = make_store(clips).folder
    os.truncate(f"{root}/clips.npy", os.path.getsize(f"{root}/clips.npy") // 2)
    with pytest.raises(DataError, match=r"clips\.npy"):
        StoreSource(root)
    os.remove(f"{root}/meta.json")
    with pytest.raises(DataError, match=r"meta\.json"):
        StoreSource(root)
    with pytest.raises(DataError, match=r"nowhere does not exist: .*mmsync ntu RAW .*nowhere`"):
        StoreSource(tmp_path / "nowhere")


# ---------------------------------------------------------------- memory

_MEASURE = """
import sys, psutil
from mmsync.datasets.sources import AimCLRSource, CTRGCNSource, StoreSource
kinds = dict(npy=AimCLRSource, npz=CTRGCNSource, store=StoreSource)
for kind in kinds:
    before = psutil.Process().memory_info().rss
    source = kinds[kind](f"{sys.argv[1]}/x{'.' * (kind != 'store')}{kind}")
    total = sum(float(source.load(i).sum()) for i in range(len(source)))
    print(kind, len(source), psutil.Process().memory_info().rss - before, total)
"""


def test_memory_does_not_grow_with_the_data(tmp_path):
    """200 MB on disk (holes, so quick to make), all clips read in a fresh process: less than 60 MB more resident."""
    pytest.importorskip("psutil")
    num = 1100

    def holes(path, shape):
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        assert path.stat().st_size > 190e6

    holes(tmp_path / "x.npy", (num, 3, 300, 25, 2))
    holes(tmp_path / "x_train.npy", (num, 300, 150))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.write(tmp_path / "x_train.npy", "x_train.npy")
    with StoreWriter(tmp_path / "xstore", "ntu25") as store:
        for i in range(num):
            store.add(str(i), np.ones((1, 1, 25, 3)))
    holes(tmp_path / "xstore/clips.npy", (num * 600, 25, 3))
    np.save(tmp_path / "xstore/index.npy", [(i * 600, 600, 2) for i in range(num)])

    out = subprocess.run([sys.executable, "-c", _MEASURE, tmp_path], capture_output=True, text=True, check=True)
    rows = [line.split() for line in out.stdout.splitlines() if line.startswith(("npy ", "npz ", "store "))]
    assert [row[0] for row in rows] == ["npy", "npz", "store"]
    for kind, count, grown, total in rows:
        assert (int(count), float(total)) == (num, 0)
        assert float(grown) < 60e6, f"{kind}: {float(grown) / 1e6:.0f} MB"


def test_npz_is_unpacked_once_and_again_when_it_changes(tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=(4, 6, 150)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.eye(5)[[0, 4, 2, 1]], x_test=x[:1], y_test=np.array([3]))
    source = CTRGCNSource(tmp_path / "a.npz")
    np.testing.assert_array_equal(source.load(1), x[1].reshape(6, 2, 25, 3).swapaxes(0, 1))
    assert source.labels.tolist() == [0, 4, 2, 1, 3]
    assert source.splits == {"train": [f"train_{i:06d}" for i in range(4)], "test": ["test_000000"]}
    opened = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a, **k: opened.append(a) or pytest.fail("unpacked again"))
    CTRGCNSource(tmp_path / "a.npz")
    monkeypatch.undo()
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    np.savez(tmp_path / "a.npz", x_train=x + 1, x_test=x[:1])
    np.testing.assert_array_equal(CTRGCNSource(tmp_path / "a.npz").load(1)[0, 0, 0], x[1, 0, :3] + 1)


def test_a_map_is_reopened_in_another_process(make_store, clips):
    source = make_store(clips)
    sent = pickle.dumps(source)
    assert len(sent) < 5000, "the clips must not travel"
    np.testing.assert_array_equal(pickle.loads(sent).load(5), clips[5])


# ---------------------------------------------------------------- padded arrays


@pytest.fixture
def aimclr(tmp_path):
    data = np.random.default_rng(0).normal(size=(5, 3, 8, 25, 2)).astype(np.float32)
    np.save(tmp_path / "data.npy", data)
    names = [f"S00{i}C00{i}P001R001A00{i}.skeleton" for i in range(1, 6)]
    return tmp_path, data, names


def test_aimclr_arrays_with_labels_by_content(aimclr):
    folder, data, names = aimclr
    labels = [0, 1, 2, 3, 4]
    dump(folder / "a.pkl", (names, labels))
    dump(folder / "b.pkl", np.array(labels), protocol=2)
    np.save(folder / "c.npy", np.array(labels)[:, None])
    os.replace(folder / "c.npy", folder / "c.pkl")  # an array under the pickle's suffix
    for file in ("a.pkl", "b.pkl", "c.pkl"):
        source = AimCLRSource(folder / "data.npy", folder / file)
        assert source.labels.tolist() == labels
        np.testing.assert_array_equal(source.load(3), data[3].transpose(3, 1, 2, 0))
        assert not source.load(3).flags.owndata
    source = AimCLRSource(folder / "data.npy", folder / "a.pkl")
    assert source.names[0] == "S001C001P001R001A001"
    assert source.attributes["view"].tolist() == [1, 2, 3, 4, 5]
    assert AimCLRSource(folder / "data.npy").labels is None


def test_aimclr_arrays_of_two_splits(aimclr):
    folder, data, names = aimclr
    np.save(folder / "test.npy", data[:2] + 1)
    dump(folder / "train.pkl", (names, [0, 1, 2, 3, 4]))
    dump(folder / "test.pkl", (["S009C001P001R001A001", "S009C001P001R001A002"], [0, 1]))
    paths = {"train": folder / "data.npy", "test": folder / "test.npy"}
    source = AimCLRSource(paths, {"train": folder / "train.pkl", "test": folder / "test.pkl"})
    assert [len(v) for v in source.splits.values()] == [5, 2]
    np.testing.assert_array_equal(source.load(6), (data[1] + 1).transpose(3, 1, 2, 0))
    with pytest.raises(ConfigError, match="pairs"):
        AimCLRSource(paths, {"train": folder / "train.pkl"})


def test_data_and_labels_that_are_no_pair(aimclr):
    folder, _, names = aimclr
    with pytest.raises(DataError, match=r"5 clips, but .* 4 labels"):
        AimCLRSource(folder / "data.npy", dump(folder / "l.pkl", (names[:4], [0, 1, 2, 3])))
    twice = [names[0].replace("P001", f"P00{i}") for i in range(1, 6)]  # five performers of action 1
    with pytest.raises(DataError, match="action 1 goes with labels"):
        AimCLRSource(folder / "data.npy", dump(folder / "l.pkl", (twice, [0, 0, 1, 0, 0])))
    with pytest.raises(DataError, match="occur twice"):
        AimCLRSource(folder / "data.npy", dump(folder / "l.pkl", ([names[0]] * 5, [0] * 5)))
    with pytest.raises(DataError, match=r"out of range, first S005.*not in \[0, 3\].*count from 1"):
        AimCLRSource(folder / "data.npy", dump(folder / "l.pkl", (names, [0, 1, 2, 3, 4])), class_names=list("abcd"))
    with pytest.raises(LayoutError, match="25 joints"):
        AimCLRSource(folder / "data.npy", layout="coco17")


def test_npz_of_another_kind(tmp_path):
    np.savez(tmp_path / "a.npz", features=np.ones(3))
    with pytest.raises(DataError, match=r"no array x_train.*features"):
        CTRGCNSource(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x_train=np.ones((2, 3, 75)))
    with pytest.raises(LayoutError, match=r"75 values; 2 persons .* 150"):
        CTRGCNSource(tmp_path / "a.npz")
    assert CTRGCNSource(tmp_path / "a.npz", num_persons=1).load(0).shape == (1, 3, 25, 3)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no whole"):
        CTRGCNSource(tmp_path / "a.npz")


# ---------------------------------------------------------------- PYSKL pickles


def annotation(i, persons=1, frames=6, joints=25, channels=3, **more):
    rng = np.random.default_rng(i)
    keypoint = rng.uniform(1, 2, size=(persons, frames, joints, channels)).astype(np.float16)
    return {"frame_dir": f"S001C001P00{i}R001A001", "label": 0, "keypoint": keypoint, "total_frames": frames, **more}


def test_pyskl_3d_with_splits(tmp_path, logged):
    items = [annotation(1), annotation(2, persons=2, frames=9)]
    file = dump(tmp_path / "a.pkl", {"split": {"xsub_train": [items[0]["frame_dir"]]}, "annotations": items})
    source = PysklSource(file)
    assert (source.layout.name, source.num_coords) == ("ntu25", 3)
    assert source.splits == {"xsub_train": ["S001C001P001R001A001"]}
    assert source.attributes["subject"].tolist() == [1, 2]
    assert any("expected/found): xsub_train 40091/1" in line for line in logged)
    assert source.load(1).dtype == np.float32
    np.testing.assert_array_equal(source.load(1), items[1]["keypoint"].astype(np.float32))


def test_pyskl_2d_gets_its_score(tmp_path):
    score = np.full((1, 6, 17), 0.25, dtype=np.float16)
    shape = {"img_shape": (480, 640), "original_shape": (480, 640)}
    file = dump(tmp_path / "a.pkl", [annotation(1, joints=17, channels=2, keypoint_score=score, **shape)])
    source = PysklSource(file)
    assert (source.layout.name, source.num_coords) == ("coco17", 2)
    assert source.load(0).shape == (1, 6, 17, 3)
    assert (source.load(0)[..., 2] == 0.25).all()
    assert (source.attributes["height"][0], source.attributes["width"][0]) == (480, 640)


def test_pyskl_variants(tmp_path, logged):
    """No label, no score, another name for the name, one person without its axis, a wrong frame count, x-y-score."""
    plain = {"filename": "v1", "keypoint": np.ones((4, 17, 2), dtype=np.float32)}
    source = PysklSource(dump(tmp_path / "a.pkl", [plain]))
    assert (source.names, source.labels, source.load(0).shape) == (["v1"], None, (1, 4, 17, 3))
    assert (source.load(0)[..., 2] == 1).all()
    source = PysklSource(dump(tmp_path / "b.pkl", [{**annotation(1), "total_frames": 4}]))
    assert source.load(0).shape == (1, 4, 25, 3)
    source = PysklSource(dump(tmp_path / "c.pkl", [{**annotation(1), "total_frames": 40}]))
    assert source.load(0).shape == (1, 6, 25, 3)
    assert any("total_frames exceeds" in line for line in logged)
    three = [annotation(1, joints=17)]
    assert PysklSource(dump(tmp_path / "d.pkl", three)).num_coords == 2
    assert PysklSource(dump(tmp_path / "d.pkl", three), layout="h36m17").num_coords == 3
    # a score beside x, y, z does not make the clip flat; fields that are there but None are as if absent
    item = annotation(1, keypoint_score=np.ones((1, 6, 25)), img_shape=None)
    source = PysklSource(dump(tmp_path / "e.pkl", [{**item, "total_frames": None, "label": None}]))
    assert (source.num_coords, source.load(0).shape, source.labels) == (3, (1, 6, 25, 3), None)
    two = [annotation(1, channels=2)]
    assert PysklSource(dump(tmp_path / "f.pkl", two), layout="openpose25").num_coords == 2
    with pytest.raises(LayoutError, match="25 joints in 2D may be 'openpose25' or 'ntu25'"):
        PysklSource(dump(tmp_path / "f.pkl", two))


def test_pyskl_of_another_kind(tmp_path):
    for content, message in [
        ({"x": 1}, "no PYSKL pickle.*keys"),
        ([], "empty"),
        ([{"frame_dir": "a", "raw_file": "b"}], "has no keypoint.*raw_file"),
        ([{"keypoint": np.ones((1, 2, 25, 3))}], "has no frame_dir"),
        ([annotation(1), annotation(2, joints=17)], "one V and C"),
        ([annotation(1, channels=4)], "4 channels"),
        ([annotation(1), annotation(2, keypoint_score=np.ones((1, 5, 25)))], r"annotation 1 \(S001.*keypoint_score"),
        ([annotation(1, label=[1, 2])], "annotation 0 .* cannot be read"),
        ([{**annotation(1), "keypoint": [[1, 2], [3]]}], "annotation 0 .* cannot be read"),
        ({"split": ["a"], "annotations": [annotation(1)]}, "split is a list"),
    ]:
        with pytest.raises(DataError, match=message):
            PysklSource(dump(tmp_path / "a.pkl", content))
    with pytest.raises(LayoutError, match=r"25 joints, layout 'coco17'.*2D pickle with a 3D config"):
        PysklSource(dump(tmp_path / "a.pkl", [annotation(1)]), layout="coco17")
    with pytest.raises(LayoutError, match="11 joints"):
        PysklSource(dump(tmp_path / "a.pkl", [annotation(1, joints=11)]))


# ---------------------------------------------------------------- pickles


@pytest.mark.parametrize("protocol", range(6))
def test_harmless_pickles_are_read(tmp_path, protocol):
    content = {
        "array": np.arange(6, dtype=np.float16).reshape(2, 3),
        "fortran": np.asfortranarray(np.eye(3)),
        "text": np.array(["a", "bc"]),
        "objects": np.array([{"a": 1}, None], dtype=object),
        "scalar": np.float32(1.5),
        "rest": [(1, 2.5, True, None, b"bytes", "é"), {3}, frozenset([4]), 2j, bytearray(b"x")],
        "ordered": collections.OrderedDict(a=1),
        "type": np.dtype("float32"),
    }
    loaded = load_pickle(dump(tmp_path / "a.pkl", content, protocol))
    np.testing.assert_equal(loaded, content)


def test_object_arrays_of_numpy_files_go_through_the_list_too(tmp_path):
    np.save(tmp_path / "a.npy", np.array({"clip": np.arange(3)}, dtype=object), allow_pickle=True)
    np.testing.assert_equal(load_pickle(tmp_path / "a.npy"), {"clip": np.arange(3)})
    np.save(tmp_path / "a.npy", np.array([subprocess.Popen], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"subprocess\.Popen"):
        load_pickle(tmp_path / "a.npy")


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("bomb",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_foreign_class_is_refused_by_name(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    file = dump(tmp_path / "a.pkl", [annotation(1), Bomb()], protocol)
    with pytest.raises(DataError, match=r"a\.pkl: refused, the pickle contains (posix|nt|os)\.mkdir"):
        PysklSource(file)
    assert not (tmp_path / "bomb").exists()


@pytest.mark.parametrize("name", ["builtins eval", "builtins getattr", "numpy load", "numpy.core.multiarray fromfile"])
def test_dangerous_functions_of_allowed_modules_are_refused(tmp_path, name):
    module, function = name.split()
    (tmp_path / "a.pkl").write_bytes(f"c{module}\n{function}\n.".encode())
    with pytest.raises(DataError, match=f"{module}.{function}"):
        load_pickle(tmp_path / "a.pkl")


def test_a_truncated_pickle_is_told(tmp_path):
    whole = pickle.dumps([annotation(1)])
    for size in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.pkl").write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"a\.pkl: no whole pickle"):
            PysklSource(tmp_path / "a.pkl")
    with pytest.raises(DataError, match="cannot be read"):
        PysklSource(tmp_path / "missing.pkl")


# ---------------------------------------------------------------- folders


def ucla_clip(folder, name="a01_s01_e00_v01", label=1, frames=4, joints=20):
    folder.mkdir(exist_ok=True)
    skeletons = np.random.default_rng(0).normal(size=(frames, joints, 3)).round(4).tolist()
    content = {"file_name": name, "label": label, "skeletons": skeletons}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return np.array(skeletons, dtype=np.float32)


def test_ucla_is_parsed_once_and_its_incompleteness_told(tmp_path, logged, monkeypatch):
    first = ucla_clip(tmp_path / "all_sqe")
    ucla_clip(tmp_path / "all_sqe", "a08_s02_e01_v03", label=7, frames=1)
    source = NWUCLASource(tmp_path)
    np.testing.assert_array_equal(source.load(0)[0], first)
    assert source.load(1).shape == (1, 1, 20, 3)
    assert source.labels.tolist() == [0, 6]
    assert {k: v.tolist() for k, v in source.attributes.items() if k in ("subject", "view")} == {
        "subject": [1, 2],
        "view": [1, 3],
    }
    assert any("expected/found): all 1484/2, xview_train 1020/1, xview_test 464/1" in line for line in logged)
    assert any("not the published set" in line for line in logged)
    monkeypatch.setattr(
        json, "loads", lambda text, loads=json.loads: pytest.fail("parsed") if '"skeletons"' in text else loads(text)
    )
    NWUCLASource(tmp_path / "all_sqe")  # from the cache, and by the inner folder's name
    monkeypatch.undo()
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    ucla_clip(tmp_path / "all_sqe", "a02_s02_e01_v03", label=2)
    assert len(NWUCLASource(tmp_path)) == 3


def test_wrong_folders_are_told(tmp_path):
    for source, message in [(NWUCLASource, "NW-UCLA"), (SBUSource, "SBU"), (PennActionSource, "Penn Action")]:
        with pytest.raises(DataError, match=f"{message}: .* does not exist; set data_root, or MMSYNC_DATA_ROOT"):
            source(tmp_path / "nowhere")
        with pytest.raises(DataError, match=f"{message}: no .* right folder"):
            source(tmp_path)
    ucla_clip(tmp_path / "all_sqe", joints=19)
    with pytest.raises(DataError, match=r"a01_s01_e00_v01\.json"):
        NWUCLASource(tmp_path)
    left = [path for path in (tmp_path / "cache").glob("*") if path.suffix != ".lock"]
    assert not left, "a failed parse leaves no cache"
    (tmp_path / "all_sqe/a01_s01_e00_v01.json").write_text("{")
    with pytest.raises(DataError, match="no NW-UCLA clip"):
        NWUCLASource(tmp_path)
    ucla_clip(tmp_path / "all_sqe", label=11)
    with pytest.raises(DataError, match="out of range"):
        NWUCLASource(tmp_path)


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    ucla_clip(tmp_path / "all_sqe")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="MMSYNC_CACHE"):
        NWUCLASource(tmp_path)


# ---------------------------------------------------------------- the real ones


@pytest.mark.realdata
def test_real_ucla(data_root, logged):
    source = NWUCLASource(data_root / "nw-ucla")
    assert {k: len(v) for k, v in source.splits.items() if k.startswith("xview")} == {
        "xview_train": 1020,
        "xview_test": 464,
    }
    assert len(source) == 1484
    assert np.bincount(source.labels).tolist() == [150, 152, 141, 173, 148, 149, 142, 142, 145, 142]
    assert [n for n, t in zip(source.names, lengths_of(source)) if t == 1] == ["a02_s09_e04_v02", "a02_s09_e04_v03"]
    assert not any("not the published set" in line for line in logged)
    clip = json.loads((data_root / "nw-ucla/all_sqe" / f"{source.names[700]}.json").read_text())
    np.testing.assert_array_equal(source.load(700)[0], np.array(clip["skeletons"], dtype=np.float32))


@pytest.mark.realdata
def test_real_sbu(data_root):
    source = SBUSource(data_root / "sbu")
    assert len(source) == 163
    assert [len(source.splits[f"fold{k}_test"]) for k in (1, 2, 3)] == [55, 52, 56]
    assert [len(source.splits[f"fold{k}_train"]) for k in (1, 2, 3)] == [108, 111, 107]
    assert np.bincount(source.labels).tolist() == [23, 24, 24, 25, 10, 12, 21, 24]
    assert {source.load(i).shape[0] for i in range(163)} == {2}
    lengths = sorted(lengths_of(source))
    assert (lengths[0], lengths[-1]) == (10, 46)


@pytest.mark.realdata
def test_real_penn(data_root):
    source = PennActionSource(data_root / "penn_action")
    assert {k: len(v) for k, v in source.splits.items()} == {"train": 1258, "test": 1068}
    assert len(source) == 2326
    assert (len(np.unique(source.labels)), source.num_coords, source.load(0).shape[2:]) == (15, 2, (13, 3))
    assert set(np.unique(source.load(0)[..., 2])) <= {0, 1}
