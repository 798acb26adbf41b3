"""Features of people in videos: against a loop over crops, and by the ways to name videos and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip("av", reason="PyAV is not installed")

from mmsync.apis import FeatureExtractor, MotionClassificationInferencer, MotionEmbedder, init_model
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


@pytest.mark.parametrize("fusion", ["absdiff", "product"])
def test_one_track_is_not_fused(model, videos, monkeypatch, fusion):
    expected = MotionEmbedder(model)(videos / "b.mp4")
    monkeypatch.setattr(model, "fusion", fusion)
    np.testing.assert_array_equal(MotionEmbedder(model)(videos / "b.mp4"), expected)


def test_mistakes(model, videos, tmp_path, monkeypatch):
    (tmp_path / "alone.mp4").write_bytes((videos / "a.mp4").read_bytes())
    for name, text in (("empty", ""), ("detected", "1,-1,4,10,20,20"), ("comment", "# nothing")):
        (tmp_path / f"{name}.mp4").write_bytes((videos / "a.mp4").read_bytes())
        (tmp_path / f"{name}.txt").write_text(text)
    (tmp_path / "videos.mp4").mkdir()
    (tmp_path / "damaged.mp4").write_bytes(b"no video")
    (tmp_path / "damaged.csv").write_text("1,0,4,10,20,20")
    wrong = {
        tmp_path
        / "alone.mp4": "boxes of its people are missing; put them beside it as alone.txt, in the format of MOT",
        tmp_path / "none.mp4": "none.mp4 does not exist",
        tmp_path / "empty.mp4": "no clip of .* is left; are these the boxes, and the frame numbers, of the videos",
        tmp_path / "detected.mp4": "detected.txt: boxes without an id; a tracker says which are of one person",
        tmp_path / "comment.mp4": "comment.txt: not a MOT csv: it is empty; remove it if nobody was found",
        tmp_path / "videos.mp4": "videos.mp4 is a folder; give the folder of one store of tracks alone, or videos",
        tmp_path / "damaged.mp4": "damaged.mp4: video is ",
        tmp_path: "is no store of tracks; `mmsync tracks VIDEOS BOXES OUT` makes one",
    }
    for path, message in wrong.items():
        with pytest.raises(DataError, match=message):
            MotionEmbedder(model)([path, videos / "a.mp4"] if path.name == "videos.mp4" else path)
    with pytest.raises(DataError, match="a video is given twice"):
        MotionEmbedder(model)([videos / "a.mp4"] * 2)
    for clips in (np.ones((9, 25, 3)), [], [videos / "a.mp4", np.ones((9, 25, 3))]):
        with pytest.raises(DataError, match="the model takes tracks of video: give paths"):
            MotionEmbedder(model)(clips)
    with pytest.raises(DataError, match=r"a.mp4 is no .npy file.*; videos are for models on tracks, such as Sync3D"):
        MotionEmbedder()(videos / "a.mp4")
    with pytest.raises(ConfigError, match="not a method on skeletons, or on tracks of video"):
        MotionEmbedder(torch.nn.Linear(2, 2)).fit()
    with pytest.raises(DataError, match="SimCLR takes clips of skeletons"):
        MotionEmbedder().table(MotionEmbedder(model).source(videos / "a.mp4"))
    with pytest.raises(DataError, match="3 clips, 0 labels of 0 classes"):
        MotionClassificationInferencer(model, train=[videos / "a.mp4", videos / "b.mp4"])
    monkeypatch.setattr(model, "second_encoder", model.encoder)
    with pytest.raises(ConfigError, match="an encoder for each of two people, and no feature of one alone"):
        MotionEmbedder(model).fit()
    monkeypatch.undo()
    monkeypatch.setattr(model, "cfg", Config())
    with pytest.raises(ConfigError, match=r"no test_dataloader.dataset with a window and a source of tracks"):
        MotionEmbedder(model)(videos / "a.mp4")


def test_links_names_and_what_a_tracker_leaves_out(model, videos, tmp_path, monkeypatch):
    """A link has its own boxes; frames that a tracker missed are filled; boxes past the end are warned of."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "v.mp4").symlink_to(videos / "a.mp4")
    row = "{},1,{},10,20,20,-1"  # trackers that give no score write -1
    (tmp_path / "one" / "v.txt").write_text("\n".join(row.format(t + 1, t) for t in range(12) if t not in (4, 5, 6)))
    (tmp_path / "two" / "v.txt").write_text("\n".join(row.format(t + 1, t) for t in range(15, 35)))
    said: list[str] = []
    monkeypatch.setattr("mmsync.apis.tracks.print_log", lambda text, **kwargs: said.append(text))
    embedder = MotionEmbedder(model)
    source = embedder.source([tmp_path / "one" / "v.mp4", tmp_path / "two" / "v.mp4"])
    assert [(track.video, track.start, len(track)) for track in source.tracks] == [
        ("one/v.mp4", 0, 12), ("two/v.mp4", 15, 6)]  # fmt: skip
    assert said == ["two/v.mp4: fewer frames than annotated: 21 of 35 frames decode, 14 boxes cut off"]
    assert embedder.table(source)["name"] == ["one/v.mp4.1@0", "two/v.mp4.1@15"]
