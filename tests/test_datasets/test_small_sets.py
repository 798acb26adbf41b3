"""UTD-MHAD, MSR-Action3D and JHMDB as published: order of joints, splits, bad files, and their configs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mmsync.config import check, load
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import JHMDBDDNetSource, MSRAction3DSource, NWUCLASource, UTDMHADSource
from mmsync.datasets.transforms.temporal import resize_clip
from mmsync.errors import DataError
from mmsync.registry import DATASETS
from mmsync.structures import remap_index

ROOT = Path(__file__).parents[2]
PACK = [dict(type="ResizeClip", length=8), dict(type="PackSkeleton", num_persons=1)]


def utd_clip(folder, name="a1_s1_t1", frames=4, **contents):
    """Write a file as published; joint ``j`` of the file is at ``x = j`` in every frame, if nothing else is said."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    points = np.random.default_rng(0).normal(size=(20, 3, frames))
    points[:, 0] = np.arange(20)[:, None]
    savemat(folder / f"{name}_skeleton.mat", contents or {"d_skel": points})
    return points


def msr_clip(folder, name="a01_s01_e01", frames=3, rows=None):
    """Write a text file as published; joint ``j`` of the file is at ``x = j`` in every frame, its confidence 0.5."""
    folder.mkdir(parents=True, exist_ok=True)
    points = np.random.default_rng(0).normal(size=(frames, 20, 4)).round(6)
    points[..., 0], points[..., 3] = np.arange(20), 0.5
    lines = [f"{x:f} {y:f} {z:f} {c:f}" for x, y, z, c in points.reshape(-1, 4)]
    (folder / f"{name}_skeleton3D.txt").write_text("\n".join(lines[:rows]) + "\n")
    return points


def ddnet_file(folder, name, clips, **contents):
    """Write a pickle as DD-Net's users have it, of pairs of joints ``(T, 15, 2)`` and the name of the class."""
    folder.mkdir(exist_ok=True)
    contents = contents or {"pose": [pose for pose, _ in clips], "label": [label for _, label in clips]}
    (folder / f"{name}.pkl").write_bytes(pickle.dumps(contents, protocol=2))


# ---------------------------------------------------------------- UTD-MHAD


def test_utd_puts_the_published_order_into_the_layout(tmp_path, logged):
    points = utd_clip(tmp_path / "utd" / "Skeleton", "a27_s2_t4", frames=5)
    utd_clip(tmp_path / "utd" / "Skeleton", "a2_s7_t1")
    source = UTDMHADSource(tmp_path / "utd")
    assert source.names == ["a27_s2_t4", "a2_s7_t1"]
    clip = source.load(0)
    assert (clip.shape, clip.dtype) == ((1, 5, 20, 3), np.float32)
    # from 0: head, shoulder center, spine, hip center, left arm 4-7, right arm 8-11, left leg 12-15, right leg 16-19
    order = [3, 2, 1, 0, *range(4, 20)]
    assert clip[0, 0, :, 0].tolist() == order
    np.testing.assert_array_equal(clip[0], points.transpose(2, 0, 1)[:, order].astype(np.float32))
    assert (source.labels.tolist(), len(source.class_names)) == ([26, 1], 27)
    assert source.class_names[1] == "right arm swipe to the right"
    assert {key: values.tolist() for key, values in source.attributes.items()} == {
        "action": [27, 2], "subject": [2, 7], "trial": [4, 1]
    }  # fmt: skip
    assert source.splits == {"xsub_train": ["a2_s7_t1"], "xsub_test": ["a27_s2_t4"]}
    assert any("expected/found): all 861/2, xsub_train 431/1, xsub_test 430/1" in line for line in logged)


def test_bad_files_of_utd(tmp_path):
    with pytest.raises(DataError, match=r"UTD-MHAD: .* does not exist; set data_root"):
        UTDMHADSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"UTD-MHAD: no .* right folder"):
        UTDMHADSource(tmp_path)
    for contents, message in [
        ({"d_skel": np.zeros((25, 3, 4))}, r"a1_s1_t1_skeleton\.mat: d_skel is \(25, 3, 4\), wanted \(20 joints"),
        ({"d_skel": np.zeros((20, 3, 0))}, r"d_skel is \(20, 3, 0\)"),
        ({"d_iner": np.zeros((4, 6))}, r"no UTD-MHAD skeleton \(KeyError"),
        ({"d_skel": np.full((20, 3, 4), np.nan)}, "clip 'a1_s1_t1': 4 of 4 frames hold NaN"),
    ]:
        utd_clip(tmp_path / "utd", **contents)
        with pytest.raises(DataError, match=message):
            UTDMHADSource(tmp_path / "utd")
    utd_clip(tmp_path / "utd")
    file = tmp_path / "utd/a1_s1_t1_skeleton.mat"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match=r"a1_s1_t1_skeleton\.mat: no UTD-MHAD skeleton"):
        UTDMHADSource(tmp_path / "utd")
    utd_clip(tmp_path / "utd")
    utd_clip(tmp_path / "utd", "a28_s1_t1")
    with pytest.raises(DataError, match="label 27 is out of range; 27 classes"):
        UTDMHADSource(tmp_path / "utd")
    (tmp_path / "utd/a28_s1_t1_skeleton.mat").rename(tmp_path / "utd/a1_s1_tx_skeleton.mat")
    with pytest.raises(DataError, match="name is not of the form aA_sS_tT"):
        UTDMHADSource(tmp_path / "utd")


def test_an_empty_clip_is_counted_and_replaced(tmp_path, logged):
    utd_clip(tmp_path / "utd", "a1_s1_t1", d_skel=np.zeros((20, 3, 6)))
    utd_clip(tmp_path / "utd", "a2_s1_t1")
    clips = SkeletonDataset(UTDMHADSource(tmp_path / "utd"), PACK, split="xsub_train", max_bad_share=0.5)
    assert [clips[i]["data_samples"].name for i in range(2)] == ["a2_s1_t1", "a2_s1_t1"]
    assert any("clip a1_s1_t1: all 6 frames are empty" in line for line in logged)


# ---------------------------------------------------------------- MSR-Action3D


def test_msr_puts_the_published_order_into_the_layout(tmp_path, logged):
    points = msr_clip(tmp_path / "msr" / "MSRAction3DSkeletonReal3D", "a06_s03_e02")
    for name in ("a02_s04_e01", "a02_s03_e02", "a01_s10_e03"):
        msr_clip(tmp_path / "msr" / "MSRAction3DSkeletonReal3D", name)
    source = MSRAction3DSource(tmp_path / "msr")
    assert source.names == ["a01_s10_e03", "a02_s03_e02", "a02_s04_e01", "a06_s03_e02"]
    clip = source.load(3)
    assert (clip.shape, clip.dtype) == ((1, 3, 20, 3), np.float32)
    # from 0: shoulders 0 1, shoulder center 2, spine 3, hips 4 5, hip center 6, elbows 7 8, wrists 9 10, hands 11 12,
    # knees 13 14, ankles 15 16, feet 17 18, head 19, each left before right
    order = [6, 3, 2, 19, 0, 7, 9, 11, 1, 8, 10, 12, 4, 13, 15, 17, 5, 14, 16, 18]
    assert clip[0, 0, :, 0].tolist() == order
    np.testing.assert_array_equal(clip[0], points[:, order, :3].astype(np.float32))
    assert (source.labels.tolist(), len(source.class_names), source.class_names[5]) == ([0, 1, 1, 5], 20, "high throw")
    assert {key: values.tolist() for key, values in source.attributes.items()} == {
        "action": [1, 2, 2, 6], "subject": [10, 3, 4, 3], "trial": [3, 2, 1, 2]
    }  # fmt: skip
    found = {split: names for split, names in source.splits.items() if names}
    assert found == {
        "xsub_train": ["a06_s03_e02"], "xsub_test": ["a01_s10_e03", "a02_s04_e01"],  # a02_s03_e02 is left out
        "as1_train": ["a06_s03_e02"], "as1_test": ["a02_s04_e01"], "as2_test": ["a01_s10_e03"],
        "as3_train": ["a06_s03_e02"],
    }  # fmt: skip
    assert any("expected/found): all 567/4, xsub_train 284/1, xsub_test 273/2" in line for line in logged)


def test_bad_files_of_msr(tmp_path):
    with pytest.raises(DataError, match=r"MSR-Action3D: .* does not exist; set data_root"):
        MSRAction3DSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"MSR-Action3D: no .* right folder"):
        MSRAction3DSource(tmp_path)
    file = tmp_path / "a01_s01_e01_skeleton3D.txt"
    for rows, message in [(59, r"rows \(59, 4\), wanted 20 of x, y, z, confidence .*whole"), (0, r"rows \(0,\)")]:
        msr_clip(tmp_path, rows=rows)
        with pytest.raises(DataError, match=rf"{file.name}: {message}"):
            MSRAction3DSource(tmp_path)
    for text, message in [
        ("1 2 3\n" * 20, r"rows \(20, 3\)"),
        ("1 2 3 0\n" * 19 + "1 2\n", "no MSR-Action3D skeleton"),
        ("1 2 x 0\n" * 20, "no MSR-Action3D skeleton"),
    ]:
        file.write_text(text)
        with pytest.raises(DataError, match=rf"{file.name}: {message}"):
            MSRAction3DSource(tmp_path)
    file.write_text("nan 2 3 0\n" * 20)
    with pytest.raises(DataError, match="clip 'a01_s01_e01': 1 of 1 frames hold NaN"):
        MSRAction3DSource(tmp_path)
    msr_clip(tmp_path)
    msr_clip(tmp_path, "a21_s01_e01")
    with pytest.raises(DataError, match="label 20 is out of range; 20 classes"):
        MSRAction3DSource(tmp_path)


# ---------------------------------------------------------------- JHMDB


def test_jhmdb_finds_a_clip_again_in_the_files_of_other_splits(tmp_path):
    rng = np.random.default_rng(0)
    clips = [(rng.normal(size=(3 + i, 15, 2)), label) for i, label in enumerate(["walk", "catch", "walk"])]
    ddnet_file(tmp_path, "GT_train_1", clips[:2])
    ddnet_file(tmp_path, "GT_test_1", clips[2:])
    ddnet_file(tmp_path, "GT_train_3", clips[1:])
    ddnet_file(tmp_path, "GT_test_3", clips[:1])
    source = JHMDBDDNetSource(tmp_path)
    assert (len(source), source.class_names) == (3, ["catch", "walk"])
    name = {source.load(i).shape[1]: name for i, name in enumerate(source.names)}
    assert {split: sorted(names) for split, names in source.splits.items()} == {
        "split1_train": sorted([name[3], name[4]]), "split1_test": [name[5]],
        "split3_train": sorted([name[4], name[5]]), "split3_test": [name[3]],
    }  # fmt: skip
    for index, text in enumerate(source.names):
        points, label = clips[source.load(index).shape[1] - 3]
        np.testing.assert_array_equal(source.load(index)[0], points.astype(np.float32))
        assert text.startswith(f"{label}_")
        assert source.class_names[source.labels[index]] == label
    assert [source.fold_of(split) for split in ("split1_train", "split3_test", None, dict(label=0))] == [
        "jhmdb/1", "jhmdb/3", "jhmdb/all", None
    ]  # fmt: skip
    (tmp_path / "GT_train_1.pkl").unlink()
    (tmp_path / "GT_test_1.pkl").unlink()
    assert set(JHMDBDDNetSource(tmp_path).names) == set(source.names), "names do not depend on the files that are there"


def test_joints_of_jhmdb_in_other_layouts():
    assert remap_index("jhmdb15", "penn13")[0] == (2,)  # the face is the head
    assert remap_index("jhmdb15", "sbu15") == [(2,), (0,), (1,), (4,), (8,), (12,), (3,), (7,), (11,), (6,), (10,),
                                               (14,), (5,), (9,), (13,)]  # fmt: skip
    assert remap_index("jhmdb15", "kinect20")[0] == (6, 5)  # the pelvis is between the hips


def test_bad_files_of_jhmdb(tmp_path):
    with pytest.raises(DataError, match=r"JHMDB: .* does not exist; set data_root"):
        JHMDBDDNetSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"JHMDB: no .* right folder"):
        JHMDBDDNetSource(tmp_path)
    clip = np.ones((4, 15, 2))
    for contents, message in [
        ({"pose": [clip]}, r"no pickle of DD-Net.* but keys \['pose'\]"),
        ({"pose": [clip], "label": []}, "1 poses, but 0 labels"),
        ({"pose": [clip[:, :13]], "label": ["a"]}, r"pose 0 is \(4, 13, 2\), wanted \(T frames, 15 joints"),
        ({"pose": [clip[:0]], "label": ["a"]}, r"pose 0 is \(0, 15, 2\)"),
        ({"pose": [[[1], 2]], "label": ["a"]}, "pose 0 is no array of numbers"),
        ({"pose": [clip], "label": [3]}, "label 0 is 3, wanted the name of a class"),
        ({"pose": [clip * np.nan], "label": ["a"]}, "4 of 4 frames hold NaN"),
        ({"pose": [Path("x")], "label": ["a"]}, r"refused, the pickle contains pathlib"),
    ]:
        ddnet_file(tmp_path, "GT_train_1", [], **contents)
        with pytest.raises(DataError, match=message):
            JHMDBDDNetSource(tmp_path)
    (tmp_path / "GT_train_1.pkl").write_bytes(pickle.dumps({"pose": [clip], "label": ["a"]})[:60])
    with pytest.raises(DataError, match=r"GT_train_1\.pkl: no whole pickle"):
        JHMDBDDNetSource(tmp_path)
    (tmp_path / "GT_train_1.pkl").rename(tmp_path / "GT_val_1.pkl")
    with pytest.raises(DataError, match="name is not of the form GT_train_K"):
        JHMDBDDNetSource(tmp_path)


# ---------------------------------------------------------------- configs

CONFIGS = [("utd_mhad", "xsub"), ("msr_action3d", "xsub"), ("msr_action3d", "as3"), ("jhmdb_ddnet", "split1")]


def experiment(folder, name, **options):
    """A data set with the models and the schedule of NW-UCLA."""
    parts = [ROOT / f"configs/_base_/{part}.py" for part in (f"datasets/{name}", "models/ucla", "schedules/adamw_ucla")]
    path = folder / "experiment.py"
    path.write_text(f"_base_ = {[str(part) for part in parts]}\nmodel = dict(type='SimCLR')\n")
    return load(path, options)


@pytest.mark.parametrize(("name", "split"), CONFIGS)
def test_a_config_of_these_sets_has_no_problem(name, split, tmp_path):
    cfg = experiment(tmp_path, name, split=split)
    check(cfg)
    assert cfg.train_dataloader.dataset.split == f"{split}_train"
    assert cfg.test_dataloader.dataset.roles == dict(bank=f"{split}_train", query=f"{split}_test")


def test_input_of_2d_joints_without_a_score_is_derived(tmp_path):
    cfg = experiment(tmp_path, "jhmdb_ddnet", stream="joint+bone")
    assert cfg.model.data_preprocessor.num_coords == 2
    assert (cfg.model.encoder.backbone.in_channels, cfg.model.encoder.backbone.layout) == (4, "jhmdb15")


# ---------------------------------------------------------------- the real ones


def nearest(source, split, joint):
    """Accuracy of 1-NN by the cosine, of 32 frames each of which is centered; empty frames are left as they are."""
    clips = [source.load(index)[..., : source.num_coords] for index in range(len(source))]
    rows = np.stack([resize_clip(clip - clip[:, :, [source.layout.joint(joint)]], 32).ravel() for clip in clips])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9)
    place = {name: index for index, name in enumerate(source.names)}
    bank, query = ([place[name] for name in source.splits[f"{split}_{part}"]] for part in ("train", "test"))
    return 100 * float((source.labels[bank][(rows[query] @ rows[bank].T).argmax(1)] == source.labels[query]).mean())


def sizes(source):
    return {split: len(names) for split, names in source.splits.items()}


@pytest.mark.realdata
def test_real_utd(data_root, logged):
    source = UTDMHADSource(data_root / "utd-mhad")
    assert sizes(source) == {"xsub_train": 431, "xsub_test": 430}
    assert len(source) == 861
    assert np.bincount(source.labels).tolist() == [31 if label in (7, 22, 26) else 32 for label in range(27)]
    lengths = [source.load(i).shape[1] for i in range(861)]
    assert (min(lengths), max(lengths)) == (41, 125)
    assert all(source.load(i).any(axis=(2, 3)).all() for i in range(861))
    assert not any("not the published set" in line for line in logged)
    assert nearest(source, "xsub", "pelvis") == pytest.approx(85.8, abs=1)


@pytest.mark.realdata
def test_real_msr(data_root, logged):
    source = MSRAction3DSource(data_root / "msr-action3d")
    assert sizes(source) == {
        "xsub_train": 284, "xsub_test": 273, "as1_train": 114, "as1_test": 105,
        "as2_train": 116, "as2_test": 112, "as3_train": 111, "as3_test": 111,
    }  # fmt: skip
    assert len(source) == 567
    used = (data_root / "msr-action3d/files_used_in_cvpr12_paper.txt").read_text().split()
    assert sorted(source.splits["xsub_train"] + source.splits["xsub_test"]) == sorted(used)
    lengths = [source.load(i).shape[1] for i in range(567)]
    assert (min(lengths), np.median(lengths), max(lengths)) == (13, 39, 936)
    empty = [name for i, name in enumerate(source.names) if not source.load(i).any()]
    assert empty == ["a13_s09_e02"]
    assert not any("not the published set" in line for line in logged)
    found = [nearest(source, split, "pelvis") for split in ("xsub", "as1", "as2", "as3")]
    assert found[1:] == pytest.approx([74.3, 75.0, 90.1], abs=0.1)
    assert found[0] == pytest.approx(72.9, abs=1)


@pytest.mark.realdata
def test_real_jhmdb(data_root):
    source = JHMDBDDNetSource(data_root / "jhmdb_dd-net")
    assert sizes(source) == {
        "split1_train": 433, "split1_test": 176, "split2_train": 433, "split2_test": 176, "split3_train": 434,
        "split3_test": 175,
    }  # fmt: skip
    for fold in (1, 2, 3):
        assert set(source.splits[f"split{fold}_train"]) | set(source.splits[f"split{fold}_test"]) == set(source.names)
    assert np.bincount(source.labels).tolist() == [48, 44, 42, 39, 40, 55, 55, 42, 40, 39, 36, 46, 41, 42]
    assert len(source) == 609
    found = [nearest(source, f"split{fold}", "spine") for fold in (1, 2, 3)]
    assert found == pytest.approx([66.5, 64.8, 57.7], abs=0.1)


@pytest.mark.realdata
def test_real_bodies_stand_upright_and_have_their_right_on_the_right(data_root):
    """NW-UCLA, in which the order of joints is that of the files, is the yardstick of the other two."""
    sources = NWUCLASource(data_root / "nw-ucla"), UTDMHADSource(data_root / "utd-mhad"), MSRAction3DSource(
        data_root / "msr-action3d")  # fmt: skip
    for source in sources:
        rows = []
        for index in range(0, len(source), 3):
            clip = source.load(index)[0]
            clip = clip[clip.any(axis=(1, 2))]
            at = {name: clip[:, place] for place, name in enumerate(source.layout.joints)} if len(clip) else {}
            if at:
                feet = sum(at[f"{side}_foot"] - at[f"{side}_ankle"] for side in ("left", "right"))
                up = at["spine_shoulder"] - at["pelvis"]
                right = at["right_hip"] - at["left_hip"]
                rows.append([
                    np.median(at["head"][:, 1] - at["pelvis"][:, 1]) > 0.3,
                    np.median(at["pelvis"][:, 1] - at["left_foot"][:, 1]) > 0.3,
                    np.median((right * np.cross(feet, up)).sum(-1)) > 0,  # forward x up is the right
                ])  # fmt: skip
        assert np.mean(rows, axis=0).tolist() == pytest.approx([1, 1, 1], abs=0.05), type(source).__name__


@pytest.mark.realdata
def test_real_right_arms_do_what_is_done_with_the_right_arm(data_root):
    utd, msr = UTDMHADSource(data_root / "utd-mhad"), MSRAction3DSource(data_root / "msr-action3d")
    named = [label for label, name in enumerate(utd.class_names) if name.startswith("right")]
    assert len(named) == 10
    for source, labels in ((utd, named), (msr, range(9))):  # people were asked to take the right arm
        hands = [source.layout.joint(f"{side}_hand") for side in ("left", "right")]
        moved = []
        for index in np.flatnonzero(np.isin(source.labels, labels)):
            clip = source.load(index)[0]
            clip = clip[clip.any(axis=(1, 2))]
            moved.append(np.linalg.norm(np.diff(clip[:, hands], axis=0), axis=-1).sum(0))
        left, right = np.transpose(moved)
        assert (right > left).mean() > 0.98


@pytest.mark.realdata
def test_real_bodies_of_jhmdb(data_root):
    source = JHMDBDDNetSource(data_root / "jhmdb_dd-net")
    walk = np.flatnonzero(source.labels == source.class_names.index("walk"))
    posture = np.median([np.median(source.load(i)[0], axis=0) for i in walk], axis=0)
    height = dict(zip(source.layout.joints, posture[:, 1]))  # y down
    assert height["head"] < height["neck"] < height["spine"] < height["left_hip"] < height["left_knee"]
    assert height["left_knee"] < height["left_ankle"]
    joint = source.layout.joint
    x = np.stack([np.median(source.load(i)[0, :, :, 0], axis=0) for i in range(609)])
    facing = x[:, joint("right_shoulder")] < x[:, joint("left_shoulder")]
    assert 0.6 < facing.mean() < 0.9  # most people face the camera
    assert (facing == (x[:, joint("right_hip")] < x[:, joint("left_hip")])).mean() > 0.85


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "split"), CONFIGS)
def test_real_configs(data_root, name, split, tmp_path, monkeypatch):
    """Clips of the config are packed, and no probe asks for more neighbors than the smallest class has clips."""
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(data_root))
    cfg = experiment(tmp_path, name, split=split)
    train, evaluation = (DATASETS.build(cfg[f"{part}_dataloader"].dataset) for part in ("train", "val"))
    shape = (64, 15, 2) if name == "jhmdb_ddnet" else (64, 20, 3)
    for clips in (train, evaluation):
        data = clips.__getitems__(range(len(clips)))["inputs"]["skeleton"].data
        assert (data.shape[1:], clips.bad_items()) == ((1, *shape), [])
        assert data.abs().max() < 5  # a body, from its own middle
    bank = np.array(evaluation.roles) == "bank"
    assert bank.sum() == len(train)
    smallest = np.unique(evaluation.labels[bank], return_counts=True)[1].min()
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert np.max(evaluator.probes.knn.k) <= smallest
