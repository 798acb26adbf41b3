"""Windows of pictures and sound: pictures are numbered and sound is a ramp, so that both say which time they are of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from mmsync.datasets import AudioVisualDataset
from mmsync.datasets.sources.clips.sources import ClipFolderSource
from mmsync.errors import ConfigError, DataError
from mmsync.media import build_index, numbered_pictures, read_numbers, write_video

pytest.importorskip("av")

RATE, SECONDS, HIGHEST = 16000, (6.0, 7.0, 8.0, 6.0), 0.9


def ramp(seconds: float, scale: float = 1.0) -> np.ndarray:
    """A sound that says its time."""
    return np.linspace(-HIGHEST, HIGHEST, round(scale * seconds * RATE)).astype(np.float32)


def written(folder, name, seconds, sound):
    path = folder / "train" / "a" / f"{name}.mkv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = numbered_pictures(np.arange(round(25 * seconds)), (96, 96))
    write_video(path, pictures, sound=sound, sound_codec="pcm_s16le")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for i, seconds in enumerate(SECONDS):
        written(folder, f"v{i}", seconds, ramp(seconds))
    return folder


def dataset(videos, **more):
    args = dict(mix=dict(positive=1, easy=1, hard=1), num_samples=60, size=96, split="train")
    return AudioVisualDataset(ClipFolderSource(videos), **{**args, **more})


def times(sample, which="audio", k=0, of="other"):
    """Seconds at which pictures and sound begin, by their content, and the video that the sound is ``of``."""
    about, sound = sample["data_samples"], sample["inputs"][which].data.reshape(-1, RATE)[k]
    length = SECONDS[int(about.get(of).split("/v")[1][0])]
    value = float(sound[0]) / 32767
    begin = int(read_numbers(sample["inputs"]["video"].data.numpy())[0]) / 25
    return begin, (value + HIGHEST) / (2 * HIGHEST) * length


def test_kinds_are_what_they_say(videos):
    data = dataset(videos, mix=dict(positive=1, easy=1, hard=1, super_hard=1), num_samples=80, overlap=0.3)
    seen = {kind: 0 for kind in ("positive", "easy", "hard", "super_hard")}
    for i in range(len(data)):
        sample = data[i]
        about = sample["data_samples"]
        shown, heard = times(sample)
        seen[about.kind] += 1
        assert sample["inputs"]["video"].data.shape == (25, 96, 96, 3)
        assert sample["inputs"]["audio"].data.shape == (1, RATE)
        assert bool(about.positive) == (about.kind == "positive")
        assert (about.other == about.name) == (about.kind != "easy")
        assert heard == pytest.approx(about.other_start, abs=0.001)
        assert -0.04 < shown - about.start < 0.002, "the picture that is on screen at the start"
        numbers = read_numbers(sample["inputs"]["video"].data.numpy())
        assert (np.diff(numbers) == 1).all()
        apart = abs(heard - about.start)
        if about.kind == "positive":
            assert apart < 0.001
        elif about.kind == "hard":
            assert apart >= 1.5 - 0.001, "half a second between windows of one second"
        elif about.kind == "super_hard":
            assert apart == pytest.approx(0.7, abs=0.001), "windows of a second overlap by 0.3"
    assert seen == {kind: 20 for kind in seen}


def test_largest_gap(videos):
    data = dataset(videos, mix=dict(positive=1, hard=1), gap=(0.2, 0.8))
    for i in range(len(data)):
        about = data[i]["data_samples"]
        if about.kind == "hard":
            assert 1.2 - 1e-5 <= abs(about.start - about.other_start) <= 1.8 + 1e-5


def test_samples_are_keyed(videos):
    data = dataset(videos, num_samples=12)

    def epoch(workers):
        loader = DataLoader(data, batch_size=4, num_workers=workers, collate_fn=data.collate)
        return [(b["inputs"]["video"].data, b["inputs"]["audio"].data) for b in loader]

    first, again = epoch(0), epoch(2)
    for (video, audio), (video2, audio2) in zip(first, again):
        assert torch.equal(video, video2)
        assert torch.equal(audio, audio2)
    data.set_epoch(1)
    assert any(not torch.equal(a[1], b[1]) for a, b in zip(first, epoch(0)))


def test_contrast_is_the_same_video_at_another_time(videos):
    data = dataset(videos, mix=dict(positive=1), contrast=True, num_samples=20)
    for i in range(len(data)):
        sample = data[i]
        about = sample["data_samples"]
        assert about.other == about.name
        assert times(sample)[1] == pytest.approx(about.start, abs=0.001)
        assert times(sample, "contrast")[1] == pytest.approx(about.other_start, abs=0.001)
        assert abs(about.start - about.other_start) >= 1.5 - 1e-5
    with pytest.raises(ConfigError, match="contrast=True needs mix"):
        dataset(videos, contrast=True)


def test_easy_contrast_is_another_video_and_the_sound_stays_that_of_the_pictures(videos):
    data = dataset(videos, mix=dict(positive=1), contrast="easy", num_samples=20)
    for i in range(len(data)):
        sample = data[i]
        about = sample["data_samples"]
        assert about.other != about.name
        assert times(sample, of="name")[1] == pytest.approx(about.start, abs=0.001)
        assert times(sample, "contrast")[1] == pytest.approx(about.other_start, abs=0.001)


def test_slide_gives_the_sound_at_each_offset(videos):
    data = dataset(videos, mix=dict(positive=1), slide=4, num_samples=20)
    offsets = set()
    for i in range(len(data)):
        sample = data[i]
        about = sample["data_samples"]
        assert sample["inputs"]["audio"].data.shape == (9, 1, RATE)
        for k in range(9):
            assert times(sample, k=k)[1] == pytest.approx(about.start + (k - 4 + about.offset) / 25, abs=0.001)
        offsets.add(int(about.offset))
    assert offsets == {-2, -1, 0, 1, 2}


def test_one_picture_is_of_the_window(videos):
    data = dataset(videos, mix=dict(positive=1), frames=1, num_samples=20)
    late = [times(data[i])[0] - data[i]["data_samples"].start for i in range(20)]
    assert min(late) > -0.04
    assert max(late) < 1
    assert np.ptp(late) > 0.3
    middle = dataset(videos, mix=dict(positive=1), frames=1, num_samples=20, test_mode=True)
    for i in range(20):
        assert times(middle[i])[0] - middle[i]["data_samples"].start == pytest.approx(0.5, abs=0.041)


def test_videos_whose_sound_is_of_no_use_are_named_and_counted(tmp_path, capsys):
    for i, seconds in enumerate(SECONDS):
        written(tmp_path, f"v{i}", seconds, ramp(seconds))
    written(tmp_path, "mute", 4, None)
    written(tmp_path, "silent", 4, np.zeros(4 * RATE, np.float32))
    written(tmp_path, "fast", 4, ramp(4, RATE / 44100))  # samples of 16 kHz whose header says 44.1
    written(tmp_path, "single", 0.04, ramp(1.0))
    written(tmp_path, "short", 0.8, ramp(0.8))
    MMLogger.get_instance("sound-of-no-use", log_level="INFO")
    data = dataset(tmp_path)
    said = capsys.readouterr()
    text = " ".join((said.out + said.err).split())
    assert "1 of 9 videos have no sound and are left out: train/a/mute.mkv" in text
    assert "1 of 9 videos are silent and are left out: train/a/silent.mkv" in text
    apart = "sample rate is wrong) and are left out: train/a/fast.mkv, train/a/single.mkv"
    assert "2 of 9 videos have sound that ends apart from the pictures" in text
    assert apart in text
    assert "1 of 9 videos have both streams for less than 1 s and are left out: train/a/short.mkv" in text
    assert {data[i]["data_samples"].name for i in range(len(data))} == {f"train/a/v{i}.mkv" for i in range(4)}
    with_them = dataset(tmp_path, silent=True, same_end=False)
    assert len(np.unique(with_them.places)) == 6  # silent and fast too
    report = build_index(tmp_path, tmp_path / "index.jsonl").report()
    assert "no_audio: 1" in report
    assert "sound that ends apart from the pictures: 2" in report
    assert "train/a/fast.mkv: sounds until 1.45 s, pictures last until 4.00 s" in report


def test_no_video_can_be_used(tmp_path):
    written(tmp_path, "mute", 4, None)
    with pytest.raises(DataError, match="sound"):
        dataset(tmp_path)


def test_mix_that_no_video_is_long_enough_for(tmp_path):
    for i in range(2):
        written(tmp_path, f"v{i}", 2.0, ramp(2.0))
    with pytest.raises(DataError, match=r"(?s)hard windows, but there is none.*smaller gap"):
        dataset(tmp_path)
    data = dataset(tmp_path, redistribute=True)
    assert {data[i]["data_samples"].kind for i in range(len(data))} == {"positive", "easy"}
