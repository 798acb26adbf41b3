"""Each transform against another implementation or a closed form."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmsync.datasets.transforms import (
    AimCLR50,
    AlignView,
    CenterOnJoint,
    CropResize,
    PackSkeleton,
    ParallelToX,
    RemapSkeleton,
    ResizeClip,
    ScaleAxes,
    ScaleToBody,
    TrimEmpty,
    UniformSampleFrames,
)
from mmsync.errors import ConfigError, LayoutError
from mmsync.structures import SkeletonLayout

NTU = SkeletonLayout.get("ntu25")


def clip(shape=(2, 17, 25, 3), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(transform, keypoint, layout=NTU, num_coords=3, seed=0):
    mask = keypoint[..., :num_coords].any(axis=(1, 2, 3))
    results = dict(
        keypoint=keypoint, person_mask=mask, label=3, name="x", index=7, role="train", attributes={"view": 2},
        layout=layout, num_coords=num_coords, rng=np.random.default_rng(seed),
    )  # fmt: skip
    before = keypoint.copy()
    out = transform(results)
    np.testing.assert_array_equal(keypoint, before, err_msg="a transform must not write into the source's clip")
    return out


@pytest.mark.parametrize(("frames", "length"), [(17, 50), (50, 17), (1, 5), (9, 9), (3, 1)])
def test_resize_is_that_of_opencv_and_torch(frames, length):
    x = clip((2, frames, 25, 3))
    ours = run(ResizeClip(length), x)["keypoint"]
    assert ours.dtype == np.float32
    for person in range(2):
        image = x[person]  # (T, V, C): an image of height T
        theirs = cv2.resize(image, (25, length), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(ours[person], theirs, atol=2e-5)  # theirs compute positions in float32
    columns = torch.from_numpy(x).permute(0, 2, 3, 1).flatten(1, 2)
    theirs = F.interpolate(columns, length, mode="linear", align_corners=False).unflatten(1, (25, 3))
    np.testing.assert_allclose(ours, theirs.permute(0, 3, 1, 2), atol=2e-5)  # theirs compute positions in float32


def test_crop_resize_takes_the_centre_of_the_valid_frames():
    x = clip((1, 100, 25, 3))
    x[:, 80:] = 0
    ours = run(CropResize(64, ratio=(0.95,)), x)["keypoint"]
    cut = int(0.05 * 80 / 2)
    np.testing.assert_array_equal(ours, run(ResizeClip(64), x[:, cut : 80 - cut])["keypoint"])


def test_random_crops_obey_their_bounds():
    frames = np.arange(1.0, 101, dtype=np.float32)  # a clip that tells which frames were taken
    x = np.broadcast_to(frames[None, :, None, None], (1, 100, 25, 3)).copy()
    lengths = []
    for seed in range(200):
        y = run(CropResize(1000, ratio=(0.5, 1.0)), x, seed=seed)["keypoint"][0, :, 0, 0]
        lengths.append(round(y[-1] - y[0]) + 1)
        assert y[0] >= 1
        assert y[-1] <= 100
    assert min(lengths) == 64  # not fewer frames, although half of 100 was allowed
    assert max(lengths) > 90
    short = run(CropResize(40, ratio=(0.5, 1.0)), x[:, :30])["keypoint"]
    np.testing.assert_array_equal(short, run(ResizeClip(40), x[:, :30])["keypoint"])


@pytest.mark.parametrize("random", [False, True])
def test_uniform_sampling_takes_one_frame_of_each_part(random):
    x = np.broadcast_to(np.arange(103)[None, :, None, None], (1, 103, 25, 3)).astype(np.float32)
    taken = run(UniformSampleFrames(10, random), x)["keypoint"][0, :, 0, 0]
    edges = np.arange(11) * 103 // 10
    assert ((taken >= edges[:-1]) & (taken < edges[1:])).all()
    looped = run(UniformSampleFrames(10, random), x[:, :4])["keypoint"][0, :, 0, 0]
    assert (np.diff(looped) % 4 == 1).all()


def test_trim_empty():
    x = clip((2, 9, 25, 3))
    x[:, [0, 1, 4, 8]] = 0
    np.testing.assert_array_equal(run(TrimEmpty(), x)["keypoint"], x[:, 2:8])
    np.testing.assert_array_equal(run(TrimEmpty(inner=True), x)["keypoint"], x[:, [2, 3, 5, 6, 7]])


def test_centering_keeps_what_it_promises():
    x = clip()
    x[0, :2] = x[0, 8] = 0  # the first person comes late and is lost once
    x[1, 5] = 0
    y = run(CenterOnJoint(3, frame="first", person="first"), x)["keypoint"]
    seen = x.any(axis=(2, 3))
    np.testing.assert_allclose(y[seen], (x - x[0, 2, 3])[seen], atol=1e-6)
    assert not y[~seen].any()
    y = run(CenterOnJoint("head", frame="each", person="each"), x)["keypoint"]
    assert not y[:, :, 3].any()
    np.testing.assert_allclose(y[1, 4], x[1, 4] - x[1, 4, 3], atol=1e-6)
    y = run(CenterOnJoint(3, frame="each", person="first"), x)["keypoint"]
    np.testing.assert_allclose(y[1, 8], x[1, 8] - x[0, 7, 3], atol=1e-6, err_msg="the last place of the first holds")
    y = run(CenterOnJoint(3, frame="first", person="each"), x)["keypoint"]
    np.testing.assert_allclose(y[1, 6], x[1, 6] - x[1, 0, 3], atol=1e-6)


def test_centering_leaves_absent_persons_and_scores_alone():
    x = clip((2, 5, 17, 3))
    x[0] = 0
    x[1, :, :, 2] = 0.5
    y = run(CenterOnJoint(0), x, SkeletonLayout.get("coco17"), num_coords=2)["keypoint"]
    assert not y[0].any()
    assert not y[1, 0, 0, :2].any()
    assert (y[1, :, :, 2] == 0.5).all()


def naive_parallel(x):
    """Frame by frame, after the description: rotation about y by the angle between the shoulder line and x."""
    y = np.zeros_like(x, dtype=np.float64)
    for m in range(len(x)):
        line = x[m, :, 8] - x[m, :, 4]
        sign = -1 if line[:, 2].sum() >= 0 else 1
        for t in range(x.shape[1]):
            v = np.array([line[t, 0], 0, line[t, 2]], dtype=np.float64)
            angle = sign * np.arccos(v[0] / (np.linalg.norm(v) + 1e-4))
            c, s = np.cos(angle), np.sin(angle)
            y[m, t] = x[m, t] @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T
    return y


def test_parallel_to_x_is_the_published_rule():
    x = clip()
    x[1] = 0
    y = run(ParallelToX(), x)["keypoint"]
    np.testing.assert_allclose(y, naive_parallel(x), atol=1e-5)
    assert not y[1].any()
    x[0, :, 8, 2] = x[0, :, 4, 2] + 1  # one sign for all frames is the right one here
    y = run(ParallelToX(), x)["keypoint"]
    np.testing.assert_allclose(y[0, :, 8, 2], y[0, :, 4, 2], atol=1e-2)


def test_aimclr50_is_its_four_steps():
    x = clip((2, 30, 25, 3))
    x[:, 20:] = 0
    x[1] = 0
    y = run(AimCLR50(), x)["keypoint"]
    part = x[:, :20] - x[:, :20, 20:21]
    resized = cv2.resize(part[0], (25, 50), interpolation=cv2.INTER_LINEAR)[None]
    np.testing.assert_allclose(y[:1], naive_parallel(resized), atol=1e-4)
    assert not y[1].any()


@pytest.mark.parametrize(("vertical", "across"), [("y", 2), ("z", 1)])
def test_align_view_undoes_a_turn_of_the_camera(vertical, across):
    x = clip()
    x[0, :, 8] = x[0, :, 4] + np.eye(3, dtype=np.float32)[0]  # the shoulders lie along x already
    plane, angle = [0, across], 2.3
    turned = x.copy()
    turned[..., plane] = x[..., plane] @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    y = run(AlignView(vertical=vertical), turned.astype(np.float32))["keypoint"]
    np.testing.assert_allclose(y, x, atol=1e-5)  # both persons: their place to each other is kept


def test_align_view_of_an_upright_line_changes_nothing():
    x = clip()
    x[:, :, 8] = x[:, :, 4] + np.array([0, 1, 0], dtype=np.float32)
    np.testing.assert_array_equal(run(AlignView(), x)["keypoint"], x)


def test_scale_to_body_takes_out_size_and_unit():
    """Bones of the named lengths in nine of ten frames or more; shorter ones of a camera from above change nothing."""
    layout = SkeletonLayout.from_config({"name": "stick", "joints": ["hip", "knee", "foot"], "parents": [0, 0, 1]})
    x = np.zeros((2, 20, 3, 3), np.float32)
    x[0, :, 0] = 5, 7, 0.3  # x, y, score
    x[0, :, 1] = x[0, :, 0] + (3, 4, 0.1)
    x[0, :, 2] = x[0, :, 1] + (0, 15, 0.2)
    x[0, :12, 2, 1] -= 6
    x[1, 4:] = x[0, 4:] * 2 + 1
    out = run(ScaleToBody(bone_length=2), x, layout, 2)["keypoint"]
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[..., :2], x[..., :2] * 0.2, rtol=1e-6)  # bones of 5 and 15
    np.testing.assert_array_equal(out[..., 2], x[..., 2])
    larger = x * np.float32([30, 30, 1])
    np.testing.assert_allclose(run(ScaleToBody(2), larger, layout, 2)["keypoint"], out, rtol=1e-5)
    lost = x.copy()
    lost[0, ::2, 1] = 0  # a joint that was not found makes no bone, and no frame of them either
    lost[0, 5] = 0
    np.testing.assert_allclose(
        run(ScaleToBody(2), lost, layout, 2)["keypoint"][..., :2], lost[..., :2] * 0.2, rtol=1e-6
    )


def test_scale_to_body_of_nothing_to_measure():
    for x in (np.zeros((1, 4, 25, 3), np.float32), np.ones((1, 4, 25, 3), np.float32)):
        np.testing.assert_array_equal(run(ScaleToBody(), x)["keypoint"], x)
    loose = SkeletonLayout.from_config({"name": "loose", "joints": 3, "parents": [0, 1, 2]})
    x = clip((1, 4, 3, 2))
    np.testing.assert_array_equal(run(ScaleToBody(), x, loose, 2)["keypoint"], x)


def test_each_axis_has_its_unit_and_scores_have_none():
    x = clip((1, 4, 17, 3))
    out = run(ScaleAxes((2.0, -3.0)), x, SkeletonLayout.get("coco17"), 2)["keypoint"]
    np.testing.assert_array_equal(out, x * np.float32([2, -3, 1]))
    with pytest.raises(ConfigError, match="the clips have 3 coordinates; give one factor for each"):
        run(ScaleAxes((2.0, 3.0)), clip())


def test_remap_averages_and_takes_the_lowest_score():
    x = np.abs(clip((1, 4, 17, 3)))
    out = run(RemapSkeleton("coco17", "h36m17"), x, SkeletonLayout.get("coco17"), num_coords=2)
    y = out["keypoint"]
    assert out["layout"].name == "h36m17"
    np.testing.assert_allclose(y[..., 0, :2], (x[..., 11, :2] + x[..., 12, :2]) / 2, atol=1e-6)
    np.testing.assert_allclose(y[..., 0, 2], np.minimum(x[..., 11, 2], x[..., 12, 2]))
    np.testing.assert_allclose(y[..., 13, :], x[..., 9, :])
    with pytest.raises(LayoutError, match="src='coco17', but the clips are 'ntu25'"):
        run(RemapSkeleton("coco17", "h36m17"), clip())


def test_pack_pads_and_drops_persons():
    x = clip((3, 5, 25, 3))
    x[1] = 0
    two = run(PackSkeleton(num_persons=2), x)
    np.testing.assert_array_equal(two["inputs"]["skeleton"].data, x[[0, 2]])  # those who are there go first
    assert two["inputs"]["skeleton"].present.tolist() == [True, True]
    four = run(PackSkeleton(num_persons=4), x)
    assert four["inputs"]["skeleton"].present.tolist() == [True, False, True, False]
    assert not four["inputs"]["skeleton"].data[3].any()
    sample = two["data_samples"]
    assert (sample.name, sample.index, sample.role, sample.view, sample.gt_label) == ("x", 7, "train", 2, 3)


def test_packing_copies_a_read_only_map():
    x = clip()
    x.flags.writeable = False
    packed = run(PackSkeleton(), x)["inputs"]["skeleton"].data
    packed.zero_()
    assert x.any()


def test_wrong_arguments_are_told():
    for make, message in [
        (lambda: ResizeClip(0), "length=0"),
        (lambda: CropResize(5, ratio=(0.9, 0.5)), "ratio"),
        (lambda: CenterOnJoint(frame="all"), "frame='all'"),
        (lambda: AlignView(vertical="x"), "vertical='x'"),
        (lambda: PackSkeleton(0), "num_persons=0"),
        (lambda: ScaleToBody(-1), "bone_length=-1"),
    ]:
        with pytest.raises(ConfigError, match=message):
            make()
    with pytest.raises(ConfigError, match="2D"):
        run(AlignView(), clip((1, 4, 17, 3)), SkeletonLayout.get("coco17"), num_coords=2)
