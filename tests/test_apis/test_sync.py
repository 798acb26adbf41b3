"""Offsets of files whose sound was moved, by a hand-made model: brightness of pictures and loudness of sound."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmsync.apis import SyncInferencer, init_model, sync
from mmsync.config import load
from mmsync.errors import ConfigError, DataError
from mmsync.media import write_video
from mmsync.models.backbones.base import AudioBackbone, VideoBackbone
from mmsync.models.methods.avts import AVTS
from mmsync.models.modules import Encoder
from mmsync.registry import DATASETS
from mmsync.structures import View

pytest.importorskip("av")

RATE, STEP, FRAMES = 16000, 640, 5


class Brightness(VideoBackbone):
    """Mean of each picture in [0, 1], ``(P, 1, T, 1, 1)``."""

    min_size = 1

    def forward_rows(self, x):
        return (x.mean((1, 3, 4), keepdim=True) + 1) / 2


class Loudness(AudioBackbone):
    """Root mean square of each 25th of a second, ``(P, 1, T)``."""

    axes, row_dim = "DT", 3

    def forward_rows(self, x):
        return x.unflatten(-1, (-1, STEP)).square().mean(-1).sqrt()


@pytest.fixture
def model():
    pools = dict(pool=dict(type="FramePool"), probe_pool=dict(type="MeanPool"))
    parts = dict(video=dict(type="VideoPreprocessor"), audio=dict(type="AudioPreprocessor"))
    found = AVTS(
        Encoder(Brightness(3, 1), **pools), Encoder(Loudness(1, 1), **pools),
        data_preprocessor=dict(type="ComposedPreprocessor", parts=parts),
    ).eval()  # fmt: skip
    windows = dict(type="AudioVisualDataset", frames=FRAMES, fps=25, size=32, duration=FRAMES / 25, rate=RATE)
    found.cfg = Config(dict(train_dataloader=dict(dataset=windows)))
    return found


def flickering(path, early, pictures=75, sound=True, codec="mpeg4", sound_codec="pcm_s16le"):
    """A video whose pictures are as bright as its sound is loud, ``early`` pictures before or after."""
    level = np.random.default_rng(0).uniform(0.1, 0.9, pictures + 40)
    shown = [np.full((32, 32, 3), round(255 * a), np.uint8) for a in level[20 : 20 + pictures]]
    heard = level[20 + early : 20 + early + pictures].repeat(STEP) * np.tile([1.0, -1.0], STEP // 2 * pictures)
    heard = heard.astype(np.float32) if sound else None
    return write_video(path, shown, codec=codec, sound=heard, sound_codec=sound_codec)


@pytest.mark.parametrize("early", [0, 1, -1, 7, -12])
def test_planted_offset_is_found(model, tmp_path, early):
    found = sync.video_offset(model, flickering(tmp_path / "a.mkv", early))
    assert found.offset == early, "positive where the sound runs ahead"
    assert found.distance < 0.05
    assert found.confidence > 0.2
    assert found.curve.shape == (31,)


def test_sound_that_starts_late_is_placed_by_its_time(model, tmp_path):
    """Both streams of the same file, of which only the part that has both is compared."""
    path = flickering(tmp_path / "a.mkv", 3)
    first, second = sync.embed_windows(model, path, sync.window_settings(model), batch_size=7)
    assert first.shape == second.shape == (75 - FRAMES + 1, FRAMES)
    assert torch.allclose(first[10:40], second[7:37], atol=0.05)


def test_files_that_cannot_be_judged(model, tmp_path):
    with pytest.raises(DataError, match=r"mute\.mkv: has no sound"):
        sync.video_offset(model, flickering(tmp_path / "mute.mkv", 0, sound=False))
    with pytest.raises(DataError, match=r"tiny\.mkv: pictures and sound together last less than one window of 0\.2 s"):
        sync.video_offset(model, flickering(tmp_path / "tiny.mkv", 0, pictures=4))
    with pytest.raises(
        DataError, match=r"short\.mkv: 6 windows of 0\.2 s, 25 a second.*longer streams or a smaller re"
    ):
        sync.video_offset(model, flickering(tmp_path / "short.mkv", 0, pictures=10))
    with pytest.raises(DataError, match=r"gone\.mkv"):
        sync.video_offset(model, tmp_path / "gone.mkv")
    with pytest.raises(ConfigError, match="reach=-1"):
        sync.video_offset(model, tmp_path / "gone.mkv", reach=-1)
    model.cfg = Config(dict(train_dataloader=dict(dataset=dict(type="SkeletonDataset"))))
    with pytest.raises(ConfigError, match="not AVTS on SkeletonDataset"):
        sync.video_offset(model, tmp_path / "gone.mkv")


def test_tool_prints_a_line_for_each_file(model, tmp_path, monkeypatch, capsys):
    """Also after one that cannot be judged, which the exit code says."""
    files = [flickering(tmp_path / "mute.mkv", 0, sound=False), flickering(tmp_path / "late.mkv", -2)]
    given = []
    monkeypatch.setattr("mmsync.apis.init_model", lambda *args, **more: given.append(args) or model)
    tool = Path(__file__).parents[2] / "tools" / "sync.py"
    monkeypatch.setattr(sys, "argv", [str(tool), "a.py", "a.pth", *map(str, files)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(tool), run_name="__main__")
    said = capsys.readouterr()
    assert stop.value.code == 1
    assert "mute.mkv: has no sound" in said.err
    assert "late.mkv: offset -2 (-80 ms), confidence 0." in said.out
    monkeypatch.setattr(sys, "argv", [str(tool), "a.pth", str(files[1])])  # with the config that it holds
    runpy.run_path(str(tool), run_name="__main__")
    assert capsys.readouterr().out == said.out
    assert given == [("a.py", "a.pth"), ("a.pth",)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Videos of the built-in world, mp4 of H.264 and AAC."""
    from mmsync.datasets.sources import SyntheticSource
    from mmsync.worlds.audio_visual import write_audio_visual

    folder = tmp_path_factory.mktemp("av")
    write_audio_visual(SyntheticSource((2, 2), seed=0, cache=False), folder, (32, 40), (3.0, 3.0), unrelated=0)
    return folder / "videos"


def test_inferencer_on_an_mp4_agrees_with_the_windows_of_the_data_set(videos):
    """AVTS as it is initialized: its distances are those of the windows that the data set of the protocol reads."""
    torch.manual_seed(0)
    root = Path(__file__).parents[2] / "configs/avts/avts_mc3_synthetic.py"
    avts = init_model(load(root, {"data_root": str(videos.parent), "width": 0.0625}))
    data = DATASETS.build({**avts.cfg.val_dataloader.dataset, "num_samples": 6})
    path, reach, rng = data.source.file(1), 4, np.random.default_rng(0)
    found = SyncInferencer(avts)([path, str(path)], reach=reach)
    assert found[0] == found[1] == SyncInferencer(avts)(path, reach)[0]

    low, high = data.extent(1)
    count = int((high - low - data.span) * 25) + 1
    starts = low + np.arange(count) / 25
    pictures = np.stack([data._pictures(1, start, rng)[0] for start in starts])
    sound = np.stack([data._sound(1, start) for start in starts])
    inputs = {"video": View(torch.from_numpy(pictures)), "audio": View(torch.from_numpy(sound))}
    with torch.no_grad():
        views = avts.data_preprocessor({"inputs": inputs}, False)["inputs"]
        first, second = (avts.encode_all(views)[name][1].numpy() for name in ("video", "audio"))
    assert count == 51  # windows of 1 s in 3 s
    pairs = {k: range(max(0, -k), count - max(0, k)) for k in range(-reach, reach + 1)}
    curve = {k: np.mean([np.linalg.norm(first[i] - second[i + k]) for i in rows]) for k, rows in pairs.items()}
    best = min(curve, key=curve.__getitem__)
    assert found[0]["offset"] == -best / 25
    assert found[0]["distance"] == pytest.approx(curve[best], rel=1e-3)
    assert found[0]["confidence"] == pytest.approx(np.median(list(curve.values())) - curve[best], abs=1e-4)


@pytest.mark.parametrize("early", [0, 6, -9])
def test_inferencer_finds_a_planted_offset_in_an_mp4(model, tmp_path, early):
    path = flickering(tmp_path / "a.mp4", early, codec="libx264", sound_codec="aac")
    (found,) = SyncInferencer(model)(path)
    assert found["offset"] == pytest.approx(early / 25)
    assert found["confidence"] > 0.1


@pytest.fixture
def two_skeletons():
    """A model of two skeleton streams, with one random encoder for both."""
    torch.manual_seed(0)
    cfg = load(Path(__file__).parents[2] / "configs/avts/sync_skeleton_inertial_synthetic.py")
    streams = dict(left=dict(rate=25, persons=True), right=dict(rate=25, persons=True))
    cfg.train_dataloader.dataset.source.streams = streams
    cfg.model.second = cfg.model.first
    views = dict(left="first", right="second")
    parts = {k: dict(type="SkeletonPreprocessor", layout="ntu25", views={v: []}) for k, v in views.items()}
    cfg.model.data_preprocessor.parts = parts
    model = init_model(cfg)
    model.second.load_state_dict(model.first.state_dict())
    return model


@pytest.mark.parametrize("early", [0, 7, -4])
def test_the_offset_of_two_streams(two_skeletons, tmp_path, early):
    """Of one motion and itself, some frames later; a file, a pair and a list of pairs give the same."""
    motion = np.cumsum(np.random.default_rng(0).normal(size=(120, 25, 3)), 0)
    first, second = motion[max(early, 0) :], motion[max(-early, 0) :]
    pair = (second, first)  # the second of the pair begins `early` frames later in the motion: it is early
    (found,) = SyncInferencer(two_skeletons)(pair)
    assert found["offset"] == pytest.approx(early / 25)
    assert found["distance"] == pytest.approx(0, abs=1e-4)
    assert found["confidence"] > 1e-3
    np.save(tmp_path / "second.npy", first)
    assert SyncInferencer(two_skeletons)([(second, tmp_path / "second.npy"), pair]) == [found, found]


def test_wrong_streams(two_skeletons, tmp_path):
    clip = np.zeros((60, 25, 3))
    find = SyncInferencer(two_skeletons)
    for streams, text in (
        ((clip,), "give two streams, left and right"),
        ((clip, clip[:20]), "last 0.8 s together, less than one window of 1 s"),
        ((clip, clip[:30]), "6 windows of 1 s, 25 a second, are too few for offsets up to 15"),
        ((clip, clip * np.nan), "the stream right is .*; give"),
        ((clip, np.zeros(60)), "the stream right is .*; give"),
        ((clip, tmp_path / "none.npy"), "none.npy cannot be read"),
    ):
        with pytest.raises(DataError, match=text):
            find(streams)
    with pytest.raises(ConfigError, match="reach=-1"):
        find((clip, clip), reach=-1)
    with pytest.raises(ConfigError, match="two streams are one argument, a pair"):
        find(clip, clip)
    two_skeletons.cfg.train_dataloader = None
    with pytest.raises(ConfigError, match="offsets need TwoStreamSync on a StreamDataset"):
        SyncInferencer(two_skeletons)
