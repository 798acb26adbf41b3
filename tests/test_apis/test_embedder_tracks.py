"""Features of people in videos: against a loop over crops, and by the ways to name videos and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("av", reason="PyAV is not installed")

from mmsync.apis import FeatureExtractor, MotionEmbedder, init_model
from mmsync.converters.boxes_folder import convert_boxes
from mmsync.datasets.sources import VideoTrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.media.write import write_video
from mmsync.models.methods import Sync3D

ROOT = Path(__file__).parents[2]
WINDOW, FRAMES = 9, 21  # two windows and a rest


@pytest.fixture(scope="module")
def model() -> Sync3D:
    torch.manual_seed(0)
    options = {"source.size": 32, "pairs.window": WINDOW, "backbone.width": 0.0625, "hidden_channels": 8}
    return init_model(ROOT / "configs/sync3d/sync3d_i3d_synthetic_tvhid.py", cfg_options=options)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Two videos of noise; in the first are two people, one of them for 5 frames, in the second one."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for name, people in (("a", {0: range(FRAMES), 3: range(4, 9)}), ("b", {0: range(WINDOW)})):
        pictures = rng.integers(0, 255, (FRAMES, 6, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
        write_video(folder / f"{name}.mp4", pictures)
        lines = [f"{t + 1},{p},{4 + p + t / 2},10,20,20,1" for p, frames in people.items() for t in frames]
        (folder / f"{name}.txt").write_text("\n".join(lines))
    return folder


def test_features_are_means_over_windows(model, videos, tmp_path):
    convert_boxes(videos, videos, tmp_path / "store")
    embedder = MotionEmbedder(model)
    features = embedder(tmp_path / "store")
    source = VideoTrackSource(tmp_path / "store", size=32)
    assert [len(track) for track in source.tracks] == [FRAMES, 5, WINDOW]

    def feature(*pictures):  # of one window, by the encoder alone
        crops = torch.from_numpy(np.concatenate(pictures))[None]
        view = model.data_preprocessor(dict(inputs=dict(video=crops[:, None])), False)["inputs"]["tracks"]
        with torch.no_grad():
            return model.encoder.pool(model.encoder.forward_map(view.tracks()[0]))[0]

    expected = [
        (feature(source.load(0, 0, 9)) + feature(source.load(0, 9, 9))) / 2,
        feature(source.load(1, 4, 5), *4 * [source.load(1, 8, 1)]),
        feature(source.load(2, 0, 9)),
    ]
    assert features.dtype == np.float32
    assert np.ptp(features, axis=0).max() > 0.01
    np.testing.assert_allclose(features, torch.stack(expected).numpy(), atol=1e-5)
    np.testing.assert_allclose(MotionEmbedder(model, batch_size=1)(tmp_path / "store"), features, atol=1e-5)


def test_boxes_beside_videos(model, videos, tmp_path):
    convert_boxes(videos, videos, tmp_path / "store")
    expected = MotionEmbedder(model)(tmp_path / "store")
    paths = [videos / "a.mp4", str(videos / "b.mp4")]
    np.testing.assert_array_equal(MotionEmbedder(model)(paths), expected)
    np.testing.assert_allclose(MotionEmbedder(model)(videos / "b.mp4"), expected[2:], atol=1e-5)
    found = FeatureExtractor(model)(paths)
    assert [one["name"] for one in found] == ["a.mp4.0@0", "a.mp4.3@4", "b.mp4.0@0"]
    np.testing.assert_array_equal(found[1]["feature"], expected[1])


@pytest.mark.parametrize("fusion", ["symmetric", "absdiff", "product"])
def test_one_track_is_not_fused(model, videos, monkeypatch, fusion):
    expected = MotionEmbedder(model)(videos / "b.mp4")
    monkeypatch.setattr(model, "fusion", fusion)
    np.testing.assert_array_equal(MotionEmbedder(model)(videos / "b.mp4"), expected)


def test_mistakes(model, videos, tmp_path):
    (tmp_path / "alone.mp4").write_bytes((videos / "a.mp4").read_bytes())
    (tmp_path / "empty.mp4").write_bytes((videos / "a.mp4").read_bytes())
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "damaged.mp4").write_bytes(b"no video")
    (tmp_path / "damaged.csv").write_text("1,0,4,10,20,20")
    wrong = {
        tmp_path
        / "alone.mp4": "boxes of its people are missing; put them beside it as alone.txt, in the format of MOT",
        tmp_path / "none.mp4": "none.mp4 does not exist",
        tmp_path / "empty.mp4": "empty.txt: not a MOT csv: it is empty",
        tmp_path / "damaged.mp4": "damaged.mp4: video is ",
        tmp_path: "is no store of tracks; `mmsync tracks VIDEOS BOXES OUT` makes one",
    }
    for path, message in wrong.items():
        with pytest.raises(DataError, match=message):
            MotionEmbedder(model)(path)
    for clips in (np.ones((9, 25, 3)), [], [videos / "a.mp4", np.ones((9, 25, 3))]):
        with pytest.raises(DataError, match="the model takes tracks of video: give paths"):
            MotionEmbedder(model)(clips)
    with pytest.raises(DataError, match=r"a.mp4 is no .npy file.*; videos are for models on tracks, such as Sync3D"):
        MotionEmbedder()(videos / "a.mp4")
    with pytest.raises(ConfigError, match="not a method on skeletons, or on tracks of video"):
        MotionEmbedder(torch.nn.Linear(2, 2)).fit()
