"""Joints that were missed: filled in time, or from the nearest joint of the body."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.apis import MotionEmbedder
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import StoreSource, StoreWriter
from mmsync.datasets.transforms import FillJoints
from mmsync.structures import SkeletonLayout

COCO = SkeletonLayout.get("coco17")


def fill(keypoint: np.ndarray, num_coords: int = 2, layout: SkeletonLayout = COCO) -> np.ndarray:
    return FillJoints().transform(dict(keypoint=keypoint, num_coords=num_coords, layout=layout))["keypoint"]


@pytest.fixture
def picture() -> np.ndarray:
    """Two persons in a picture of 640 x 480, with scores."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(100, 400, size=(2, 1, 17, 2)) + rng.normal(size=(2, 30, 17, 2)).cumsum(1)
    return np.concatenate([xy, rng.uniform(size=(2, 30, 17, 1))], 3).astype(np.float32)


def test_gaps_are_filled_as_numpy_interpolates(picture):
    missed = np.random.default_rng(1).uniform(size=picture.shape[:3]) < 0.3
    clip = picture.copy()
    clip[missed, :2] = 0
    clip[1, 10:15] = 0  # nobody is seen
    expected = clip.copy()
    for person, joint, axis in np.ndindex(2, 17, 2):
        known = np.flatnonzero(clip[person, :, joint, :2].any(1))
        expected[person, :, joint, axis] = np.interp(np.arange(30), known, clip[person, known, joint, axis])
    expected[1, 10:15] = 0
    np.testing.assert_allclose(fill(clip), expected, rtol=1e-5)


def test_a_joint_that_no_frame_has_is_where_its_neighbor_is(picture):
    clip = picture.copy()
    wrist, elbow, shoulder = (COCO.joint(f"left_{name}") for name in ("wrist", "elbow", "shoulder"))
    clip[0, :, [wrist, elbow]] = 0
    found = fill(clip)
    np.testing.assert_array_equal(found[0, :, [wrist, elbow], :2], np.stack([picture[0, :, shoulder, :2]] * 2))
    np.testing.assert_array_equal(found[1], picture[1])


def test_a_layout_without_bones_takes_a_joint_that_is_there(picture):
    layout = SkeletonLayout.from_config(dict(name="dots", joints=list(COCO.joints), parents=list(range(17)), center=0))
    clip = picture.copy()
    clip[0, :, [0, 5]] = 0
    found = fill(clip, layout=layout)
    np.testing.assert_array_equal(found[0, :, [0, 5], :2], np.stack([picture[0, :, 1, :2]] * 2))


def test_the_joint_that_a_clip_is_centered_on_stays(picture):
    hip = COCO.joint("left_hip")
    clip = picture - picture[:, :, hip : hip + 1] * np.float32([1, 1, 0])
    np.testing.assert_array_equal(fill(clip), clip)
    assert fill(picture) is picture  # nothing to do, and no copy


def test_motion_s_hardly_notices_joints_that_were_missed(picture, tmp_path):
    """Neither the embedder nor a store with another layout than the data set's, whose joints are means."""
    clip = picture.copy()
    clip[np.random.default_rng(2).uniform(size=clip.shape[:3]) < 0.1] = 0
    raw, holes = MotionEmbedder(layout="coco17", num_coords=2)([picture, clip])
    assert raw @ holes / np.linalg.norm(raw) / np.linalg.norm(holes) > 0.97
    with StoreWriter(tmp_path / "store", "coco17", num_coords=2) as store:
        store.add("a", clip)
    steps = [dict(type="FillJoints"), dict(type="PackSkeleton")]
    data = SkeletonDataset(StoreSource(tmp_path / "store"), steps, layout="kinect20")
    assert data[0]["inputs"]["skeleton"].data[..., :2].ne(0).all()
