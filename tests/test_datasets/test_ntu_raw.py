"""Proves that the synthetic raw files follow NTU RGB+D's grammar and protocols, and hold what the tracks hold."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mmsync.converters.ntu import missing_skeletons, published
from mmsync.datasets.sources import SyntheticSource
from mmsync.errors import ConfigError
from mmsync.worlds.ntu_raw import BROKEN, RawTracks, format_skeleton, track, write_ntu_raw

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})\.skeleton")


def parse(text):
    """A naive reader: for each frame a list of (id, (25, 12) array)."""
    lines = iter(re.split(r"\r?\n", text))
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            head = next(lines).split()
            assert len(head) == 10
            assert len(head[0]) == 17
            assert int(next(lines)) == 25
            rows = [[float(number) for number in next(lines).split()] for _ in range(25)]
            bodies.append((head[0], np.array(rows)))
            assert bodies[-1][1].shape == (25, 12)
        frames.append(bodies)
    assert [line for line in lines if line] == []
    return frames


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_says_what_the_tracks_hold(newline):
    clip = SyntheticSource((30, 2), actions=["push", "wave"], num_frames=(20, 30)).load(1)
    tracks = track(clip, np.random.default_rng(2), ghosts=1, swaps=1, dropouts=1, crowd=1)
    text = format_skeleton(tracks, newline)
    assert text.count("\r\n") == (text.count("\n") if newline == "\r\n" else 0)
    frames = parse(text)
    assert len(frames) == clip.shape[1]
    seen = {}
    for t, bodies in enumerate(frames):
        assert len(bodies) == (tracks.slots[:, t] >= 0).sum()
        for slot, (who, rows) in enumerate(bodies):
            row = tracks.ids.index(who)
            seen.setdefault(who, None)
            assert tracks.slots[row, t] == slot
            np.testing.assert_allclose(rows[:, :3], tracks.keypoint[row, t], atol=1e-6)
            norm = np.linalg.norm(rows[:, 7:11], axis=1)
            assert np.all((np.abs(norm - 1) < 1e-5) | (norm == 0))
            assert np.all((rows[:, 3] > -200) & (rows[:, 3] < 712))
    assert list(seen) == tracks.ids  # rows are in the order of first appearance
    assert not tracks.keypoint[tracks.slots < 0].any()


def test_the_sensor_does_what_it_is_asked_to():
    source = SyntheticSource((40, 2), num_frames=(30, 60))
    clips = [source.load(i) for i in range(40)]

    def tracks(**shares) -> list[RawTracks]:
        return [track(clip, np.random.default_rng(i), **shares) for i, clip in enumerate(clips)]

    for clip, one in zip(clips, tracks()):
        np.testing.assert_array_equal(one.keypoint, clip)
        assert np.array_equal(one.slots, np.arange(len(clip))[:, None].repeat(clip.shape[1], 1))
    assert all(len(one.ids) > len(clip) for clip, one in zip(clips, tracks(ghosts=1)))
    assert all(len(one.ids) == len(clip) + 1 for clip, one in zip(clips, tracks(crowd=1)))
    empty = [(one.slots < 0).all(0) for one in tracks(dropouts=1)]
    assert any(e[0] for e in empty)
    assert any(e[-1] for e in empty)
    assert any(e[1:-1].any() for e in empty)
    swapped = tracks(swaps=1)
    assert sum(len(one.ids) > len(clip) for clip, one in zip(clips, swapped)) > 30
    assert any((np.sort(s.slots[s.slots[:, 0] >= 0], 0) != s.slots[s.slots[:, 0] >= 0]).any() for s in swapped)


@pytest.mark.parametrize("dataset", ["ntu60", "ntu120"])
def test_names_fill_every_protocol(tmp_path, dataset):
    source = SyntheticSource((60, 40), num_frames=(4, 6))
    write_ntu_raw(source, tmp_path, dataset)
    files = sorted(file.name for file in tmp_path.iterdir())
    assert len(files) == 300
    setup, camera, subject, replication, action = np.array([NAME.fullmatch(f).groups() for f in files], int).T
    assert np.array_equal(setup <= 17, action <= 60)
    train = np.isin(subject, published(dataset)["train_subjects"])
    assert train.sum() == 180  # the source's own parts
    assert np.bincount(camera).tolist() == [0, 100, 100, 100]
    assert 60 < (setup % 2).sum() < 240
    assert set(replication) <= {1, 2}
    pair = np.isin(action, [*range(50, 61), *range(106, 121)])
    assert pair.sum() == 3 * (source.attributes["partner"] > 0).sum()
    assert (action.max() > 60) == (dataset == "ntu120")
    assert not {f.split(".")[0] for f in files} & missing_skeletons("ntu120")


def test_cameras_see_one_performance_and_seeds_repeat(tmp_path):
    source = SyntheticSource((2, 1), actions=["wave"], num_frames=(6, 6))
    settings = dict(ghosts=0, swaps=0, dropouts=0, crowd=0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_ntu_raw(source, tmp_path / name, **settings)
    files = sorted((tmp_path / "a").iterdir())
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in sorted((tmp_path / "b").iterdir())]
    views = [np.stack([frame[0][1][:, :3] for frame in parse(f.read_bytes().decode())]) for f in files[:3]]
    for view in views[1:]:  # a rigid motion of the same clip: distances are kept, coordinates are not
        gaps = [np.linalg.norm(v[:, :, None] - v[:, None], axis=-1) for v in (views[0], view)]
        np.testing.assert_allclose(*gaps, atol=1e-5)
        assert np.abs(view - views[0]).max() > 0.1


def test_broken_files_are_further_ones(tmp_path):
    source = SyntheticSource((4, 2), actions=["wave"], num_frames=(6, 6))
    write_ntu_raw(source, tmp_path, broken=list(BROKEN))
    files = sorted(file.name for file in tmp_path.iterdir())
    assert len(files) == 18 + len(BROKEN)
    assert sum(not NAME.fullmatch(f) for f in files) == 1
    assert "" in [(tmp_path / f).read_text() for f in files]
    with pytest.raises(ConfigError, match="faults out of empty"):
        write_ntu_raw(source, tmp_path, broken=["emtpy"])
