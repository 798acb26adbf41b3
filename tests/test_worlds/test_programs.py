"""Motion programs: kinematics equal the NumPy ones, bodies are rigid and stand on the floor, draws can be repeated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.structures import SkeletonLayout
from mmsync.worlds import kinematics, performers
from mmsync.worlds.postures import ARM_POSES, TOUCHES, reach, touch_poses
from mmsync.worlds.programs import MotionPrograms, program_pairs
from mmsync.worlds.sensors import Sensor

LAYOUT = SkeletonLayout.get("kinect20")
HEAD = LAYOUT.joint("head")  # bends in the neck, which is no joint of the layout
BONES = torch.tensor([(child, parent) for child, parent in LAYOUT.bones if child not in (parent, HEAD)])
QUIET = Sensor(pictures=0, turn=0, noise=0, faults=0, layouts=0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clean(count: int, seed: int = 0, **arguments) -> torch.Tensor:
    generator = seeded(seed)
    return MotionPrograms.draw(count, generator, **arguments).render(generator, sensor=None)


def lengths(points: torch.Tensor) -> torch.Tensor:
    child, parent = BONES.T
    return (points[..., child, :] - points[..., parent, :]).norm(dim=-1)


@pytest.mark.parametrize("joints", [None, performers.KINECT20, (7, 3)])
def test_forward_kinematics_is_that_of_numpy(joints):
    rng = np.random.default_rng(0)
    angles, offsets = rng.normal(size=(4, 6, 25, 3)), rng.normal(size=(4, 25, 3))
    expected = kinematics.forward_kinematics(angles, offsets[:, None])
    points = performers.forward_kinematics(torch.tensor(angles).permute(2, 3, 0, 1), torch.tensor(offsets), joints)
    expected = expected[:, :, list(range(25) if joints is None else joints)]
    np.testing.assert_allclose(points.permute(2, 3, 0, 1), expected, atol=1e-12)


def test_joints_are_those_of_kinect20():
    ntu = SkeletonLayout.get("ntu25").joints
    assert [ntu[j] for j in performers.KINECT20] == list(LAYOUT.joints)


def test_a_generator_says_it_all():
    first, again, other = (program_pairs(8, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == first[1].shape == (8, 1, 64, 20, 3)
    assert first[0].dtype == torch.float32
    state = seeded(1).get_state()
    assert not torch.equal(first[0], first[1])
    torch.manual_seed(0)
    generator = torch.Generator()
    generator.set_state(state)
    assert torch.equal(program_pairs(8, generator)[0], first[0])  # nothing comes from the global generator


def test_bones_keep_their_length():
    points = clean(64)
    assert torch.isfinite(points).all()
    bones = lengths(points)
    assert (bones - bones[:, :1]).abs().max() < 1e-5
    height = points[:, 0].mean(0)  # of no one in particular
    assert 0.6 < height[3, 1] < 1.8
    size = bones[:, 0].sum(1)
    assert size.std() > 0.02 * size.mean()


def test_the_lowest_joint_is_on_the_floor():
    lowest = clean(256)[..., 1].amin(2)
    assert lowest.min() > -1e-5
    assert lowest.max() <= 0.6 + 1e-5
    assert (lowest.amin(1) < 0.01).float().mean() > 0.99
    flies = (lowest.amax(1) > 0.02).float().mean()
    assert 0.03 < flies < 0.25


def test_bodies_stand_upright_and_face_forward():
    points = clean(256)
    neck = points[:, :, 2] - points[:, :, 0]
    assert (neck[..., 1] > 0).float().mean() > 0.95
    left = points[:, :, 4] - points[:, :, 8]
    assert (left[..., 0] > 0).float().mean() > 0.85
    assert (points[:, :, 15] - points[:, :, 14])[..., 2].mean() > 0  # feet point forward


def test_controls_stay_within_the_limits_of_joints():
    generator = seeded()
    programs = MotionPrograms.draw(256, generator)
    seen = []
    angles_of = performers.joint_angles
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performers, "joint_angles", lambda controls: seen.append(controls) or angles_of(controls))
        programs.render(generator)
    low, high = performers.LIMITS.T[..., None]
    assert ((seen[0] >= low) & (seen[0] <= high)).all()
    points = programs.render(generator, sensor=None)
    for hip, knee, ankle in ((12, 13, 14), (16, 17, 18)):
        thigh, shank = points[:, :, knee] - points[:, :, hip], points[:, :, ankle] - points[:, :, knee]
        assert torch.cosine_similarity(thigh, shank, dim=-1).min() > np.cos(2.51)
    # before they are cut, few values are beyond
    assert (seen[0] == low).float().mean() + (seen[0] == high).float().mean() < 0.1


def test_every_control_moves():
    generator = seeded()
    controls = MotionPrograms.draw(2000, generator)._controls(performers.Dice(generator), 32, False)
    moved = (controls.amax(2) - controls.amin(2) > 0.4).float().mean(0)
    least = torch.full((performers.NUM_CONTROLS,), 0.01)
    least[performers.LIFT] = 0
    least[performers.TIP] = 0.005
    assert (moved > least).all(), moved
    assert moved.mean() < 0.5  # most of a body is still


def test_two_renderings_are_closer_than_two_programs():
    generator = seeded()
    programs = MotionPrograms.draw(200, generator)
    a, b = (programs.render(generator, sensor=None) for _ in range(2))
    a, b = ((x - x[:, :, :1]).flatten(1) for x in (a, b))
    nearest = torch.cdist(a, b).argmin(1)
    share = (nearest == torch.arange(200)).float().mean()
    assert 0.3 < share < 0.995


def test_hands_reach_their_places():
    def hand(pose: torch.Tensor) -> torch.Tensor:
        controls = torch.zeros(len(pose), performers.NUM_CONTROLS, 1)
        controls[:, :4, 0] = pose
        offsets = torch.tensor(kinematics.OFFSETS, dtype=torch.float32).expand(len(pose), -1, -1)
        return performers.forward_kinematics(performers.joint_angles(controls), offsets, [7])[0, :, :, 0].T

    poses = touch_poses(torch.device("cpu"))
    places = torch.tensor(list(TOUCHES.values()))[:, :3]
    assert (hand(poses) - places).norm(dim=1).max() < 0.02  # shares of the stature
    low, high = performers.LIMITS[:4].T
    assert ((poses > low - 0.05) & (poses < high + 0.05)).all()
    # any place in reach, and any posture is found again up to the choice of the elbow
    places = hand(ARM_POSES)
    assert (hand(reach(places, ARM_POSES[:, 1])) - places).norm(dim=1).max() < 0.02


def test_pictures_have_no_depth():
    generator = seeded()
    programs = MotionPrograms.draw(200, generator)
    flat = (programs.render(generator)[..., 2] == 0).flatten(1)
    assert torch.equal(flat.all(1), flat.any(1))
    assert 0.2 < flat.all(1).float().mean() < 0.4
    assert (programs.render(generator, sensor=Sensor(pictures=1))[..., 2] == 0).all()
    assert (programs.render(generator, sensor=Sensor(pictures=0))[..., 2] != 0).all()


def test_a_quiet_sensor_changes_nothing():
    points = clean(16)
    torch.testing.assert_close(QUIET(points[:, None], seeded())[:, 0], points, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["turn", "noise", "faults", "layouts"])
def test_each_kind_of_nuisance_does_something(kind):
    points = clean(200)
    changed = Sensor(**{**vars(QUIET), kind: 1})(points[:, None], seeded())[:, 0]
    moved = (changed - points).norm(dim=-1)
    assert torch.isfinite(changed).all()
    if kind == "turn":
        torch.testing.assert_close(changed[..., 1].mean(), points[..., 1].mean(), atol=0.03, rtol=0)
    elif kind == "noise":
        jitter = (changed - points)[:, :, 4:].std()
        assert 0.005 < jitter < 0.02
    elif kind == "faults":
        assert 0.005 < (moved > 0.05).float().mean() < 0.1
    else:
        at_parent = (changed[:, :, 7] == changed[:, :, 6]).all(2).all(1).float().mean()
        assert 0.3 < at_parent < 0.6
        folded = (changed[:, :, 12:] == changed[:, :, :1]).flatten(1).all(1).float().mean()
        assert 0.0 < folded < 0.15


def test_mirrored_programs_are_mirror_images():
    generator = seeded(3)
    programs = MotionPrograms.draw(32, generator)
    points = programs.render(seeded(5), sensor=None)
    programs.mirrored = ~programs.mirrored
    mirrored = programs.render(seeded(5), sensor=None)
    expected = points[:, :, list(LAYOUT.flip_index)] * torch.tensor([-1.0, 1, 1])
    assert torch.equal(mirrored, expected)


def test_variants_differ_in_one_respect():
    programs = MotionPrograms.draw(400, seeded(), variants=0.5)
    same = {name: (value[:200] == value[200:]).reshape(200, -1).all(1) for name, value in vars(programs).items()}
    changed = torch.stack([~same[name] for name in ("mirrored", "reverse", "rate")])
    arm = ~(same["keys"] & same["swing"] & same["resting"])
    assert (changed.sum(0) + arm.int() <= 1).all()
    assert same["times"].all()
    for share, least in ((changed[0], 0.25), (changed[1], 0.2), (changed[2], 0.05), (arm, 0.15)):
        assert share.float().mean() > least
    assert not vars(MotionPrograms.draw(50, seeded()))["mirrored"].any()


def test_resting_arms_can_be_drawn_anew():
    generator = seeded()
    programs = MotionPrograms.draw(64, generator)
    rests = programs.resting.all(2).any(1)
    assert rests.float().mean() > 0.3
    fixed, new = (programs.render(seeded(1), sensor=None, redraw_rest=redraw) for redraw in (False, True))
    assert fixed.shape == new.shape
    assert not torch.equal(fixed[rests], new[rests])


def test_people_meet_face_to_face():
    first, second = program_pairs(40, seeded(), meetings=0.5)
    for clips in (first, second):
        assert clips.shape == (40, 2, 64, 20, 3)
        assert (clips[20:, 1] == 0).all()
        assert torch.isfinite(clips).all()
        deep = clips[:20][(clips[:20, 0, :, :, 2] != 0).flatten(1).any(1)]
        one, other = deep.unbind(1)
        left = (deep[:, :, :, 4] - deep[:, :, :, 8]).mean(2)[..., 0]
        assert (left[:, 0] > 0).float().mean() > 0.7
        assert (left[:, 1] < 0).float().mean() > 0.7
        gap = (other - one)[:, 0, 0, [0, 2]].norm(dim=1)
        assert 0.5 < gap.median() < 1.8
    # what one does says nothing of the other's sensor: both lack the same joints
    hands = (first[:20, :, :, 7] == first[:20, :, :, 6]).flatten(2).all(2)
    assert torch.equal(hands[:, 0], hands[:, 1])
    assert hands.any()


@pytest.mark.parametrize(("count", "frames"), [(0, 64), (1, 1), (3, 17)])
def test_small_batches(count, frames):
    generator = seeded()
    points = MotionPrograms.draw(count, generator).render(generator, frames)
    assert points.shape == (count, frames, 20, 3)
    assert torch.isfinite(points).all()
