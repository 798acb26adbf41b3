"""Augmentations of skeletons report which frame of the source each frame shows, and which frames still count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.ops import time_maps
from mmsync.structures import View
from mmsync.views import AugmentationSequence, SkeletonPreprocessor
from mmsync.views import skeleton as A

N, T = 8, 20


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(n=N, t=T):
    """Clips whose coordinates in frame t are all t."""
    return torch.arange(float(t)).view(1, 1, t, 1, 1).expand(n, 2, t, 25, 3).contiguous()


LISTS = [
    [A.TemporalCrop(3)],
    [A.RandomCropResize((0.3, 0.8), size=13)],
    [A.TemporalFlip()],
    [A.TemporalCrop(4), A.TemporalFlip(), A.RandomCropResize(size=9)],
    [
        A.RandomCropResize(prob=0.5),
        A.Mirror(axis=2, prob=0.0),
        A.RandomCropResize((0.5, 0.5), size=7),
        A.TemporalFlip(),
    ],
]


@pytest.mark.parametrize("chain", LISTS, ids=lambda c: "-".join(type(a).__name__ for a in c))
def test_the_index_is_the_frame_that_is_shown(chain):
    """In a clip whose frame t holds t, each frame holds its index: through one map, and through products of maps."""
    for seed in range(5):
        out = AugmentationSequence(chain).bind("ntu25")(View(numbered()), gen(seed))
        torch.testing.assert_close(out.index, out.data[:, 1, :, 7, 0], atol=1e-4, rtol=0)
    assert len({tuple(row.tolist()) for row in out.index}) > 1


def test_an_index_that_comes_in_is_followed():
    start = torch.rand(N, T, generator=gen()).cumsum(1)
    x = start.view(N, 1, T, 1, 1).expand(N, 2, T, 25, 3).contiguous()
    out = AugmentationSequence(LISTS[3])(View(x, index=start), gen(1))
    torch.testing.assert_close(out.index, out.data[:, 0, :, 0, 0], atol=1e-4, rtol=0)


def test_crop_and_resize_shows_the_resampling_positions():
    crop = A.RandomCropResize((0.5, 0.5), size=5)
    draws = {"start": torch.tensor([0.0, 3.0, 10.0]), "length": torch.tensor([10.0, 10.0, 10.0])}
    index = crop.apply(View(numbered(3)), draws).index
    expected = draws["start"][:, None] + (torch.arange(5) + 0.5) * 2 - 0.5  # ten frames in five
    torch.testing.assert_close(index, expected)


def test_a_mirrored_margin_shows_its_frames_backwards():
    crop = A.TemporalCrop(ratio=4)
    index = crop.apply(View(numbered(11)), {"start": torch.arange(11)}).index
    padded = np.pad(np.arange(T), T // 4, mode="symmetric")
    np.testing.assert_array_equal(index, [padded[s : s + T] for s in range(11)])


def test_what_does_not_move_frames_keeps_them():
    valid = torch.rand(N, T, generator=gen()) < 0.5
    chain = [A.Shear(), A.GaussianBlur(prob=1.0), A.GaussianNoise(), A.AxisMask(), A.JointMask(), A.SpatialFlip()]
    out = AugmentationSequence(chain).bind("ntu25")(View(numbered(), valid=valid), gen())
    torch.testing.assert_close(out.index, torch.arange(float(T)).expand(N, T), rtol=0, atol=0)
    assert torch.equal(out.valid, valid)
    assert AugmentationSequence([])(View(numbered()), gen()).valid is None


def test_a_frame_counts_if_all_that_it_is_made_of_do():
    valid = torch.ones(3, T, dtype=torch.bool)
    valid[:, 12:] = False
    index = torch.arange(float(T)).expand(3, T)
    out = A.RandomCropResize((0.5, 1.0), size=30)(View(numbered(3), valid=valid), gen())
    assert torch.equal(out.valid, out.index <= 11 + 1e-5)  # beyond 11 a frame takes a part of frame 12
    half = time_maps.TimeMatrix(torch.eye(T).flip(0).expand(3, -1, -1), torch.tensor([True, False, True]))
    moved, kept = time_maps.follow_frames([half], numbered(3), None, valid)
    assert torch.equal(moved, torch.where(half.apply[:, None], index.flip(1), index))
    assert torch.equal(kept, torch.where(half.apply[:, None], valid.flip(1), valid))


@pytest.mark.parametrize("stream", ["joint", "joint+motion"])
def test_the_window_of_the_preprocessor_is_a_map_of_time_too(stream):
    valid = torch.ones(N, T, dtype=torch.bool)
    valid[:, 16:] = False
    views = dict(query=[dict(type="TemporalCrop"), dict(type="TemporalFlip")])
    pre = SkeletonPreprocessor("ntu25", stream, views=views, window=8, seed=0)
    for training in (True, False):
        (view,) = pre(dict(inputs=View(numbered(), valid=valid)), training)["inputs"].values()
        torch.testing.assert_close(view.index, view.data[:, 0, :, 0, 0], atol=1e-4, rtol=0)
        assert view.valid.shape == (N, 8)
        assert not view.valid[view.index > 15 + 1e-4].any()
        assert view.valid[view.index < 14].all()
    torch.testing.assert_close(view.index[0], (torch.arange(8) + 0.5) * 2.5 - 0.5)
