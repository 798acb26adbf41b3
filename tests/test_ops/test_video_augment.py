"""Augmentation of video: each frame of each track gets what was drawn for its clip, against loops and closed forms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError, DataError
from mmsync.ops.video_augment import VideoDraws, augment_video, crop_resize, draw_video, to_unit
from mmsync.views import VideoPreprocessor

N, K, T, S = 3, 2, 4, 16


@pytest.fixture
def video():
    return torch.randint(0, 256, (N, K, T, S, S, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


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
    draws = draw_video(N, K, T, 12, (0.5, 1), 0.5, 0.1, 0.2, 0.3, False, per_track, torch.Generator().manual_seed(1))
    out = augment_video(x.clone(), draws, 12)
    assert draws.box.shape[1] == (K if per_track else 1)
    assert (draws.box[..., :2] >= 0).all()
    assert (draws.box[..., :2] + draws.box[..., 2:] <= 1 + 1e-6).all()
    for n in range(N):
        for k in range(K):
            q = k if per_track else 0
            left, top, width, height = draws.box[n, q].tolist()
            theta = torch.tensor([[[width, 0, 2 * left + width - 1], [0, height, 2 * top + height - 1]]])
            if draws.flip[n, 0]:
                theta[0, 0, 0] *= -1
            grid = F.affine_grid(theta, (1, 3, 12, 12), align_corners=False)
            for t in range(T):
                frame = F.grid_sample(x[n, k, :, t][None], grid, padding_mode="border", align_corners=False)[0]
                wanted = frame * draws.gain[n, q] + draws.shift[n, q] + draws.noise[n, q, :, t]
                torch.testing.assert_close(out[n, k, :, t], wanted.clamp(-1, 1), atol=2e-5, rtol=1e-4)


def test_what_is_drawn_holds_for_the_whole_clip_and_differs_between_clips():
    still = torch.full((8, K, T, S, S, 3), 127, dtype=torch.uint8)
    draws = draw_video(8, K, T, S, (0.7, 0.9), 0.5, 0.2, 0.2, 0.2, True, False, torch.Generator().manual_seed(0))
    out = augment_video(to_unit(still), draws, S)
    assert torch.equal(out, out[:, :1, :, :1].expand_as(out))  # all frames and tracks
    assert len(out[:, 0, 0, 0, 0, 0].unique()) == 8
    assert 0 < draws.flip.sum() < 8


def test_the_neutral_draw_changes_nothing(video):
    x = to_unit(video)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(N, 1, 4)
    neutral = VideoDraws(whole, torch.zeros(N, 1, dtype=torch.bool), torch.ones(N, 1), torch.zeros(N, 1))
    torch.testing.assert_close(augment_video(x.clone(), neutral, S), x)


class TestPreprocessor:
    def test_training_repeats_with_seed_and_step_and_evaluation_is_the_picture(self, video):
        settings = dict(crop=(0.6, 0.9), flip=0.5, noise=0.1, brightness=0.1, contrast=0.1)
        build = lambda: VideoPreprocessor(views=dict(tracks=settings), size=12, seed=3)  # noqa: E731
        mask = torch.ones(N, K, dtype=torch.bool)
        data = dict(inputs=dict(tracks=video, mask=mask), data_samples=["s"])
        first, again = build(), build()
        one, two = (first(data, True)["inputs"]["tracks"].data for _ in range(2))
        assert one.shape == (N, K, 3, T, 12, 12)
        assert not torch.equal(one, two)
        again.load_state_dict({"seed": torch.tensor(3), "step": torch.tensor(1)})
        assert torch.equal(again(data, True)["inputs"]["tracks"].data, two)
        view = VideoPreprocessor()(data)["inputs"]
        torch.testing.assert_close(view.data, to_unit(video))
        assert view.mask is None
        mask[0, 1] = False
        assert torch.equal(VideoPreprocessor()(data)["inputs"].mask, mask)

    def test_the_centre_of_a_picture_and_half_precision(self, video):
        view = VideoPreprocessor(size=8, test_crop=0.5, dtype="bfloat16")(dict(inputs=dict(tracks=video)))["inputs"]
        torch.testing.assert_close(view.data, to_unit(video)[..., 4:12, 4:12].bfloat16(), atol=0.01, rtol=0)

    def test_a_plain_clip_comes_without_the_axis_of_tracks(self, video):
        views = dict(clip=dict(flip=1.0))
        out = VideoPreprocessor(views=views)(dict(inputs=video[:, 0]), True)["inputs"]["clip"]
        torch.testing.assert_close(out.data, to_unit(video)[:, 0].flip(-1))

    @pytest.mark.parametrize("plain", [False, True])
    def test_differences_of_frames_against_a_loop_in_training_and_evaluation(self, video, plain):
        pictures = video[:, 0] if plain else video
        step = VideoPreprocessor(views=dict(tracks=dict(noise=0.3, brightness=0.0)), difference=True)
        x = to_unit(video)[:, 0] if plain else to_unit(video)
        wanted = torch.stack([x[..., t, :, :] - x[..., max(t - 1, 0), :, :] for t in range(T)], -3)
        torch.testing.assert_close(step(dict(inputs=pictures))["inputs"].data, wanted)
        still = pictures[..., :1, :, :, :].expand_as(pictures)  # one field of noise and one crop for all frames
        assert step(dict(inputs=still), True)["inputs"]["tracks"].data.abs().max() == 0

    @pytest.mark.parametrize(
        ("view", "word"),
        [
            (dict(crp=0.5), "crop"),
            (dict(crop=1.2), "share"),
            (dict(flip=2), "probability"),
            (dict(noise=-1), "0 or more"),
        ],
    )
    def test_a_wrong_setting_is_named(self, view, word):
        with pytest.raises(ConfigError, match=word):
            VideoPreprocessor(views=dict(tracks=view))

    def test_wrong_pictures_are_named(self, video):
        with pytest.raises(DataError, match="uint8"):
            VideoPreprocessor()(dict(inputs=video.float()))
