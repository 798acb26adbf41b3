"""Optical flow of tracks, of textures whose motion is known: values, moving boxes, rates, mirrors, cache, training."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmsync.datasets import PairDataset
from mmsync.datasets.sources import VideoTrackSource
from mmsync.errors import ConfigError, DependencyError
from mmsync.media.crops import encode_flow, optical_flow
from mmsync.registry import MODELS
from mmsync.store.tracks import TrackStore, write_track_store
from mmsync.structures import Track
from mmsync.views import VideoPreprocessor

H, W, T, S = 96, 128, 12, 48


def texture(seed=0) -> np.ndarray:
    """A smooth random picture, larger than those that are cut out of it."""
    noise = np.random.default_rng(seed).integers(0, 255, (200, 260)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.repeat(cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)[..., None], 3, 2)


def moving(frames: int, right: int, down: int) -> np.ndarray:
    """``(frames, H, W, 3)``: the whole picture moves by so many pixels a frame."""
    world, places = texture(), [(50 - down * f, 60 - right * f) for f in range(frames)]
    return np.stack([world[y : y + H, x : x + W] for y, x in places])


def still_box(ticks: int) -> np.ndarray:
    return np.tile(np.float32([32, 16, 80, 64]), (ticks, 1))


@pytest.fixture
def make(tmp_path):
    """Writes two equal videos, each with tracks of the same boxes, and gives what opens them."""

    def store(pictures, boxes, rate=25.0, fps=25.0, videos=("a",)):
        for name in videos:
            np.savez(tmp_path / f"{name}.npz", frames=pictures, rate=rate)
        facts = dict(label=0, frames=len(pictures), rate=rate, start=0.0, width=W, height=H)
        rows = [dict(name=name, file=f"{name}.npz", **facts) for name in videos]
        none = np.full(len(boxes[0]), -1)
        tracks = [Track(name, p, 0, part, none, none) for name in videos for p, part in enumerate(boxes)]
        splits = dict(train=list(videos), test=list(videos))
        write_track_store(
            tmp_path / "store", TrackStore(rows, tracks, str(tmp_path), fps, ["x"], splits, {}, ""), overwrite=True
        )

        def opened(**options):
            settings = dict(size=S, enlarge=0.0, backend="array", flow="dis", cache=False)
            return VideoTrackSource(tmp_path / "store", **{**settings, **options})

        return opened

    return store


def pixels(codes: np.ndarray) -> np.ndarray:
    """Codes back to pixels a tick, without the edge, beyond which the method can only guess."""
    return (codes[:, 8:-8, 8:-8].astype(float) - 127) * 20 / 127


@pytest.mark.parametrize(("right", "down"), [(2, -1), (-3, 0), (0, 4)])
def test_flow_is_the_translation_in_every_frame_of_the_window(make, right, down):
    flow = make(moving(T, right, down), [still_box(T)])().load(0, 0, T)
    assert flow.shape == (T, S, S, 2)
    assert flow.dtype == np.uint8
    found = pixels(flow).mean((1, 2))  # the last tick too, after which there is no picture
    np.testing.assert_allclose(found, np.tile([right, down], (T, 1)), atol=0.15)


def test_it_is_in_pixels_of_the_crop_and_limited(make):
    for size, wanted in ((96, 4.0), (24, 1.0)):
        found = pixels(make(moving(T, 2, 0), [still_box(T)])(size=size).load(0, 0, T))[..., 0]
        assert np.median(found) == pytest.approx(wanted, abs=0.15)
    assert encode_flow(np.float32([[-50, 50], [-20, 20], [0, 0]])).tolist() == [[0, 254], [0, 254], [127, 127]]


@pytest.mark.parametrize("rate", [25.0, 24000 / 1001, 30.0, 50.0, 12.5])
def test_its_speed_is_that_of_the_clock_at_any_rate_of_the_file(make, rate):
    """A rate that repeats or leaves out frames would else show at the same ticks in all tracks of a video."""
    frames = 26 if rate <= 30 else 30
    ticks = int(frames / rate * 25)
    found = pixels(make(moving(frames, 2, 0), [still_box(ticks)], rate)().load(0, 0, ticks))[..., 0].mean((1, 2))
    np.testing.assert_allclose(found, 2 * rate / 25, atol=0.2)


def test_a_box_that_moves_over_a_scene_that_does_not_sees_no_motion(make):
    step = np.arange(T, dtype=np.float32)[:, None]
    boxes = still_box(T) + step * np.float32([3, 2, 4, 3])  # moves and grows
    flow = make(np.repeat(moving(1, 0, 0), T, 0), [boxes])().load(0, 0, T)
    assert (flow == 127).all()
    color = make(np.repeat(moving(1, 0, 0), T, 0), [boxes])(flow=None).load(0, 0, T)
    assert (optical_flow(*(cv2.cvtColor(c, cv2.COLOR_RGB2GRAY) for c in color[:2])) < -0.5).mean() > 0.5  # it would


def test_beyond_the_picture_nothing_moves_and_slivers_and_plain_pictures_do_no_harm(make):
    edge, sliver, outside = (np.tile(np.float32(box), (T, 1)) for box in (
        [96, 0, 160, 64], [125, 0, 189, 64], [300, 0, 340, 40],
    ))  # fmt: skip
    source = make(moving(T, 2, 0), [edge, sliver, outside])()
    flow = source.load(0, 0, T)  # 32 of 64 columns are left
    assert (flow[:, :, :12] == 127).all()
    assert (flow[:, :, 36:] == 127).all()
    assert np.median(flow[:, :, 14:34, 0]) > 127
    assert source.load(1, 0, T).shape == (T, S, S, 2)
    assert (source.load(2, 0, T) == 127).all()
    plain = np.full((T, H, W, 3), 90, np.uint8)
    assert (make(plain, [still_box(T)])().load(0, 0, T) == 127).all()


def test_flow_of_mirrored_pictures_is_the_mirrored_flow_with_its_x_turned(make):
    pictures, box = moving(T, 3, 1), still_box(T)
    pictures[:, 30:50, 40:70] = texture(1)[:20, :30]  # a thing that stands still before what moves
    mirrored = box.copy()
    mirrored[:, [0, 2]] = W - box[:, [2, 0]]
    flow = make(pictures, [box])().load(0, 0, T)
    other = make(np.ascontiguousarray(pictures[:, :, ::-1]), [mirrored])().load(0, 0, T)
    views = dict(tracks=[dict(type="VideoFlip", prob=1.0)])
    flipped = VideoPreprocessor(views=views)(dict(inputs=torch.from_numpy(flow)[None]), True)["inputs"]["tracks"]
    wanted = VideoPreprocessor()(dict(inputs=torch.from_numpy(other)[None]))["inputs"]["clip"].data
    error = (flipped.data - wanted).abs() * 20
    assert flipped.data[:, 0].mean() < -0.05
    assert error.median() < 0.1  # the method itself does not go over a picture from both sides alike
    assert error.mean() < 0.4


def test_a_view_has_the_sign_and_the_scale_of_its_picture():
    codes = torch.randint(0, 255, (1, 9, S, S, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    unit = ((codes.double() - 127) / 127).permute(0, 4, 1, 2, 3).float()
    data = dict(inputs=codes)
    torch.testing.assert_close(VideoPreprocessor()(data)["inputs"]["clip"].data, unit)
    flipped = VideoPreprocessor(views=dict(v=[dict(type="VideoFlip", prob=1.0)]))(data, True)["inputs"]["v"].data
    torch.testing.assert_close(flipped, unit.flip(-1) * torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1), atol=1e-5, rtol=0)
    still = torch.tensor([127 + 40, 127 - 60], dtype=torch.uint8).expand(1, 9, S, S, 2)
    for settings, factor in ((dict(size=24), 0.5), (dict(test_crop=0.5), 2), (dict(size=36, test_crop=0.75), 1)):
        found = VideoPreprocessor(**settings)(dict(inputs=still))["inputs"]["clip"].data[0, :, 0, 5, 5]
        torch.testing.assert_close(found, (torch.tensor([40, -60]) * factor / 127).clamp(-1, 1))
    with pytest.raises(ConfigError, match="for color; leave it out of views of optical flow"):
        VideoPreprocessor(views=dict(v=[dict(type="ColorJitter", contrast=0.1)]))(data, True)


def test_the_cache_is_the_same_and_codes_are_as_near_as_said(make, monkeypatch):
    opened = make(moving(T, 2, 1), [still_box(T), still_box(T) + 9])
    plain, cached, color = opened(), opened(cache=True), opened(cache=True, flow=None)
    wanted = plain.load(1, 3, 5)
    assert color.load(1, 3, 5).shape == (5, S, S, 3)  # a file of its own
    np.testing.assert_array_equal(cached.load(1, 3, 5), wanted)
    monkeypatch.setattr(VideoTrackSource, "_cut", None)
    np.testing.assert_array_equal(cached.load(1, 4, 4), wanted[1:])
    flow = np.random.default_rng(0).uniform(-20, 20, (1000, 2))
    assert np.abs((encode_flow(flow).astype(float) - 127) * 20 / 127 - flow).max() <= 0.0788


def test_methods(make, monkeypatch):
    opened = make(moving(T, 0, 0), [still_box(T)])
    with pytest.raises(ConfigError, match="did you mean 'dis'"):
        opened(flow="diss")
    with pytest.raises(ConfigError, match="16 pixels"):
        opened(size=15)
    if not hasattr(cv2, "optflow"):
        with pytest.raises(DependencyError, match=r"pip install .*opencv-contrib-python"):
            opened(flow="tvl1")

    class Fake:
        DualTVL1OpticalFlow_create = staticmethod(lambda: cv2.DISOpticalFlow_create(1))

    monkeypatch.setattr(cv2, "optflow", Fake, raising=False)
    assert opened(flow="tvl1").load(0, 0, 2).shape == (2, S, S, 2)


def test_sync3d_trains_on_pairs_of_flow(make):
    opened = make(moving(T, 2, 1), [still_box(T), still_box(T) + 9], videos=("a", "b"))
    data = PairDataset(opened(size=32, cache=True), dict(positive=1, easy=1), window=9, shift=9, placement="any")
    batch = data.__getitems__(range(len(data)))
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type="Sync3D",
        encoder=dict(
            type="Encoder",
            backbone=dict(type="I3D", in_channels=2, width=0.0625),
            pool=dict(type="VideoPool"),
            projector=dict(type="MLPProjector", hidden_channels=8, out_channels=4, norm=True),
        ),
        data_preprocessor=dict(
            type="VideoPreprocessor",
            views=dict(tracks=[dict(type="VideoCropResize", scale=(0.875, 1.0)), dict(type="VideoFlip")]),
        ),
    ))  # fmt: skip
    model.init_weights()
    loss = model(**model.data_preprocessor(batch, True), mode="loss")["loss_pair"]
    loss.backward()
    stem = model.encoder.backbone.Conv3d_1a_7x7.conv3d.weight
    assert stem.shape[1] == 2
    assert torch.isfinite(loss)
    assert stem.grad.abs().sum() > 0
