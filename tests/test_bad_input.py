"""What users get wrong ends in one message that says what is wrong, where, and what to do.

Each case goes through the public surface: a config and ``tools/train.py``. Cases that have their test elsewhere:

======================================  ==========================================================================
typo in a key, unknown type             ``test_config.py``: every place of a config, and 97 % of all slips; here once
                                        through the tool
missing data root, before any building  ``test_config.py::test_missing_data_is_told_with_its_absolute_path``; here once
                                        through the tool
truncated pickle, foreign class         ``test_datasets/test_sources.py``: every protocol, many cuts; here once
NaN, empty and unreadable clips         ``test_datasets/test_skeleton_dataset.py``: counted, replaced, over workers
batch larger than the data              ``test_tools/test_train_test.py``, ``test_engine/test_resume.py``
checkpoint of another model             ``test_tools/test_train_test.py``, ``test_engine/test_resume.py``
damaged, unsafe, missing checkpoint     ``test_tools/test_train_test.py``, ``test_engine/test_resume.py``
kill during a checkpoint write          ``test_engine/test_resume.py::test_kill_during_a_write_loses_nothing``
wrong layout, seen by the modules       ``test_models/test_preprocessor.py``, ``test_models/test_stgcn.py``
======================================  ==========================================================================
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.mistakes import Mistake
from tests.mistakes import run as run_tool

CONFIG = """
default_scope = 'mmsync'
view = [dict(type='Shear', amplitude=0.2)]
model = dict(
    type='SkeletonCLR',
    queue_size=16,
    encoder=dict(
        type='Encoder',
        backbone=dict(type='STGCN', layout='ntu25', channels=[4], strides=[1], temporal_kernel=3),
        pool=dict(type='SkeletonPool'),
        projector=dict(type='MLPProjector', out_channels=4),
    ),
    data_preprocessor=dict(type='SkeletonPreprocessor', layout='ntu25', views=dict(query=view, key=view)),
)
train_dataloader = dict(
    batch_size=8,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='SkeletonDataset',
        source=dict(type='PysklSource', ann_file={ann_file!r}),
        pipeline=[dict(type='ResizeClip', length=6), dict(type='PackSkeleton')],
    ),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
randomness = dict(seed=0)
"""


@pytest.fixture
def train(tmp_path):
    """Trains on a pickle of clips ``(M, T, V, C)`` with options of the command line: exit code and all that is said."""

    def run(clips, *options, labels=None) -> tuple[int, str]:
        file = tmp_path / "clips.pkl"
        if isinstance(clips, bytes):
            file.write_bytes(clips)
        else:
            labels = [i % 3 for i in range(len(clips))] if labels is None else labels
            items = [dict(frame_dir=f"clip{i}", label=n, keypoint=c) for i, (c, n) in enumerate(zip(clips, labels))]
            file.write_bytes(pickle.dumps(items))
        config = tmp_path / "config.py"
        config.write_text(CONFIG.format(ann_file=str(file)))
        chosen = ["--cfg-options", *options] if options else []
        command = ["tools/train.py", str(config), "--work-dir", str(tmp_path / "run"), *chosen]
        code, said = run_tool(Mistake("bad input", command), tmp_path, {})
        assert "Traceback" not in said
        return code, said

    return run


@pytest.fixture
def clips():
    """Sixteen sound clips of ntu25."""
    return list(np.random.default_rng(0).normal(size=(16, 1, 12, 25, 3)).astype(np.float32))


def test_sound_input_trains(train, clips, tmp_path):
    """So that the cases below fail for their own reason; the data set's own collate stands in for a missing one."""
    assert train(clips)[0] == 0
    assert (tmp_path / "run" / "epoch_1.pth").is_file()


def test_a_typo_in_a_key(train, clips):
    code, said = train(clips, "model.encoder.backbone.dropuot=0.1")
    assert code == 2
    assert "model.encoder.backbone.dropuot: STGCN takes no 'dropuot'; did you mean 'dropout'?" in said


def test_an_unknown_type(train, clips):
    code, said = train(clips, "model.encoder.backbone.type=STCGN")
    assert code == 2
    assert "model.encoder.backbone.type: 'STCGN' is not a registered backbone; did you mean 'STGCN'?" in said


def test_a_missing_data_root(train, clips, tmp_path):
    code, said = train(clips, f"train_dataloader.dataset.source.ann_file={tmp_path / 'no' / 'clips.pkl'}")
    assert code == 2
    assert f"train_dataloader.dataset.source.ann_file: {tmp_path / 'no' / 'clips.pkl'}" in said


def test_a_backbone_of_another_layout(train, clips):
    code, said = train(clips, "model.encoder.backbone.layout=coco17")
    assert code == 2
    assert "model.encoder.backbone.layout is 'coco17'; they must be the same" in said
    assert "RemapSkeleton" in said


def test_data_of_another_layout(train):
    """Only the file tells its joints, so it is found when it is opened."""
    kinect = np.random.default_rng(0).normal(size=(16, 1, 12, 20, 3)).astype(np.float32)
    code, said = train(list(kinect))
    assert code == 2
    assert "train_dataloader: the clips have the joints of 'kinect20'" in said
    assert "the data preprocessor's layout is 'ntu25'; set it, and the backbone's, to 'kinect20'" in said


def test_a_label_out_of_range(train, clips):
    code, said = train(clips, "train_dataloader.dataset.num_classes=3", labels=[0, 1, 3, *[2] * 13])
    assert code == 2
    assert "1 labels are out of range, first clip2: 3 is not in [0, 2]" in said


def test_a_truncated_pickle(train, clips, tmp_path):
    whole = pickle.dumps([dict(frame_dir=f"clip{i}", label=0, keypoint=clip) for i, clip in enumerate(clips)])
    code, said = train(whole[: len(whole) // 2])
    assert code == 2
    assert f"{tmp_path / 'clips.pkl'}: no whole pickle, is the file truncated?" in said


def test_a_pickle_with_a_foreign_class(train, tmp_path):
    code, said = train(pickle.dumps([dict(frame_dir="clip0", label=0, keypoint=Path("x"))]))
    assert code == 2
    assert f"{tmp_path / 'clips.pkl'}: refused, the pickle contains pathlib." in said


@pytest.mark.parametrize(("value", "problem"), [(np.nan, "12 of 12 frames hold NaN"), (0, "all 12 frames are empty")])
def test_a_bad_clip_stops_the_run_or_is_replaced(train, clips, value, problem, tmp_path):
    clips[5] = np.full_like(clips[5], value)
    code, said = train(clips)
    assert code == 2
    assert "1 of 16 clips are bad, max_bad_share=0.01 allows 0" in said
    assert f"clip clip5: {problem}" in said
    assert "mmsync check_data" in said
    code, said = train(clips, "train_dataloader.dataset.max_bad_share=0.1")
    assert code == 0, said
    assert f"left out and replaced: clip clip5: {problem}" in said
    weights = torch.load(tmp_path / "run" / "epoch_1.pth", weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_a_clip_of_one_frame_is_as_good_as_any(train, clips, tmp_path):
    clips[5] = clips[5][:, :1]
    code, said = train(clips)
    assert code == 0, said
    assert "left out" not in said


def test_a_batch_larger_than_the_data(train, clips):
    code, said = train(clips, "train_dataloader.batch_size=17", "model.queue_size=17")
    assert code == 2
    assert "batch_size=17 is larger than the 16 samples" in said
    assert "lower the loader's batch_size to 16, or set drop_last=False" in said


def test_a_queue_that_the_batch_does_not_divide(train, clips, tmp_path):
    code, said = train(clips, "model.queue_size=13")
    assert code == 0, said
    state = torch.load(tmp_path / "run" / "epoch_1.pth", weights_only=True)["state_dict"]
    assert state["queue.pointer"].item() == 16 % 13


def test_a_queue_smaller_than_the_batch(train, clips):
    code, said = train(clips, "model.queue_size=7")
    assert code == 2
    assert "model.queue_size: is 7, but train_dataloader.batch_size is 8" in said
    assert "raise queue_size or lower batch_size" in said


def test_a_collate_that_takes_single_samples_only(train, clips):
    code, said = train(clips, "train_dataloader.collate_fn.type=pseudo_collate")
    assert code == 2
    assert "train_dataloader.collate_fn: pseudo_collate takes single samples" in said
    assert "leave collate_fn out, or set dict(type='motion_collate')" in said
