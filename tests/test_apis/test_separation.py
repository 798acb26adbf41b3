"""Sounds on and off screen as files, by a network that says all of it is on screen."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from scipy.io import wavfile

from mmsync.apis.separation import separate_video
from mmsync.errors import ConfigError, DataError
from mmsync.media import write_video
from mmsync.models.methods import OnOffScreen

pytest.importorskip("av")

RATE, FRAMES = 16000, 10


@pytest.fixture
def model():
    parts = dict(video=dict(type="VideoPreprocessor"), audio=dict(type="AudioPreprocessor"))
    parts["contrast"] = parts["audio"]
    found = OnOffScreen(
        dict(type="Encoder", backbone=dict(type="MultisensoryStem", width=4)),
        widths=[4, 4, 4, 4, 4],
        n_fft=256,
        window=256,
        hop=64,
        phase="mixture",
        data_preprocessor=dict(type="ComposedPreprocessor", parts=parts),
    ).eval()
    silence = torch.tensor([-1.0, 0.0]).view(1, 2, 1, 1)
    found.unet.forward = lambda heard, features: torch.stack([heard, silence.expand_as(heard)], 1)
    windows = dict(type="AudioVisualDataset", frames=FRAMES, fps=25, size=32, duration=FRAMES / 25, rate=RATE)
    found.cfg = Config(dict(train_dataloader=dict(dataset=windows)))
    return found


def video(path: Path, pictures: int = 60, sound: bool = True) -> np.ndarray:
    rng = np.random.default_rng(0)
    time = np.arange(pictures * RATE // 25) / RATE
    heard = (0.1 * np.sin(2 * np.pi * 440 * time) * (0.2 + time / 3)).astype(np.float32)  # louder and louder
    shown = rng.integers(0, 255, (pictures, 32, 32, 3), np.uint8)
    write_video(path, shown, sound=heard if sound else None, sound_codec="pcm_s16le")
    return heard


def test_windows_fade_into_each_other_and_keep_their_loudness(model, tmp_path):
    heard = video(tmp_path / "a.mkv")
    found, rate = separate_video(model, tmp_path / "a.mkv", start=0.5, seconds=1.3)
    assert (found.shape, rate) == ((2, int(1.3 * RATE)), RATE)
    np.testing.assert_allclose(found[0], heard[RATE // 2 :][: found.shape[1]], atol=5e-3)
    assert np.abs(found[1]).max() < 1e-3


def test_tool_writes_both_files(model, tmp_path, monkeypatch, capsys):
    heard = video(tmp_path / "a.mkv")
    monkeypatch.setattr("mmsync.apis.init_model", lambda *given: model)
    tool = Path(__file__).parents[2] / "tools" / "separate.py"
    argv = [str(tool), "a.py", "a.pth", str(tmp_path / "a.mkv"), str(tmp_path / "out" / "a")]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(tool), run_name="__main__")
    assert "on_screen.wav" in capsys.readouterr().out
    rate, samples = wavfile.read(tmp_path / "out" / "a" / "on_screen.wav")
    assert (rate, samples.dtype) == (RATE, np.int16)
    np.testing.assert_allclose(samples / 32767, heard[: len(samples)], atol=5e-3)
    assert len(samples) >= len(heard) - 1
    assert (tmp_path / "out" / "a" / "off_screen.wav").exists()


def test_videos_and_models_that_cannot_be_used(model, tmp_path):
    video(tmp_path / "mute.mkv", sound=False)
    with pytest.raises(DataError, match=r"mute\.mkv: has no sound"):
        separate_video(model, tmp_path / "mute.mkv")
    video(tmp_path / "tiny.mkv", pictures=5)
    with pytest.raises(DataError, match=r"tiny\.mkv: pictures and sound .* less than a window of 0\.4 s"):
        separate_video(model, tmp_path / "tiny.mkv")
    model.cfg = Config(dict(train_dataloader=dict(dataset=dict(type="SkeletonDataset"))))
    with pytest.raises(ConfigError, match="OnOffScreen on SkeletonDataset"):
        separate_video(model, tmp_path / "tiny.mkv")
