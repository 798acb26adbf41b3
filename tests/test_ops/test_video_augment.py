"""Augmentation of video, against loops over frames, closed forms, and the function that once did all of it at once."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import correlate1d

from mmsync.errors import ConfigError, DataError
from mmsync.ops.video_augment import (
    AddNoise,
    Blur,
    Color,
    Crop,
    augment_video,
    crop_resize,
    hue_matrix,
    saturation_matrix,
    to_unit,
)
from mmsync.structures import View
from mmsync.views import VideoPreprocessor
from mmsync.views import video as V

N, K, T, S = 3, 2, 4, 16


@pytest.fixture
def video():
    return torch.randint(0, 256, (N, K, T, S, S, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- the reference: one function that draws everything, one that does it --------------------------------------------


class Draws(NamedTuple):
    box: torch.Tensor
    flip: torch.Tensor
    gain: torch.Tensor
    shift: torch.Tensor
    noise: Optional[torch.Tensor] = None


def draw_all(
    n, k, frames, size, crop, flip, noise, brightness, contrast, shared_noise, per_track, generator, channels=3
):
    q = k if per_track else 1
    u = torch.rand(n, q, 6, generator=generator)
    side = crop[0] + (crop[1] - crop[0]) * u[..., 0]
    box = torch.stack([(1 - side) * u[..., 1], (1 - side) * u[..., 2], side, side], -1)
    flips = torch.rand(n, 1, generator=generator) < flip
    field = None
    if noise:
        field = torch.randn((n, q, channels, 1 if shared_noise else frames, size, size), generator=generator)
        field = field * (noise * u[..., 3][..., None, None, None, None])
    return Draws(box, flips, 1 + contrast * (2 * u[..., 4] - 1), brightness * (2 * u[..., 5] - 1), field)


def do_all(x, draws, size):
    n, k = x.shape[:2]
    out = crop_resize(x, draws.box.expand(n, k, 4), draws.flip.expand(n, k), size)
    gain, shift = (value[..., None, None, None, None] for value in (draws.gain, draws.shift))
    out = out * gain + shift
    return (out if draws.noise is None else out + draws.noise).clamp(-1, 1)


def as_list(crop, flip, noise, brightness, contrast, shared_noise, per_track):
    """The list that replaces the settings of the reference."""
    parts = [V.VideoCropResize(crop, per_track=per_track), V.VideoFlip(flip)]
    if brightness or contrast:
        parts.append(V.ColorJitter(brightness, contrast, per_track=per_track))
    if noise:
        parts.append(V.VideoNoise(noise, per_frame=not shared_noise, per_track=per_track))
    return V.VideoSequence(parts)


@pytest.mark.parametrize("after", ["color", "noise"])
@pytest.mark.parametrize("applied", [[False] * N, [False, True, False]])
def test_maps_after_a_blur_leave_the_callers_clips_alone(video, after, applied):
    x = to_unit(video)
    one = torch.ones(N, 1, 1)
    step = Color(0.5 * one, 0.1 * one) if after == "color" else AddNoise(torch.full((N, 1, 3, 1, S, S), 0.1))
    before = x.clone()
    out = augment_video(x, [Blur(torch.ones(N, 1), torch.tensor(applied)), step])
    assert not torch.equal(out, before)
    torch.testing.assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("per_track", [False, True])
@pytest.mark.parametrize(
    ("crop", "noise", "brightness", "contrast", "shared"),
    [
        ((0.875, 1.0), 0.05, 0.0, 0.0, True),  # Sync3D's
        ((0.5, 1.0), 0.0, 0.2, 0.2, True),  # of the supervised R3D-18
        ((0.875, 1.0), 0.0, 0.0, 0.0, True),  # of optical flow
        ((0.6, 0.9), 0.3, 0.4, 0.5, False),
    ],
)
def test_a_list_draws_and_does_what_the_one_function_did(video, per_track, crop, noise, brightness, contrast, shared):
    settings = (crop, 0.5, noise, brightness, contrast, shared, per_track)
    sequence = as_list(*settings).bind(12)
    for seed in range(3):
        x = to_unit(video)
        wanted = do_all(x, draw_all(N, K, T, 12, *settings, gen(seed)), 12)
        torch.testing.assert_close(sequence(View(x), gen(seed)).data, wanted, rtol=0, atol=1e-6)
        torch.testing.assert_close(x, to_unit(video), rtol=0, atol=0)  # the input is not written to


# ---- maps -----------------------------------------------------------------------------------------------------------


def test_values_and_order_of_axes(video):
    x = to_unit(video)
    assert x.shape == (N, K, 3, T, S, S)
    assert x.is_contiguous()
    torch.testing.assert_close(x[1, 0, 2, 3, 5, 7], video[1, 0, 3, 5, 7, 2].float() * 2 / 255 - 1)


def test_a_crop_of_whole_pixels_is_a_slice_and_a_flip_reverses_columns(video):
    x = to_unit(video)
    box = torch.tensor([4.0, 2.0, 8.0, 8.0]).div(S).expand(N, K, 4)
    part = x[..., 2:10, 4:12]
    torch.testing.assert_close(crop_resize(x, box, None, 8), part)
    flip = torch.tensor([[True, False]]).expand(N, K)
    flipped = crop_resize(x, box, flip, 8)
    torch.testing.assert_close(flipped[:, 0], part[:, 0].flip(-1))
    torch.testing.assert_close(flipped[:, 1], part[:, 1])


@pytest.mark.parametrize("per_track", [False, True])
def test_scaled_crops_against_a_loop_over_clips_and_frames(video, per_track):
    x = to_unit(video)
    sequence = as_list((0.5, 1), 0.5, 0.1, 0.2, 0.3, False, per_track).bind(12)
    draws = sequence.draw(x, gen(1))
    out = sequence.apply(View(x), draws).data
    boxes = draws["0.box"]
    assert boxes.shape[1] == (K if per_track else 1)
    assert (boxes[..., :2] >= 0).all()
    assert (boxes[..., :2] + boxes[..., 2:] <= 1 + 1e-6).all()
    for n in range(N):
        for k in range(K):
            q = k if per_track else 0
            left, top, width, height = boxes[n, q].tolist()
            theta = torch.tensor([[[width, 0, 2 * left + width - 1], [0, height, 2 * top + height - 1]]])
            if draws["1.apply"][n]:
                theta[0, 0, 0] *= -1
            grid = F.affine_grid(theta, (1, 3, 12, 12), align_corners=False)
            for t in range(T):
                frame = F.grid_sample(x[n, k, :, t][None], grid, padding_mode="border", align_corners=False)[0]
                wanted = frame * draws["2.gain"][n, q, 0] + draws["2.shift"][n, q, 0] + draws["3.value"][n, q, :, t]
                torch.testing.assert_close(out[n, k, :, t], wanted.clamp(-1, 1), atol=2e-5, rtol=1e-4)


def test_what_is_drawn_holds_for_the_whole_clip_and_differs_between_clips():
    still = to_unit(torch.full((8, K, T, S, S, 3), 127, dtype=torch.uint8))
    sequence = as_list((0.7, 0.9), 0.5, 0.2, 0.2, 0.2, True, False)
    draws = sequence.draw(still, gen())
    out = sequence.apply(View(still), draws).data
    assert torch.equal(out, out[:, :1, :, :1].expand_as(out))  # all frames and tracks
    assert len(out[:, 0, 0, 0, 0, 0].unique()) == 8
    assert 0 < draws["1.apply"].sum() < 8


def test_no_map_changes_nothing_and_the_neutral_crop_neither(video):
    x = to_unit(video)
    assert augment_video(x, []) is x
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(N, 1, 4)
    torch.testing.assert_close(augment_video(x, [Crop(whole, torch.zeros(N, 1, dtype=torch.bool))]), x)


def test_crops_and_flips_of_crops_and_flips_are_one_resampling(video):
    x = to_unit(video)

    def cut(left, top, side, size, of):
        return Crop(torch.tensor([left, top, side, side]).div(of).expand(N, 1, 4), None, size)

    flip = Crop(None, torch.tensor([[True], [False], [True]]))
    mirror = lambda y: torch.where(flip.flip[..., None, None, None, None], y.flip(-1), y)  # noqa: E731
    maps = [flip, cut(2.0, 4.0, 12.0, 12, S), flip, cut(1.0, 3.0, 6.0, 6, 12.0), flip]
    y = mirror(mirror(mirror(x)[..., 4:16, 2:14])[..., 3:9, 1:7])
    torch.testing.assert_close(augment_video(x, maps), y, atol=1e-5, rtol=1e-5)


def test_colour_matrices_keep_grey_and_luma_and_compose():
    luma, grey = torch.tensor([0.299, 0.587, 0.114]), torch.ones(3)
    colors = torch.rand(10, 3, generator=gen())
    for matrix in (*hue_matrix(torch.tensor([-0.5, 0.1, 0.3])), *saturation_matrix(torch.tensor([0.0, 0.7, 1.5]))):
        torch.testing.assert_close(matrix @ grey, grey, atol=1e-5, rtol=0)
        torch.testing.assert_close((matrix @ colors.T).T @ luma, colors @ luma, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        hue_matrix(torch.tensor(0.25)) @ hue_matrix(torch.tensor(0.75)), torch.eye(3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(saturation_matrix(torch.tensor(1.0)), torch.eye(3))
    red = hue_matrix(torch.tensor(0.0)) @ torch.tensor([1.0, 0, 0])
    torch.testing.assert_close(red, torch.tensor([1.0, 0, 0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("per_track", [False, True])
def test_jitter_and_grey_against_a_loop_over_frames(video, per_frame, per_track):
    x = to_unit(video) / 4  # so that nothing is cut off
    jitter = V.ColorJitter(0.2, 0.3, 0.4, 0.2, per_frame=per_frame, per_track=per_track)
    sequence = V.VideoSequence([jitter, V.Grayscale(0.5)])
    draws = {**sequence.draw(x, gen(2)), "1.apply": torch.tensor([True, False, True])}
    out = sequence.apply(View(x), draws).data
    assert draws["0.turn"].shape == (N, K if per_track else 1, T if per_frame else 1)
    for n in range(N):
        for k in range(K):
            for t in range(T):
                at = (n, k if per_track else 0, t if per_frame else 0)
                frame = x[n, k, :, t] * draws["0.gain"][at] + draws["0.shift"][at]
                mix = hue_matrix(draws["0.turn"][at]) @ saturation_matrix(draws["0.saturation"][at])
                frame = torch.einsum("dc,chw->dhw", mix, frame)
                if draws["1.apply"][n]:
                    frame = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), frame).expand(3, -1, -1)
                torch.testing.assert_close(out[n, k, :, t], frame, atol=1e-5, rtol=1e-4)


def test_blur_equals_scipy_with_weights_that_sum_to_one(video):
    x = to_unit(video)
    blur = V.VideoBlur((0.5, 2.0), per_track=True)
    draws = {**blur.draw(x, gen(4)), "apply": torch.tensor([True, False, True])}
    out = blur.apply(View(x), draws).data
    taps = np.arange(-S, S + 1)
    for n in range(N):
        for k in range(K):
            wanted = x[n, k].numpy()
            if draws["apply"][n]:
                kernel = np.exp(-(taps**2) / (2 * float(draws["sigma"][n, k]) ** 2))
                for axis in (-1, -2):
                    weight = correlate1d(np.ones_like(wanted), kernel, axis=axis, mode="constant")
                    wanted = correlate1d(wanted, kernel, axis=axis, mode="constant") / weight
            np.testing.assert_allclose(out[n, k], wanted, atol=1e-5)


def test_noise_is_new_in_frames_and_tracks_by_choice():
    zeros = View(torch.zeros(2, K, 3, T, S, S))
    shared = V.VideoNoise(0.1)(zeros, gen()).data
    assert torch.equal(shared, shared[:, :1, :, :1].expand_as(shared))
    frames = V.VideoNoise(0.1, per_frame=True)(zeros, gen()).data
    assert torch.equal(frames[:, 0], frames[:, 1])
    assert not torch.equal(frames[:, :, :, 0], frames[:, :, :, 1])
    tracks = V.VideoNoise(0.1, per_track=True)(zeros, gen()).data
    assert not torch.equal(tracks[:, 0], tracks[:, 1])
    some = V.VideoNoise(0.1, prob=0.5)
    draws = some.draw(torch.zeros(20, 1, 3, 1, 2, 2), gen())
    out = some.apply(View(torch.zeros(20, 1, 3, 1, 2, 2)), draws).data.flatten(1).abs().amax(1)
    assert torch.equal(out > 0, draws["apply"])
    assert 0 < draws["apply"].sum() < 20


def test_a_list_equals_its_parts_one_after_the_other(video):
    """Fusing over a gather of frames, a crop and colors changes nothing; colors of each frame follow the frames."""
    view = View(to_unit(video) / 4)
    pool = [
        V.RandomWindow(3), V.ColorJitter(0.1, 0.2, 0.3, 0.1), V.ColorJitter(0.1, 0.2, per_frame=True), V.Grayscale(0.5),
        V.VideoNoise(0.02, per_frame=True), V.VideoFlip(), V.VideoBlur(), V.RandomWindow(2), V.VideoCropResize(size=12),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for trial in range(20):
        order = rng.permutation(len(pool)).tolist()
        if order.index(7) < order.index(0):  # no window of three frames out of two
            order.remove(0)
        sequence = V.VideoSequence([pool[i] for i in order])
        draws = sequence.draw(view.data, gen(trial))
        one = view
        for i, step in enumerate(sequence.transforms):
            one = step.apply(one, {k.split(".")[1]: v for k, v in draws.items() if k.startswith(f"{i}.")})
        fused = sequence.apply(view, draws)
        torch.testing.assert_close(fused.data, one.data, atol=1e-5, rtol=1e-4)
        assert torch.equal(fused.index, one.index)


def test_adding_noise_or_light_does_not_change_the_crops(video):
    x = to_unit(video)
    crop = V.VideoCropResize()
    alone = V.VideoSequence([crop]).draw(x, gen())["0.box"]
    for more in ([V.VideoNoise()], [V.ColorJitter(0.1, 0.1), V.VideoNoise()]):
        assert torch.equal(V.VideoSequence([crop, *more]).draw(x, gen())["0.box"], alone)
    twice = V.VideoSequence([crop, V.VideoCropResize()]).draw(x, gen())
    assert not torch.equal(twice["0.box"], twice["1.box"])  # each draws its own


# ---- windows and the index of frames --------------------------------------------------------------------------------


def numbered(n=6, t=20):
    """Clips whose frame t has the value t / 100."""
    return (torch.arange(t) / 100).view(1, 1, t, 1, 1).expand(n, 3, t, 2, 2).contiguous()


@pytest.mark.parametrize("step", [1, 2, (1, 2.5)])
def test_a_window_shows_the_frames_that_its_index_names(step):
    valid = torch.ones(6, 20, dtype=torch.bool)
    valid[:, 15:] = False
    for seed in range(5):
        out = V.RandomWindow(8, step)(View(numbered(), valid=valid), gen(seed))
        torch.testing.assert_close(out.data[:, 0, :, 0, 0] * 100, out.index)
        assert torch.equal(out.valid, out.index < 15)
        between = out.index.diff(dim=1)
        low, high = (step, step) if isinstance(step, int) else step
        assert (between >= low).all()
        assert (between <= np.ceil(high)).all()
    whole = V.RandomWindow(20)(View(numbered()), gen())
    torch.testing.assert_close(whole.index[0], torch.arange(20.0))


def test_windows_lie_anywhere_and_views_of_a_clip_have_their_own():
    starts = V.RandomWindow(8).draw(numbered(4000), gen())["start"]
    assert starts.unique().tolist() == list(range(13))
    torch.testing.assert_close(torch.bincount(starts.long()) / 4000, torch.full((13,), 1 / 13), atol=0.02, rtol=0)
    window = [dict(type="RandomWindow", frames=8)]
    pre = VideoPreprocessor(views=dict(first=window, second=window), seed=0)
    out = pre(dict(inputs=torch.zeros(50, 20, 2, 2, 3, dtype=torch.uint8)), True)["inputs"]
    assert out["first"].data.shape == (50, 3, 8, 2, 2)
    assert (out["first"].index[:, 0] != out["second"].index[:, 0]).float().mean() > 0.8


def test_a_window_of_a_window_and_differences_keep_the_source_frames():
    chain = V.VideoSequence([V.RandomWindow(12), V.RandomWindow(4, 2)])
    index = torch.arange(20.0).expand(6, 20) + 100
    out = chain(View(numbered(), index=index), gen())
    torch.testing.assert_close(out.data[:, 0, :, 0, 0] * 100 + 100, out.index)
    pre = VideoPreprocessor(difference=True)
    valid = torch.tensor([[True, True, False, True]])
    view = pre(dict(inputs=View(torch.zeros(1, 4, 2, 2, 3, dtype=torch.uint8), valid=valid)))["inputs"]["clip"]
    assert view.index.tolist() == [[0, 1, 2, 3]]
    assert view.valid.tolist() == [[True, True, False, False]]  # a difference counts if both of its frames do


def test_a_window_longer_than_the_clips_is_refused():
    with pytest.raises(ConfigError, match="need 31 frames, but the clips have 20"):
        V.RandomWindow(16, 2)(View(numbered()), gen())


# ---- the preprocessor -----------------------------------------------------------------------------------------------

EVERYTHING = [
    dict(type="VideoCropResize", scale=(0.6, 0.9)),
    dict(type="VideoFlip"),
    dict(type="ColorJitter", brightness=0.1, contrast=0.1),
    dict(type="VideoNoise", std=0.1),
]


class TestPreprocessor:
    def test_training_repeats_with_seed_and_step_and_evaluation_is_the_picture(self, video):
        build = lambda: VideoPreprocessor(views=dict(tracks=EVERYTHING), size=12, seed=3)  # noqa: E731
        present = torch.ones(N, K, dtype=torch.bool)
        data = dict(inputs=dict(tracks=View(video, present)), data_samples=["s"])
        first, again = build(), build()
        one, two = (first(data, True)["inputs"]["tracks"].data for _ in range(2))
        assert one.shape == (N, K, 3, T, 12, 12)
        assert not torch.equal(one, two)
        again.load_state_dict({"seed": torch.tensor(3), "step": torch.tensor(1)})
        assert torch.equal(again(data, True)["inputs"]["tracks"].data, two)
        view = VideoPreprocessor()(data)["inputs"]["clip"]
        torch.testing.assert_close(view.data, to_unit(video))
        assert view.present is None
        present[0, 1] = False
        assert torch.equal(VideoPreprocessor()(data)["inputs"]["clip"].present, present)

    def test_the_centre_of_a_picture_and_half_precision(self, video):
        pre = VideoPreprocessor(size=8, test_crop=0.5, dtype="bfloat16")
        view = pre(dict(inputs=dict(tracks=video)))["inputs"]["clip"]
        torch.testing.assert_close(view.data, to_unit(video)[..., 4:12, 4:12].bfloat16(), atol=0.01, rtol=0)

    def test_a_plain_clip_comes_without_the_axis_of_tracks(self, video):
        views = dict(clip=[dict(type="VideoFlip", prob=1.0)])
        out = VideoPreprocessor(views=views)(dict(inputs=video[:, 0]), True)["inputs"]["clip"]
        torch.testing.assert_close(out.data, to_unit(video)[:, 0].flip(-1))

    def test_views_have_the_size_with_or_without_a_crop(self, video):
        views = dict(a=[], b=[dict(type="VideoFlip")], c=[dict(type="VideoCropResize")])
        out = VideoPreprocessor(views=views, size=10)(dict(inputs=video), True)["inputs"]
        assert {view.data.shape[-2:] for view in out.values()} == {(10, 10)}

    @pytest.mark.parametrize("plain", [False, True])
    def test_differences_of_frames_against_a_loop_in_training_and_evaluation(self, video, plain):
        pictures = video[:, 0] if plain else video
        noise = [dict(type="VideoCropResize", scale=1.0), dict(type="VideoNoise", std=0.3)]
        step = VideoPreprocessor(views=dict(tracks=noise), difference=True)
        x = to_unit(video)[:, 0] if plain else to_unit(video)
        wanted = torch.stack([x[..., t, :, :] - x[..., max(t - 1, 0), :, :] for t in range(T)], -3)
        torch.testing.assert_close(step(dict(inputs=pictures))["inputs"]["clip"].data, wanted)
        still = pictures[..., :1, :, :, :].expand_as(pictures)  # one field of noise and one crop for all frames
        assert step(dict(inputs=still), True)["inputs"]["tracks"].data.abs().max() == 0

    @pytest.mark.parametrize(
        ("view", "word"),
        [
            (dict(type="VideoCropRsize"), "views.tracks.0: .*did you mean 'VideoCropResize'"),
            (dict(type="VideoCropResize", scale=1.2), r"scale=1.2; give two numbers \(low, high\) in \(0, 1\]"),
            (dict(type="VideoFlip", prob=2), r"prob=2; give a number in \[0, 1\]"),
            (dict(type="VideoNoise", std=-1), "std=-1; give a number of at least 0"),
            (dict(type="ColorJitter", hue=0.6), r"hue=0.6; give a number in \[0, 0.5\]"),
            (dict(type="VideoBlur", sigma=(0, 1)), "sigma"),
            (dict(type="RandomWindow", frames=0), "frames=0"),
            (dict(type="Shear"), "views.tracks.0: Shear augments skeleton data, .* VideoNoise"),
            (dict(type="FormatShape"), "views.tracks.0"),
        ],
    )
    def test_a_wrong_augmentation_is_named(self, view, word):
        with pytest.raises(ConfigError, match=word):
            VideoPreprocessor(views=dict(tracks=[view]))

    def test_a_view_that_is_no_list_is_refused(self):
        with pytest.raises(ConfigError, match=r"views\.tracks: .*give a list of augmentations"):
            VideoPreprocessor(views=dict(tracks=dict(crop=(0.875, 1.0), flip=0.5)))

    def test_wrong_pictures_are_named(self, video):
        with pytest.raises(DataError, match="uint8"):
            VideoPreprocessor()(dict(inputs=video.float()))
