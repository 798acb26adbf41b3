"""The body frame equals a loop over frames and joints, and is the same of one motion whatever recorded it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.errors import LayoutError
from mmsync.ops.body_frame import CHILD, PARENT, body_frame
from mmsync.structures import SkeletonLayout, body_matrix, remap_matrix

BODIES = [name for name in SkeletonLayout.names() if name != "hands42"]
SCALE = [(a, b) for a, b in zip(CHILD, PARENT)]


def person(frames: int = 40, seed: int = 0, place: float = 0.0) -> np.ndarray:
    """A person ``(T, 25, 3)`` in ntu25 that walks and waves, y up, left at +x, in meters."""
    rng = np.random.default_rng(seed)
    layout = SkeletonLayout.get("ntu25")
    at = {
        "pelvis": (0, 0.95, 0), "spine": (0, 1.2, 0), "spine_shoulder": (0, 1.4, 0), "neck": (0, 1.48, 0),
        "head": (0, 1.65, 0), "shoulder": (0.18, 1.4, 0), "elbow": (0.25, 1.15, 0), "wrist": (0.28, 0.92, 0.05),
        "hand": (0.28, 0.86, 0.06), "hand_tip": (0.28, 0.82, 0.07), "thumb": (0.25, 0.86, 0.09),
        "hip": (0.09, 0.93, 0), "knee": (0.1, 0.5, 0.02), "ankle": (0.1, 0.1, 0), "foot": (0.1, 0.04, 0.12),
    }  # fmt: skip
    out = np.zeros((frames, 25, 3))
    phase = np.linspace(0, 6, frames)
    for index, joint in enumerate(layout.joints):
        side, _, limb = joint.partition("_")
        base = np.array(at[limb if side in ("left", "right") else joint], dtype=float)
        base[0] *= -1 if side == "right" else 1
        swing = 0.05 * rng.normal(size=3) * np.sin(phase * rng.uniform(0.5, 1.5) + rng.uniform(0, 6))[:, None]
        out[:, index] = base + swing
    out[..., 2] += 0.3 * phase[:, None]
    out[..., 0] += place
    return out


def turn(x: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return x @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T


def framed(x: np.ndarray, layout: str = "ntu25", **masks) -> np.ndarray:
    """One clip ``(M, T, V, C)`` in the body frame."""
    matrix = torch.from_numpy(body_matrix(layout))
    masks = {name: torch.as_tensor(value)[None] for name, value in masks.items()}
    return body_frame(torch.from_numpy(x).double()[None], matrix, **masks)[0][0].numpy()


def by_loops(persons: list[np.ndarray], frames: int) -> np.ndarray:
    """The body frame of persons ``(T, 20, 3)`` with y up, who are seen in all frames."""
    length = len(persons[0])
    out = np.zeros((len(persons), frames, 20, 3))
    for m, x in enumerate(persons):
        for i in range(frames):
            t = i * (length - 1) / (frames - 1)
            low = min(int(t), length - 1)
            out[m, i] = x[low] + (t - low) * (x[min(low + 1, length - 1)] - x[low])
    bones = []
    for child, parent in SCALE:
        lengths = [np.linalg.norm(out[m, i, child] - out[m, i, parent]) for m in range(len(out)) for i in range(frames)]
        bones.append(np.percentile(lengths, 90))
    out /= np.mean(bones)
    out -= np.mean([out[m, i, 0] for m in range(len(out)) for i in range(frames)], axis=0)
    for m in range(len(out)):
        side = sum(out[m, i, 4] - out[m, i, 8] + out[m, i, 12] - out[m, i, 16] for i in range(frames))
        out[m] = turn(out[m], np.arctan2(side[2], side[0]))
    return out


@pytest.mark.parametrize("frames", [1, 2, 17, 64, 90])
def test_it_equals_a_loop(frames):
    matrix = remap_matrix("ntu25", "kinect20")
    persons = [turn(person(frames, seed), angle) + place for seed, angle, place in ((0, 0.4, 0.0), (1, 2.5, 1.0))]
    expected = by_loops([matrix @ x for x in persons], 64)
    np.testing.assert_allclose(framed(np.stack(persons)), expected, atol=1e-10)


def test_direction_size_place_and_unit_do_not_matter():
    x = np.stack([person(seed=0), turn(person(seed=1, place=1.0), 3.0)])
    expected = framed(x)
    for other in (turn(x, 1.3), 1000 * x, x + [3.0, -1.0, 8.0]):
        np.testing.assert_allclose(framed(other), expected, atol=1e-8)


@pytest.mark.parametrize("axes", [(2, 0, 1), (0, 2, 1), (1, 2, 0)])
@pytest.mark.parametrize("down", [False, True])
def test_any_axis_may_be_the_vertical(axes, down):
    """The axes are exchanged and their signs changed such that the person is not reflected."""
    x = person()[None]
    other = x[..., axes].copy()
    vertical = axes.index(1)
    if down:
        other[..., vertical] *= -1
    if np.linalg.det(np.eye(3)[list(axes)]) * (-1 if down else 1) < 0:
        other[..., (vertical + 1) % 3] *= -1
    np.testing.assert_allclose(framed(other), framed(x), atol=1e-8)


def test_left_is_at_plus_x_and_up_is_up():
    out = framed(turn(person(), 2.0)[None])[0]
    assert (out[:, 4, 0] > out[:, 8, 0]).all()
    assert (out[:, 3, 1] > out[:, 0, 1]).all()
    assert (out[:, 15, 2] > out[:, 14, 2]).all()  # feet point to +z: nobody is reflected
    assert abs(out[:, 0].mean(0)).max() < 1e-8


@pytest.mark.parametrize("name", BODIES)
def test_layouts_of_one_motion_are_nearly_the_same(name):
    """By a tenth of a mean bone on average, a fiftieth of the body's height: necks differ, and some lack hands."""
    people = SkeletonLayout.get(name)
    matrix = np.zeros((people.num_joints, 25))
    joints = SkeletonLayout.get("ntu25").joints
    for row, joint in zip(matrix, people.joints):
        side = joint.partition("_")[0]
        near = {"nose": "head", "spine_lower": "spine", "spine_upper": "spine_shoulder"}
        limb = {"eye": "head", "ear": "head", "collar": f"{side}_shoulder"}
        near.update({f"{side}_{part}": to for part, to in limb.items()})
        near.update({f"{side}_{part}": f"{side}_foot" for part in ("big_toe", "small_toe", "heel")})
        row[joints.index(near.get(joint, joint))] = 1
    x = person()[None]
    out, expected = framed(matrix @ x, name), framed(x)
    error = abs(out - expected)
    assert error.mean() < 0.1
    assert error.max() < 0.8  # a hand at the wrist, a foot at the ankle


def test_pictures_have_no_depth_and_up_is_up():
    """The y of 2D joints is down."""
    x = person()[None]
    flat = np.stack([x[..., 0], -x[..., 1]], -1) * 100 + 300
    out = framed(flat)
    assert not out[..., 2].any()
    assert (out[..., 3, 1] > out[..., 0, 1]).all()
    np.testing.assert_allclose(out, framed(flat * 3 - 7), atol=1e-8)
    mirrored = framed(flat * [-1, 1])  # nobody is turned, whichever side the left one is
    np.testing.assert_allclose(mirrored, out * [-1, 1, 1], atol=1e-8)


def test_frames_that_do_not_count_and_frames_without_the_person():
    """Invalid frames leave the clip; where a person is missed, it moves evenly from frame to frame."""
    x = np.stack([person(50, 0), person(50, 1, 1.0)])
    valid = np.ones(50, bool)
    valid[:6] = valid[44:] = False
    dirty = x.copy()
    dirty[:, ~valid] = 99
    np.testing.assert_allclose(framed(dirty, valid=valid), framed(x[:, valid]), atol=1e-8)
    even = x[:, :41].copy()
    even[1, 11:20] = even[1, 10] + np.arange(1, 10)[:, None, None] / 10 * (even[1, 20] - even[1, 10])
    missed = even.copy()
    missed[1, 11:20] = 0
    np.testing.assert_allclose(framed(missed), framed(even), atol=1e-8)
    late = x.copy()
    late[1, :5] = 0
    held = x.copy()
    held[1, :5] = x[1, 5]
    np.testing.assert_allclose(framed(late), framed(held), atol=1e-8)


def test_the_frames_that_are_shown():
    x = torch.from_numpy(person(20)[None, None])
    valid = torch.arange(20).expand(1, -1) >= 5
    time = body_frame(x, torch.from_numpy(body_matrix("ntu25")), None, valid, 29)[2]
    torch.testing.assert_close(time, torch.arange(29.0, dtype=time.dtype)[None] / 2 + 5)


def test_absent_persons_are_zero_and_change_nothing():
    x = np.stack([person(seed=0), person(seed=1)])
    out = framed(x, present=[True, False])
    assert not out[1].any()
    np.testing.assert_allclose(out[:1], framed(x[:1]), atol=1e-10)
    alone = x.copy()
    alone[1] = 0
    present = body_frame(torch.from_numpy(alone)[None], torch.from_numpy(body_matrix("ntu25")))[1]
    assert present.tolist() == [[True, False]]


def test_clips_of_a_batch_do_not_change_each_other():
    clips = [person(30, seed)[None] for seed in range(3)]
    clips[1] = clips[1][..., [0, 2, 1]] * [1, 1, -1]
    matrix = torch.from_numpy(body_matrix("ntu25"))
    together = body_frame(torch.from_numpy(np.stack(clips)), matrix)[0]
    for clip, out in zip(clips, together):
        np.testing.assert_allclose(out.numpy(), framed(clip), atol=1e-10)


@pytest.mark.parametrize("frames", [1, 5])
def test_what_does_not_move_has_no_size_or_is_not_there_is_finite(frames):
    still = np.repeat(person(1), frames, 0)
    point = np.ones((frames, 25, 3))
    x = torch.from_numpy(np.stack([still, point, 0 * point])[:, None]).float()
    out, present, time = body_frame(x, torch.from_numpy(body_matrix("ntu25")))
    assert out.isfinite().all()
    assert time.isfinite().all()
    assert present.flatten().tolist() == [True, True, False]
    assert (out[0, 0] == out[0, 0, :1]).all()


def test_half_precision_does_not_round_the_clips():
    x = torch.from_numpy(person(8)[None, None]).float()
    matrix = torch.from_numpy(body_matrix("ntu25")).float()
    with torch.autocast("cpu", torch.bfloat16):
        out = body_frame(x, matrix)[0]
    torch.testing.assert_close(out, body_frame(x, matrix)[0], rtol=0, atol=0)


# ---- layouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BODIES)
def test_every_layout_of_a_body_can_be_read(name):
    matrix = body_matrix(name)
    assert matrix.shape == (20, SkeletonLayout.get(name).num_joints)
    np.testing.assert_allclose(matrix.sum(1), 1)
    try:
        np.testing.assert_array_equal(matrix, remap_matrix(name, "kinect20"))
    except LayoutError:
        pytest.fail(f"{name} can be read without ancestors")


def test_hands_are_no_body():
    with pytest.raises(LayoutError, match=r"layout 'hands42' is no body: it has nothing for pelvis, .*ntu25"):
        body_matrix("hands42")


def test_a_body_without_legs_stands_on_its_pelvis_and_unknown_joints_are_left_out():
    names = ["pelvis", "neck", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "tail", "left_horn"]
    layout = SkeletonLayout("upper", tuple(names), (0, 0, 1, 1, 2, 3, 0, 6))
    matrix = body_matrix(layout)
    out = {joint: row for joint, row in zip(SkeletonLayout.get("kinect20").joints, matrix)}
    for joint in ("left_hip", "left_foot", "right_ankle"):
        np.testing.assert_array_equal(out[joint], np.eye(8)[0])
    np.testing.assert_array_equal(out["right_hand"], np.eye(8)[5])
    np.testing.assert_array_equal(out["head"], np.eye(8)[1])
    assert not matrix[:, 6:].any()
    x = person()
    joints = [SkeletonLayout.get("ntu25").joints.index(name) for name in names[:6]]
    few = np.concatenate([x[:, joints], np.full((40, 2, 3), 50.0)], 1)
    out = framed(few[None], layout)[0]
    bones = np.linalg.norm(out[:, CHILD] - out[:, PARENT], axis=-1)
    long = np.percentile(bones, 90, axis=0)
    assert long[long > 0].mean() == pytest.approx(1)  # bones that are not there do not make the others longer
    assert (long > 0).sum() == 6
