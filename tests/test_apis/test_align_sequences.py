"""Alignment of two sequences: what is written equals what ``align`` finds; mistakes end in one message."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from mmsync.apis.alignment import align_sequences, embed_sequences, find_clip, nearest_frames, write_alignment
from mmsync.datasets import SequenceDataset
from mmsync.errors import ConfigError, DataError, DependencyError, ProtocolError
from mmsync.evaluation.functional import align, align_pair
from mmsync.registry import MODELS
from mmsync.structures import FeatureTable, SkeletonLayout
from mmsync.visualization.alignment import agreement, alignment_title, draw_alignment, render_alignment
from mmsync.visualization.sequences import SequenceClip, clip_panel, phase_colors, read_clip, spread_frames

SOURCE = dict(type="SyntheticSequenceSource", num_sequences=(1, 2), activities=["golf_swing", "squats"])


@pytest.fixture(scope="module")
def dataset():
    return SequenceDataset(SOURCE, roles=dict(bank="train", query="val"), test_mode=True)


def raw_model(channels, **preprocessor):
    """A model whose features are the frames themselves."""
    encoder = dict(type="Encoder", backbone=dict(type="RawFrames", in_channels=channels), pool=dict(type="FramePool"))
    views = dict(type="SequencePreprocessor", views=dict(first=[], second=[]), **preprocessor)
    return MODELS.build(dict(type="FrameSimSiam", encoder=encoder, data_preprocessor=views)).eval()


def drawn(path):
    """Colors of a picture, of which a blank one has one."""
    with Image.open(path) as picture:
        return len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))


def features(t, seed=0, width=4):
    time = np.linspace(0, 1, t)[:, None] ** (1 + seed)
    return np.concatenate([np.sin(3 * time), np.cos(3 * time), time, time**2][:width], axis=1).astype(np.float32)


def test_features_of_the_identity_are_the_frames_whatever_the_padding():
    one, two = features(9), features(15, 1)
    found = embed_sequences(raw_model(4), [one, two])
    for a, b in zip(found, (one, two)):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_array_equal(align_sequences(raw_model(4), one, two, "dtw").index, align(one, two, "dtw"))


def test_distances_and_tau_are_those_of_the_embeddings():
    one, two = features(9), features(15, 1)
    found = align_pair(one, two)
    naive = np.linalg.norm(one[:, None].astype(float) - two[None], axis=2)
    np.testing.assert_allclose(found.distance, naive, rtol=1e-6)
    np.testing.assert_array_equal(found.index, naive.argmin(1))
    np.testing.assert_allclose(found.matched, naive.min(1), rtol=1e-6)
    from scipy.stats import kendalltau

    assert found.tau == pytest.approx(kendalltau(np.arange(9), naive.argmin(1)).statistic)
    assert align_pair(one, one[::-1]).tau == pytest.approx(-1)


@pytest.mark.parametrize("how", ["nearest", "dtw"])
@pytest.mark.parametrize("layout", [None, "ntu25"])
def test_files_hold_the_alignment(tmp_path, dataset, how, layout):
    av = pytest.importorskip("av")
    one, two = (read_clip(dataset, i) for i in (2, 4))
    if layout is None:  # curves
        one, two = (SequenceClip(clip.name, features(len(clip), i)) for i, clip in enumerate((one, two)))
    rows = [clip.frames.reshape(len(clip), -1) for clip in (one, two)]
    found = align_pair(*rows, how=how)
    table, picture, film = write_alignment(tmp_path / "out", one, two, found, how)
    with open(table, newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["frame_a", "frame_b", "distance"]
    assert [int(line[0]) for line in lines] == list(range(len(one)))
    np.testing.assert_array_equal([int(line[1]) for line in lines], align(*rows, how))
    np.testing.assert_allclose([float(line[2]) for line in lines], found.matched, rtol=1e-5)
    assert drawn(picture) > 100
    with av.open(str(film)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == len(one)
    assert np.abs(pictures[0].astype(int) - pictures[-1]).max() > 100


def test_the_picture_is_written_without_pyav(tmp_path, monkeypatch):
    import mmsync.media.write as module

    def missing(*_):
        raise DependencyError("no PyAV")

    monkeypatch.setattr(module, "require", missing)
    one, two = (SequenceClip(name, features(6)) for name in "ab")
    with pytest.raises(DependencyError, match="PyAV"):
        write_alignment(tmp_path, one, two, align_pair(one.frames, two.frames))
    assert {path.name for path in tmp_path.iterdir()} == {"alignment.csv", "alignment.png"}


def test_clips_are_found_by_name_or_file(dataset, tmp_path):
    clip = find_clip(dataset, dataset.names[3])
    np.testing.assert_array_equal(clip.frames, dataset.source.load(int(dataset.places[3])))
    np.testing.assert_array_equal(clip.phase, dataset.source.frame_labels(int(dataset.places[3])))
    assert clip.activity == dataset.metainfo["classes"][dataset.labels[3]]
    np.save(tmp_path / "x.npy", clip.frames.astype(np.float64))
    found = find_clip(dataset, str(tmp_path / "x.npy"))
    np.testing.assert_array_equal(found.joints, clip.joints)
    assert (found.name, found.layout.name, found.phase) == ("x", "ntu25", None)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        (np.zeros((8, 17, 3)), "give .T, 25, 3. with 2 frames or more; other joints"),
        (np.zeros((1, 25, 3)), "with 2 frames or more$"),
        (np.full((4, 25, 3), np.nan), "NaN or infinity"),
        (np.array(["a", "b"]), "no array of numbers"),
    ],
)
def test_wrong_files_are_named(dataset, tmp_path, frames, text):
    np.save(tmp_path / "x.npy", frames)
    with pytest.raises(DataError, match=text):
        find_clip(dataset, str(tmp_path / "x.npy"))


def test_unknown_names_have_a_hint(dataset):
    near = dataset.names[0][:-1] + "9"
    with pytest.raises(ConfigError, match=f"no sequence '{near}'.*did you mean"):
        find_clip(dataset, near)
    with pytest.raises(ConfigError, match="there is no such file"):
        find_clip(dataset, "missing.npy")


def test_sequences_that_cannot_be_aligned():
    model = raw_model(4)
    with pytest.raises(DataError, match="give 2 frames or more"):
        align_sequences(model, features(1), features(5))
    with pytest.raises(DataError, match="two sequences of one kind"):
        align_sequences(model, features(6), features(5, width=3))
    with pytest.raises(ConfigError, match="'nearest' or 'dtw'"):
        align_sequences(model, features(6), features(5), "best")

    class Pooled(torch.nn.Module):
        def test_step(self, batch):
            return FeatureTable({"feature": torch.zeros(len(batch["data_samples"]), 3)})

    with pytest.raises(ProtocolError, match="FramePool"):
        align_sequences(Pooled(), features(6), features(5))


def test_features_of_steps_are_repeated_for_their_frames():
    class Strided(torch.nn.Module):
        def test_step(self, batch):
            return FeatureTable({"feature": [torch.arange(3.0)[:, None], torch.arange(4.0)[:, None]]})

    found = embed_sequences(Strided(), [features(6), features(4)])
    np.testing.assert_array_equal(found[0][:, 0], [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(found[1][:, 0], [0, 1, 2, 3])


def test_agreement_counts_known_phases_of_one_activity():
    one = SequenceClip("a", features(4), activity="x", phase=np.array([0, 0, 1, -1]))
    two = SequenceClip("b", features(3), activity="x", phase=np.array([0, 1, -1]))
    assert agreement(one, two, np.array([0, 1, 1, 1])) == pytest.approx(2 / 3)
    assert np.isnan(agreement(one, two, np.array([2, 2, 2, 2])))
    other = SequenceClip("b", features(3), activity="y", phase=two.phase)
    assert "same phase" not in alignment_title(one, other, np.zeros(4, int), 1.0, "dtw")


def test_joints_outside_of_the_picture_are_not_drawn():
    joints = np.random.default_rng(0).uniform(100, 300, (3, 13, 2))
    joints[:, 11:] = 1.36
    clip = SequenceClip("a", joints, (13, 2), SkeletonLayout.get("penn13"))
    shown = clip_panel(clip).keypoint[0]
    assert np.isnan(shown[:, 11:]).all()
    assert np.isfinite(shown[:, :11]).all()


def test_pictures_of_short_and_unequal_clips(tmp_path):
    one = SequenceClip("a", features(2), phase=np.array([-1, 0]), phases=("p",))
    two = SequenceClip("b", features(30, width=3))
    index = np.array([0, 29])
    draw_alignment(one, two, np.ones((2, 30)), index, tmp_path / "a.png")
    assert drawn(tmp_path / "a.png") > 20
    assert len(list(render_alignment(one, two, index))) == 2
    assert spread_frames(2).tolist() == [0, 1]
    assert (phase_colors(two) == phase_colors(one)[0]).all()


def test_nearest_frames_leave_out_the_own_sequence_and_other_activities():
    rng = np.random.default_rng(0)
    rows = [torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)) for n in (7, 8, 9, 6, 5)]
    labels = torch.tensor([0, 0, 0, 1, 1])
    table = FeatureTable({"feature": rows, "label": labels})
    for (row, frame), *found in nearest_frames(table, queries=6, k=4, stride=1):
        candidates = [
            (float(((rows[other][j] - rows[row][frame]) ** 2).sum()), other, j)
            for other in range(5)
            if other != row and labels[other] == labels[row]
            for j in range(len(rows[other]))
        ]
        assert found == [(other, j) for _, other, j in sorted(candidates)[:4]]
    for query, *found in nearest_frames(table, queries=4, k=4, spread=True):
        assert len({row for row, _ in [query, *found]}) == 1 + len(found)
    with pytest.raises(DataError, match="no activity has two sequences"):
        nearest_frames(table.take([0, 3]))
