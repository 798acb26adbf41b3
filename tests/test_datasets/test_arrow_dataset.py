"""Flow of videos played backward is that of reversed pictures; cues of time's direction are removed; bad ones named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmsync.datasets import ArrowDataset
from mmsync.errors import ConfigError, DataError
from mmsync.media import open_video, write_video
from mmsync.media.cleaning import camera_motion, picture_without_borders, stabilized
from mmsync.media.crops import encode_flow, optical_flow
from mmsync.media.reader import resized
from mmsync.ops.video_augment import FLOW_ZERO
from mmsync.structures import View
from mmsync.views import VideoFlip, VideoPreprocessor

pytest.importorskip("av")
KEYS = {"g": "1", "crf": "10"}


def scene(frames: int = 30, size: tuple[int, int] = (64, 96), seed: int = 0, speed: float = 2.0) -> np.ndarray:
    """A textured wall before which a textured square moves right, ever faster, ``(T, H, W, 3)``."""
    rng = np.random.default_rng(seed)
    wall = cv2.resize(rng.integers(40, 220, (size[0] // 4, size[1] // 4, 3)).astype(np.uint8), size[::-1])
    body = cv2.resize(rng.integers(0, 255, (5, 5, 3)).astype(np.uint8), (20, 20))
    out = np.repeat(wall[None], frames, 0)
    for t in range(frames):
        x = int(4 + speed * t + 0.02 * t * t) % (size[1] - 24)
        out[t, 20:40, x : x + 20] = body
    return out


def moved(pictures: np.ndarray, step: tuple[float, float], zoom: float = 1.0) -> np.ndarray:
    """As a camera sees them that moves by ``step`` pixels and comes nearer by a factor ``zoom`` in each frame."""
    height, width = pictures.shape[1:3]
    out = np.empty_like(pictures)
    for t, picture in enumerate(pictures):
        k, s = t - len(pictures) // 2, zoom ** (t - len(pictures) // 2)
        matrix = np.array([[s, 0, step[0] * k + (1 - s) * width / 2], [0, s, step[1] * k + (1 - s) * height / 2]])
        out[t] = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Videos of a split, and the cache; ``fill(name=pictures)`` writes more."""
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "videos"

    def fill(**videos: np.ndarray) -> dict:
        (root / "train" / "a").mkdir(parents=True, exist_ok=True)
        for name, pictures in videos.items():
            write_video(root / "train" / "a" / f"{name}.mp4", pictures, 25, codec="libx264", options=KEYS)
        return dict(type="ClipFolderSource", data_root=str(root))

    return fill


def small(source: dict, **options) -> ArrowDataset:
    return ArrowDataset(source, **{"segments": 2, "frames": 4, "fps": 25, "size": 48, "split": "train", **options})


def test_backward_is_the_flow_of_reversed_pictures(folder):
    data = small(folder(one=scene()), test_mode=True, borders=False, stabilize=False, frames=5)
    forward, backward = (data[i]["inputs"]["video"].data.numpy().reshape(-1, 48, 48, 2) for i in range(2))
    with open_video(data.source.file(0)) as reader:
        pictures = [resized(p, 48)[:, 12:60] for p in reader.read(np.arange(29) / 25 + 1e-3, None, None)]
    grey = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in pictures]
    start = next(i for i in range(19) if (encode_flow(optical_flow(grey[i], grey[i + 1])) == forward[0]).all())
    window = grey[start : start + 11]
    for shown, pair in zip(forward, zip(window, window[1:])):
        np.testing.assert_array_equal(shown, encode_flow(optical_flow(*pair)))
    for shown, pair in zip(backward, zip(window[::-1], window[-2::-1])):
        np.testing.assert_array_equal(shown, encode_flow(optical_flow(*pair)))
    assert (backward != forward[::-1]).mean() > 0.01  # neither the reversed flow
    assert (backward.astype(int) != 2 * FLOW_ZERO - forward[::-1]).mean() > 0.01  # nor with its sign turned
    assert [data[i]["data_samples"].positive for i in range(2)] == [0, 1]


def test_training_draws_both_directions_and_any_window(folder):
    data = small(folder(one=scene(60), two=scene(60, seed=1)))
    seen, windows = set(), set()
    for epoch in range(12):
        data.set_epoch(epoch)
        for i in range(len(data)):
            item = data[i]
            seen.add(item["data_samples"].positive)
            windows.add(item["inputs"]["video"].data.numpy().tobytes())
            assert item["inputs"]["video"].data.shape == (2, 4, 48, 48, 2)
    assert seen == {0, 1}
    assert len(windows) > 15
    torch.testing.assert_close(data[0]["inputs"]["video"].data, data[0]["inputs"]["video"].data)


def test_long_videos_are_cleaned_by_clips(folder):
    """A pan over a minute leaves nothing in common, one over a clip does; windows lie within clips."""
    wide = scene(1, (64, 400))[0]
    pan = np.stack([wide[:, 2 * t : 2 * t + 96] for t in range(150)])
    for t, picture in enumerate(pan):
        picture[10 + 3 * t % 40 :][:14, 40:54] = np.arange(0, 196).reshape(14, 14, 1)
    with pytest.raises(DataError, match="hardly anything in common"):
        stabilized(pan)
    data = small(folder(pan=pan), clip=21, test_mode=True, clips=3, size=32)
    assert len(data.flows.lengths) > 5
    assert data.flows.lengths.max() <= 20
    assert len(data) == 6


def test_black_borders_are_found_and_cut():
    pictures = np.pad(scene(8), ((0, 0), (6, 3), (10, 0), (0, 0)))
    pictures[5:, :9] = 0  # a border that grows: the largest of all frames is cut
    rows, columns = picture_without_borders(pictures)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (9, 70, 10, 106)
    rows, columns = picture_without_borders(scene(8))
    assert (rows, columns) == (slice(0, 64), slice(0, 96))
    with pytest.raises(DataError, match="black"):
        picture_without_borders(np.zeros((4, 20, 20, 3), np.uint8))


@pytest.mark.parametrize(("step", "zoom"), [((0.8, -0.5), 1.0), ((0.0, 0.0), 1.008)])
def test_planted_pan_and_zoom_are_removed(step, zoom):
    still = scene(25, (96, 128), speed=1.0)
    seen = moved(still, step, zoom)
    motion = camera_motion(seen)
    for t in (0, 6, 24):  # the wall's points go where they are in the middle frame
        k, s = t - 12, zoom ** (t - 12)
        points = np.array([[30.0, 60.0], [100.0, 20.0]])
        shown = s * (points - (64, 48)) + (64, 48) + np.array(step) * k
        back = np.column_stack([shown, np.ones(2)]) @ motion[t].T
        np.testing.assert_allclose(back[:, :2] / back[:, 2:], points, atol=1.0)
    before, after = (mean_motion(pictures) for pictures in (seen, stabilized(seen)))
    assert after < 0.15 * before
    assert mean_motion(stabilized(still)) < 0.05  # a camera at rest stays so


def mean_motion(pictures: np.ndarray) -> float:
    """Pixels a frame at which corners of the picture move, away from the body."""
    grey = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in pictures]
    flows = [optical_flow(a, b) for a, b in zip(grey, grey[1:])]
    edge = max(6, len(grey[0]) // 8)
    return float(np.mean([np.linalg.norm(f[-edge:-2, 2:-2].mean((0, 1)), axis=-1) + zoom_of(f) for f in flows]))


def zoom_of(flow: np.ndarray) -> float:
    """Pixels a frame by which the left and right edges part."""
    return abs(float(flow[-14:-2, -14:-2, 0].mean() - flow[-14:-2, 2:14, 0].mean())) / 2


def test_steps_without_corners_are_interpolated():
    seen = moved(scene(12, (96, 128)), (1.0, 0.0))
    seen[5] = 128  # a flash
    motion = camera_motion(seen)
    np.testing.assert_allclose(motion[0][:2, 2], (6.0, 0.0), atol=0.8)


def test_bad_videos_are_named(folder, monkeypatch):
    said: list[str] = []
    for module in ("mmsync.store.flows", "mmsync.datasets.arrow_dataset"):
        monkeypatch.setattr(f"{module}.print_log", lambda text, **options: said.append(text))
    still = np.repeat(scene(1), 30, 0)
    source = folder(
        good=scene(), still=still, brief=scene(6), single=scene(1), black=np.zeros((30, 64, 96, 3), np.uint8)
    )
    data = small(source, max_bad_share=1.0)
    text = "\n".join(said)
    assert data.names == ["train/a/good.mp4"]
    assert "3 of 5 videos have no optical flow" in text
    for words in ("black.mp4: all pictures are black", "still.mp4: nothing moves", "single.mp4: fewer than two"):
        assert words in text
    assert "1 of 5 videos have fewer than 9 pictures in a row and are left out: train/a/brief.mp4" in text


def test_nothing_usable_is_an_error_each_time(folder):
    source = folder(still=np.repeat(scene(1), 30, 0))
    for _ in range(2):  # a failed cache must not be found by the second run
        with pytest.raises(DataError, match=r"none of 1 videos has optical flow.*still.mp4: nothing moves"):
            small(source)


@pytest.mark.parametrize(("name", "value"), [("FORMAT", "mmsync-flows-0"), ("_MOVING", 0.001)])
def test_flow_of_another_version_or_threshold_is_not_taken(folder, monkeypatch, name, value):
    source = folder(one=scene())
    first = small(source).flows.path
    assert small(source).flows.path == first
    monkeypatch.setattr(f"mmsync.store.flows.{name}", value)
    assert small(source).flows.path != first


def test_wrong_numbers(folder):
    source = folder(one=scene(3))
    for options, words in (
        ({"clip": 8}, "too few for 2 x 4"),
        ({"clips": 2}, "test_mode=True"),
        ({"size": 8}, "16 or"),
    ):
        with pytest.raises(ConfigError, match=words):
            small(source, **options)


def test_flip_negates_x_flow_of_segments():
    flow = torch.randint(0, 255, (4, 2, 3, 16, 16, 2), dtype=torch.uint8)
    sample = {"inputs": {"video": View(flow)}, "data_samples": []}
    plain = VideoPreprocessor(views=dict(video=[]))(sample, True)["inputs"]["video"].data
    mirrored = VideoPreprocessor(views=dict(video=[VideoFlip(1.0)]))(sample, True)["inputs"]["video"].data
    torch.testing.assert_close(mirrored[:, :, 0], -plain[:, :, 0].flip(-1))
    torch.testing.assert_close(mirrored[:, :, 1], plain[:, :, 1].flip(-1))
