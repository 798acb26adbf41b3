"""Windows of plain clips: which pictures they show, what the draws depend on, and what becomes of bad files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmsync.datasets import VideoDataset
from mmsync.datasets.sources import ClipFolderSource
from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.media import read_numbers
from mmsync.views import VideoPreprocessor
from tests.clip_folders import write_clip

pytest.importorskip("av")
LENGTHS = {"run/a.mp4": (40, 25), "run/b.avi": (60, 30), "walk/c.mkv": (33, 12.5), "walk/d.avi": (10, 25)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name, (frames, rate) in LENGTHS.items():
        write_clip(folder / name, frames, rate)
    return folder


def make(root, **options) -> VideoDataset:
    return VideoDataset(**{"source": ClipFolderSource(root), "window": 8, "fps": 12.5, "size": 96, **options})


def shown(sample: dict) -> np.ndarray:
    return read_numbers(sample["inputs"]["video"].data.numpy())


def test_pictures_are_taken_by_time_at_any_rate(root):
    """At 12.5 a second: each second frame of 25, each of 12.5, and of 30 the one that is on screen then."""
    data = make(root)
    seen = {name: set() for name in LENGTHS}
    for epoch in range(12):
        data.set_epoch(epoch)
        for index in range(4):
            sample = data[index]
            assert sample["inputs"]["video"].data.shape == (8, 96, 96, 3)
            assert sample["inputs"]["video"].data.dtype == torch.uint8
            name, numbers = sample["data_samples"].name, shown(sample)
            frames, rate = LENGTHS[name]
            if name != "walk/d.avi":
                k = np.floor(np.arange(8) * rate / 12.5 + 1e-3 * rate)
                assert numbers.tolist() == (numbers[0] + k).tolist(), name
                assert 0 <= numbers[0] <= numbers[-1] < frames
                seen[name].add(int(numbers[0]))
            assert sample["data_samples"].gt_label == int(name.startswith("walk"))
    assert all(len(starts) > 4 for name, starts in seen.items() if name != "walk/d.avi")
    assert max(seen["run/a.mp4"]) > 15  # up to 25


def test_every_window_can_be_drawn_and_no_other():
    """40 frames at 25: the last window of 8 pictures at 12.5 begins at frame 25, of 16 at 25 at frame 24."""
    row = dict(duration=1.6, rate=25.0)
    data = VideoDataset.__new__(VideoDataset)
    for window, fps, last in ((8, 12.5, 25), (16, 25.0, 24), (40, 25.0, 0), (41, 25.0, -1), (1, 25.0, 39)):
        data.window, data.fps = window, fps
        for slip in (-5e-4, 0, 5e-4):  # of rounded stamps
            assert data._last_start({**row, "duration": 1.6 + slip}) == last


def test_the_middle_window_or_several_from_first_to_last(root):
    names = ["run/a.mp4"]
    assert shown(make(root, split=dict(names=names), test_mode=True)[0])[0] == 12
    several = make(root, split=dict(names=names), test_mode=True, clips=3)
    assert [shown(several[i])[0] for i in range(3)] == [0, 12, 25]
    assert [several[i]["data_samples"].clip for i in range(3)] == [0, 1, 2]
    assert several.names == names * 3
    assert several.labels.tolist() == [0, 0, 0]
    with pytest.raises(ConfigError, match="needs test_mode"):
        make(root, clips=3)


def test_short_videos_are_shown_again_or_left_out_and_told(root, monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr("mmsync.datasets.video_dataset.print_log", lambda text, **_: lines.append(text))
    data = make(root, test_mode=True)
    short = next(i for i, name in enumerate(data.names) if name == "walk/d.avi")
    assert shown(data[short]).tolist() == [0, 2, 4, 6, 8, 0, 2, 4]
    assert any(
        "1 of 4 videos are shorter than 8 pictures at 12.5" in t and "the first is walk/d.avi" in t for t in lines
    )
    assert "walk/d.avi" not in make(root, short="drop").names


def test_the_square_lies_anywhere_in_training_and_in_the_middle_in_tests(tmp_path):
    write_clip(tmp_path / "x/wide.mp4", 8, size=(48, 96))
    data = make(tmp_path, window=2, size=24)  # half the size: 24 x 48
    left = []
    for epoch in range(10):
        data.set_epoch(epoch)
        left.append(data[0]["inputs"]["video"].data)
        assert left[-1].shape == (2, 24, 24, 3)
    assert len({part.numpy().tobytes() for part in left}) > 4
    whole = make(tmp_path, window=2, size=24, test_mode=True)
    middle = whole.source.read(0, whole.source.rows[0]["start"] + np.array([0.121, 0.201]), 24)[:, :, 12:36]
    assert np.array_equal(whole[0]["inputs"]["video"].data.numpy(), middle)


def test_draws_depend_on_seed_epoch_and_index_alone(root):
    def epoch_of(data, workers, epoch):
        data.set_epoch(epoch)
        loader = DataLoader(data, batch_size=2, num_workers=workers, collate_fn=data.collate)
        return torch.cat([batch["inputs"]["video"].data for batch in loader])

    data = make(root)
    one = epoch_of(data, 0, 3)
    assert torch.equal(one, epoch_of(data, 2, 3))
    assert torch.equal(one, epoch_of(make(root), 0, 3))
    assert not torch.equal(one, epoch_of(data, 0, 4))
    assert not torch.equal(one, epoch_of(make(root, seed=1), 0, 3))
    fixed = make(root, test_mode=True)
    assert torch.equal(epoch_of(fixed, 0, 0), epoch_of(fixed, 0, 1))


def test_the_preprocessor_takes_the_batches(root):
    data = make(root, roles=dict(bank=dict(label=[0]), query=dict(label=[1])), test_mode=True)
    batch = data.__getitems__([0, 3])
    assert [sample.role for sample in batch["data_samples"]] == ["bank", "query"]
    view = VideoPreprocessor(size=32, test_crop=0.875)(batch)["inputs"]["clip"]
    assert view.data.shape == (2, 3, 8, 32, 32)
    assert view.present is None
    augmentations = [dict(type="VideoCropResize", scale=(0.5, 1.0)), dict(type="VideoFlip")]
    views = VideoPreprocessor(views=dict(train=augmentations), size=32)(batch, training=True)["inputs"]
    assert views["train"].data.shape == (2, 3, 8, 32, 32)
    assert data.metainfo == {"num_classes": 2, "classes": ["run", "walk"], "fold": None}


def test_bad_files_are_counted_and_named(tmp_path):
    for i in range(6):
        write_clip(tmp_path / f"x/{i}.avi", 12)
    (tmp_path / "x/0.avi").write_bytes(b"")
    (tmp_path / "x/1.avi").write_bytes((tmp_path / "x/2.avi").read_bytes()[:2000])
    with pytest.raises(DataError, match=r"2 of 6 videos are bad.*x/0\.avi, x/1\.avi.*index_videos"):
        make(tmp_path, max_bad_share=0.2)
    data = make(tmp_path, max_bad_share=0.5, window=4)
    assert data.bad_items() == ["x/0.avi", "x/1.avi"]
    assert data.names == [f"x/{i}.avi" for i in range(2, 6)]

    (tmp_path / "x/3.avi").write_bytes(b"gone bad since")
    samples = [data[1] for _ in range(2)]
    assert samples[0]["data_samples"].name == samples[1]["data_samples"].name != "x/3.avi"
    assert torch.equal(samples[0]["inputs"]["video"].data, samples[1]["inputs"]["video"].data)
    assert samples[0]["data_samples"].index == 1
    assert data.bad_items() == ["x/0.avi", "x/1.avi", "x/3.avi"]
    (tmp_path / "x/4.avi").unlink()
    with pytest.raises(DataError, match="4 of 6 videos are bad"):
        data[2]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (dict(split="train"), ProtocolError, "no split 'train'"),
        (dict(split=dict(label=[0]), roles=dict(bank=dict(label=[0]))), ConfigError, "not both"),
        (dict(fps=0), ConfigError, "positive"),
        (dict(short="pad"), ConfigError, "'loop' or 'drop'"),
        (dict(window=500, short="drop"), DataError, "none of the 4 videos"),
    ],
)
def test_wrong_arguments(root, options, error, text):
    with pytest.raises(error, match=text):
        make(root, **options)


@pytest.mark.realdata
def test_real_clips_of_all_kinds(data_root, tmp_path):
    """UCF101, HMDB51 and Kinetics clips, rotated and odd ones; the corrupt one is counted."""
    for kind in ("action", "formats"):
        (tmp_path / kind).mkdir()
        for file in (data_root / "clips" / kind).iterdir():
            if file.suffix in (".mp4", ".avi", ".mov", ".mkv"):
                (tmp_path / kind / file.name).symlink_to(file)
    data = make(tmp_path, size=64, clips=2, test_mode=True, max_bad_share=0.1)
    assert data.bad_items() == ["formats/corrupted.mp4"]
    assert {"action/v_SoccerJuggling_g23_c01.avi", "formats/video_90.mov"} <= set(data.names)
    batch = data.__getitems__(range(len(data)))
    assert batch["inputs"]["video"].data.shape == (len(data), 8, 64, 64, 3)
    assert data.bad_items() == ["formats/corrupted.mp4"]
    assert (batch["inputs"]["video"].data.float().flatten(1).std(1) > 5).float().mean() > 0.9  # pictures, not blank
