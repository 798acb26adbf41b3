"""ESC-50 and DCASE on generated recordings: lists, folds, windows, what is broken, and the whole SVM protocol."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from mmsync.config import load
from mmsync.datasets import AudioDataset
from mmsync.datasets.sources import DCASE2013Source, ESC50Source
from mmsync.errors import ConfigError, DataError
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.registry import MODELS
from mmsync.testing import check_dataset
from tests import toy_modalities  # noqa: F401  # registers its classes

RATE = 16000


def tone(hz: float, seconds: float, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * hz * t) + 0.01 * np.random.default_rng(seed).standard_normal(len(t))


def write(path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, RATE, np.round(samples * 32767).astype(np.int16))


def esc50(root, classes: int = 3, seconds: float = 2.0):
    """Each class is a tone; one recording of each class in each fold."""
    rows = []
    for fold in range(1, 6):
        for target in range(classes):
            name = f"{fold}-{100 + target}-A-{target}.wav"
            write(root / "audio" / name, tone(300 * 2**target, seconds, seed=10 * fold + target))
            rows.append([name, fold, target, f"class{target}", "False", 100 + target, "A"])
    (root / "meta").mkdir()
    with (root / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        writer.writerows(rows)
    return root


def test_esc50_has_five_folds_which_share_no_recording(tmp_path):
    root, tested = esc50(tmp_path), []
    for fold in range(1, 6):
        source = ESC50Source(root, fold)
        assert source.class_names == ["class0", "class1", "class2"]
        assert (source.fold, len(source.splits["train"]), len(source.splits["test"])) == (f"esc50/{fold}", 12, 3)
        assert all(name.startswith(f"audio/{fold}-") for name in source.splits["test"])
        assert not set(source.splits["train"]) & set(source.splits["test"])
        tested += source.splits["test"]
    assert sorted(tested) == sorted(source.names)
    assert source.labels.tolist() == [int(name[-5]) for name in source.names]


def test_dcase_takes_the_class_from_the_name(tmp_path):
    for folder in ("scenes_stereo", "scenes_stereo_testset"):
        for name in ("bus01", "busystreet01", "tube10", "tubestation02"):
            write(tmp_path / folder / f"{name}.wav", tone(440, 0.5))
    source = DCASE2013Source(tmp_path)
    assert source.labels.tolist() == [0, 1, 8, 9] * 2
    assert [len(source.splits[split]) for split in ("train", "test")] == [4, 4]
    write(tmp_path / "scenes_stereo" / "beach01.wav", tone(440, 0.5))
    with pytest.raises(DataError, match=r"beach01.wav: its name is no scene and two digits"):
        DCASE2013Source(tmp_path)
    (tmp_path / "scenes_stereo" / "beach01.wav").unlink()
    with pytest.raises(DataError, match="extract the recordings of test there"):
        DCASE2013Source(tmp_path, test_folder="evaluation")


def ramp(root, seconds: float = 3.0):
    """Recordings whose samples show their time."""
    esc50(root)
    for path in (root / "audio").glob("*.wav"):
        wavfile.write(path, RATE, (np.arange(round(seconds * RATE)) // 4).astype(np.int16))
    return root


def test_windows_lie_at_equal_distances_in_test_mode_and_anywhere_in_training(tmp_path):
    source = dict(type="ESC50Source", data_root=str(ramp(tmp_path)))
    test = AudioDataset(source, clips=5, test_mode=True, roles=dict(bank="train", query="test"))
    check_dataset(test)
    assert len(test) == 75
    starts = [4 * int(test.__getitems__([i])["inputs"]["audio"].data[0, 0, 0]) / RATE for i in range(5)]
    assert starts == pytest.approx([0, 0.5, 1, 1.5, 2], abs=1e-3)
    assert test.__getitems__([7])["data_samples"][0].clip == 2
    middle = AudioDataset(source, test_mode=True, split="test")
    assert 4 * int(middle.__getitems__([0])["inputs"]["audio"].data[0, 0, 0]) / RATE == pytest.approx(1.0, abs=1e-3)
    train = AudioDataset(source, split="train")
    drawn = []
    for epoch in range(40):
        train.set_epoch(epoch)
        sound = train.__getitems__([0])["inputs"]["audio"].data
        assert (sound.shape, sound.dtype) == ((1, 1, RATE), torch.int16)
        drawn.append(4 * int(sound[0, 0, 0]) / RATE)
    assert min(drawn) < 0.3
    assert 1.7 < max(drawn) <= 2.0


def test_short_recordings_end_in_silence_and_broken_ones_are_left_out(tmp_path):
    root = esc50(tmp_path, seconds=2.0)
    write(root / "audio" / "1-100-A-0.wav", tone(300, 0.25))
    (root / "audio" / "2-100-A-0.wav").write_bytes(b"RIFF, but no sound")
    (root / "audio" / "3-100-A-0.wav").unlink()
    dataset = AudioDataset(dict(type="ESC50Source", data_root=str(root)), test_mode=True)
    assert len(dataset) == 13
    assert "audio/2-100-A-0.wav" not in dataset.names
    sound = dataset.__getitems__([dataset.names.index("audio/1-100-A-0.wav")])["inputs"]["audio"].data[0, 0]
    assert sound[: RATE // 4].float().std() > 1000
    assert not sound[RATE // 4 :].any()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (dict(clips=2), "clips=2 needs test_mode=True"),
        (dict(duration=0), "give positive numbers"),
        (dict(channels=3), "1 or 2 channels"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, change, match):
    with pytest.raises(ConfigError, match=match):
        AudioDataset(dict(type="ESC50Source", data_root=str(tmp_path)), **change)


def test_lists_that_are_not_as_published_are_named(tmp_path):
    with pytest.raises(ConfigError, match="fold=6; ESC-50 has folds 1 to 5"):
        ESC50Source(tmp_path, 6)
    with pytest.raises(DataError, match=r"esc50.csv.*extract ESC-50-master.zip"):
        ESC50Source(tmp_path)
    root = esc50(tmp_path)
    meta = root / "meta" / "esc50.csv"
    meta.write_text(meta.read_text().replace("1-101-A-1.wav,1,1", "1-101-A-1.wav,one,1"))
    with pytest.raises(DataError, match=r"esc50.csv, line 3: no filename, fold, target, category"):
        ESC50Source(root)


def two_towers() -> torch.nn.Module:
    """AVTS of a video and an audio tower, of which only that of sound is asked."""
    torch.manual_seed(0)
    parts = dict(
        video=dict(type="VideoPreprocessor"),
        audio=dict(type="AudioPreprocessor", frontend=dict(type="LogMel", bands=40, frames=100)),
    )
    encoders = {
        "video": dict(type="Encoder", backbone=dict(type="VideoResNet", width=0.0625)),
        "audio": dict(type="Encoder", backbone=dict(type="AudioVGG", widths=[8, 32])),
    }
    return MODELS.build(dict(type="AVTS", **encoders, data_preprocessor=dict(type="ComposedPreprocessor", parts=parts)))


def test_the_svm_protocol_on_recordings_without_pictures(tmp_path):
    """Tones of three pitches are told apart by random features of sound; the model's pictures are not asked for."""
    source = dict(type="ESC50Source", data_root=str(esc50(tmp_path)))
    options = load("configs/_base_/datasets/esc50.py").test_dataloader.dataset.to_dict()
    dataset = AudioDataset(**{**{k: v for k, v in options.items() if k != "type"}, "source": source, "clips": 4})
    metric = FeatureMetric([dict(type="SVMProbe", C=[1e-2, 1.0], column="feature_audio")], collapse=False)
    model = two_towers().eval()
    for start in range(0, len(dataset), 20):
        batch = dataset.__getitems__(list(range(start, min(start + 20, len(dataset)))))
        metric.process(None, model.test_step(batch))
    found = metric.evaluate(len(dataset))
    assert found["svm/top1"] == 100
    assert found["svm/C"] in (1e-2, 1.0)
    with pytest.raises(DataError, match="no input 'video'"):
        model.data_preprocessor(dataset.__getitems__([0]), True)
