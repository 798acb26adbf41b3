"""UTD-MHAD, MSR-Action3D and JHMDB as published: order of joints, splits, bad files, and their configs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsync.config import check, load
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import UTDMHADSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS

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


# ---------------------------------------------------------------- configs


@pytest.mark.parametrize("name", ["utd_mhad"])
def test_a_config_of_these_sets_is_right(name, tmp_path, monkeypatch):
    """With the models and the schedule of NW-UCLA; the preparations keep one shape of batch."""
    monkeypatch.chdir(ROOT)
    experiment = tmp_path / "experiment.py"
    parts = [ROOT / f"configs/_base_/{part}.py" for part in (f"datasets/{name}", "models/ucla", "schedules/adamw_ucla")]
    experiment.write_text(f"_base_ = {[str(part) for part in parts]}\nmodel = dict(type='SimCLR')\n")
    cfg = load(experiment)
    check(cfg)


# ---------------------------------------------------------------- the real ones


def built(name, **options):
    """The data set of training and that of evaluation, as a config of ``_base_/datasets`` has them."""
    cfg = load(ROOT / f"configs/_base_/datasets/{name}.py", options)
    return DATASETS.build(cfg.train_dataloader.dataset), DATASETS.build(cfg.val_dataloader.dataset), cfg


def nearest(source, split, joint, length=32):
    """Accuracy of 1-NN by the cosine, of raw clips each of whose frames is centered; empty frames are left out."""
    rows = []
    for index in range(len(source)):
        clip = source.load(index)[0, :, :, : source.num_coords]
        clip = clip[clip.any(axis=(1, 2))]
        frames = np.linspace(0, len(clip) - 1, length).round().astype(int) if len(clip) else []
        rows.append((clip - clip[:, [source.layout.joint(joint)]])[frames].ravel() if len(clip) else None)
    place = {name: index for index, name in enumerate(source.names)}
    bank, query = ([place[name] for name in source.splits[f"{split}_{part}"]] for part in ("train", "test"))
    x = {part: np.stack([rows[i] for i in at]) for part, at in (("bank", bank), ("query", query))}
    x = {part: rows / np.linalg.norm(rows, axis=1, keepdims=True) for part, rows in x.items()}
    return 100 * float((source.labels[bank][(x["query"] @ x["bank"].T).argmax(1)] == source.labels[query]).mean())


@pytest.mark.realdata
def test_real_utd(data_root, logged):
    source = UTDMHADSource(data_root / "utd-mhad")
    assert {split: len(names) for split, names in source.splits.items()} == {"xsub_train": 431, "xsub_test": 430}
    assert len(source) == 861
    assert np.bincount(source.labels).tolist() == [31 if label in (7, 22, 26) else 32 for label in range(27)]
    lengths = [source.load(i).shape[1] for i in range(861)]
    assert (min(lengths), max(lengths)) == (41, 125)
    assert all(source.load(i).any(axis=(2, 3)).all() for i in range(861))
    assert not any("not the published set" in line for line in logged)
    assert nearest(source, "xsub", "pelvis") == pytest.approx(85.8, abs=1)
