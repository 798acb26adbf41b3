"""check_data finds what is wrong and to_store keeps what is there."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from run_tool import run_tool

from mmsync.datasets.sources import StoreSource


@pytest.fixture
def run(capsys):
    """Runs a tool; returns its exit code and what it printed."""

    def run(tool, *args):
        return run_tool(tool.removeprefix("tools/"), *args), capsys.readouterr().out

    return run


@pytest.fixture
def data(tmp_path):
    """A pickle of ten clips: NaN, empty, one frame, frozen, and six sound ones, padded with empty frames."""
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(1, 9, 25, 3)).astype(np.float32) for _ in range(10)]
    clips[1][0, 2] = np.nan
    clips[2][:] = 0
    clips[3] = clips[3][:, :1]
    clips[4][:] = clips[4][:, :1]
    clips[5][:, 6:] = 0
    items = [dict(frame_dir=f"clip{i}", label=i % 2, keypoint=clip) for i, clip in enumerate(clips)]
    content = dict(split=dict(train=[f"clip{i}" for i in range(10)], sound=[f"clip{i}" for i in range(6, 10)]))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(dict(content, annotations=items)))
    (tmp_path / "config.py").write_text(
        f"""
source = dict(type='PysklSource', ann_file={str(tmp_path / "a.pkl")!r})
pipeline = [dict(type='ResizeClip', length=4), dict(type='PackSkeleton')]
dataset = dict(type='SkeletonDataset', source=source, pipeline=pipeline, split='train')
train_dataloader = dict(batch_size=2, dataset=dataset)
val_dataloader = dict(batch_size=2, dataset=dict(dataset, split='sound'))
test_dataloader = val_dataloader
"""
    )
    return tmp_path, clips


def test_check_data(data, run):
    folder, _ = data
    code, printed = run("tools/misc/check_data.py", folder / "config.py")
    assert code == 1, printed
    for text in [
        "train_dataloader: 10 clips, layout ntu25, 8 readable", "clip1: 1 of 9 frames hold NaN",
        "clip2: all 9 frames are empty", "a single frame: 1\n    clip3", "frozen: all frames are equal: 1\n    clip4",
        "clip5 (3 of 9)", "labels: 2 of 2 classes", "val_dataloader: 4 clips", "test_dataloader: as before", "2 errors",
    ]:  # fmt: skip
        assert text in printed, f"{text!r} is not in\n{printed}"
    code, printed = run(
        "tools/misc/check_data.py", folder / "config.py", "--cfg-options", "train_dataloader.dataset.split=sound"
    )
    assert (code, "ok: no errors" in printed) == (0, True), printed
    (folder / "child.py").write_text(
        "_base_ = 'config.py'\ntrain_dataloader = dict(dataset=dict("
        "_delete_=True, type='RepeatDataset', times=2, dataset={{_base_.dataset}}))\nval_dataloader = None"
    )
    code, printed = run("tools/misc/check_data.py", folder / "child.py")
    assert (code, "train_dataloader: 10 clips" in printed) == (1, True), printed
    code, printed = run(
        "tools/misc/check_data.py", folder / "config.py", "--cfg-options", "train_dataloader.dataset.split=soud"
    )
    assert code == 1
    assert "did you mean 'sound'" in printed


def test_to_store(data, run):
    folder, clips = data
    out = folder / "store"
    code, printed = run("tools/dataset_converters/to_store.py", out, "--config", folder / "config.py")
    assert code == 0, printed
    source = StoreSource(out)
    assert (len(source), source.layout.name, source.labels.tolist()) == (9, "ntu25", [0, *[0, 1] * 4])
    np.testing.assert_array_equal(source.load(4), clips[5][:, :6])  # without the padding
    np.testing.assert_array_equal(source.load(6), clips[7])
    assert "left out: 1 clips" in printed
    assert "clip 'clip1': 1 of 9 frames hold NaN" in (out / "left_out.txt").read_text()
    assert "clip1" not in source.splits["train"]
    assert source.splits["sound"] == ["clip6", "clip7", "clip8", "clip9"]
    code, printed = run("tools/dataset_converters/to_store.py", out, "--config", folder / "config.py")
    assert (code, "exists" in printed) == (1, True)
    kind = ["type=PysklSource", f"ann_file={folder / 'a.pkl'}"]
    code, printed = run("tools/dataset_converters/to_store.py", out, "--source", *kind, "--overwrite", "--keep-padding")
    assert code == 0, printed
    assert StoreSource(out).load(4).shape == (1, 9, 25, 3)


def test_check_data_looks_into_pairs_and_the_order_of_joints(tmp_path, run):
    """NaN in a track; and joints whose order is another layout's, as a warning that names it."""
    from mmsync.datasets.sources import SyntheticSource
    from mmsync.structures import SkeletonLayout

    source = SyntheticSource((30, 1), actions=["push", "high_five"], layout="ntu25")
    kinect = SkeletonLayout.get("kinect20")
    rest = [joint for joint in source.layout.joints if joint not in kinect.joints]
    order = [source.layout.joint(joint) for joint in (*kinect.joints, *rest)]
    for name, places in (("right", range(25)), ("mixed", order)):
        clips = [source.load(i)[:, :, list(places)].copy() for i in range(30)]
        clips[4][1, 7, 3] = np.nan
        items = [dict(frame_dir=f"clip{i}", label=i % 2, keypoint=clip) for i, clip in enumerate(clips)]
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(items))
        (tmp_path / "config.py").write_text(
            f"""
pickle = dict(type='PysklSource', ann_file={str(tmp_path / f"{name}.pkl")!r})
source = dict(type='SkeletonTrackSource', source=pickle)
train_dataloader = dict(batch_size=2, dataset=dict(type='PairDataset', source=source, mix=dict(positive=1), window=8))
"""
        )
        code, printed = run("tools/misc/check_data.py", tmp_path / "config.py", "--out", tmp_path / "problems.txt")
        assert code == 1, printed
        assert "PairDataset, videos: train 30" in printed
        assert "train: positive 30, easy" in printed
        assert "ERROR, cannot be read: 1\n    clip4: NaN or infinity" in printed
        assert "labels: 2 of 2 classes, 0 unknown; videos of a class: min 15, max 15" in printed
        text = "they fit the joints of ntu25 in the order of kinect20"
        assert (text in printed) == (name == "mixed"), printed
        assert "\tERROR\tcannot be read\tclip4: NaN" in (tmp_path / "problems.txt").read_text()
