"""Joints of Penn Action that are out of the picture."""

from __future__ import annotations

import numpy as np

from mmsync.datasets.sources.sequences.penn import fill_lost


def clip() -> np.ndarray:
    joints = np.random.default_rng(0).uniform(50, 200, (6, 3, 3)).astype(np.float32)
    joints[..., 2] = 1
    return joints


def test_lost_joints_are_interpolated_between_frames_and_held_at_the_ends():
    joints = clip()
    whole = joints.copy()
    joints[[0, 3], 1] = 1, 1, 0
    filled = fill_lost(joints)
    np.testing.assert_allclose(filled[3, 1, :2], (whole[2, 1, :2] + whole[4, 1, :2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(filled[0, 1, :2], whole[1, 1, :2])
    others = np.ones((6, 3), dtype=bool)
    others[[0, 3], 1] = False
    np.testing.assert_array_equal(filled[others], whole[others])
    assert joints[3, 1, 0] == 1  # what was read is not changed


def test_a_joint_that_no_frame_has_is_amid_the_others_and_hidden_ones_in_the_picture_stay():
    joints = clip()
    joints[:, 0] = 0.7, 0.7, 0
    joints[2, 1, 2] = 0  # hidden behind something: its place is annotated
    filled = fill_lost(joints)
    np.testing.assert_allclose(filled[:, 0, :2], joints[:, 1:, :2].mean(1), rtol=1e-6)
    np.testing.assert_array_equal(filled[:, 1:], joints[:, 1:])


def test_clips_without_lost_joints_are_given_as_they_are():
    joints = clip()
    assert fill_lost(joints) is joints
    joints[:] = 1
    joints[..., 2] = 0
    assert fill_lost(joints) is joints  # nothing is known; sequences of it are refused elsewhere
