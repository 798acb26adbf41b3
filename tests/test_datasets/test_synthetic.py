"""The synthetic world is deterministic, rigid, balanced, remappable, and no single frame gives the action away."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmsync.datasets.sources import SyntheticSource
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.structures.layout import SkeletonLayout, remap_index
from mmsync.worlds import ACTIONS
from mmsync.worlds import kinematics as body

ONE = [name for name, action in ACTIONS.items() if action.persons == 1]
TWO = [name for name, action in ACTIONS.items() if action.persons == 2]


def naive_kinematics(angles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """One posture, joint by joint from the root, with rotations by SciPy."""
    from scipy.spatial.transform import Rotation

    turn, place = {}, {}
    waiting = list(range(25))
    while waiting:
        joint = waiting.pop(0)
        parent = int(body.PARENTS[joint])
        own = Rotation.from_euler("ZXY", angles[joint, [2, 0, 1]])
        if parent < 0:
            turn[joint], place[joint] = own, np.zeros(3)
        elif parent in turn:
            turn[joint] = turn[parent] * own
            place[joint] = place[parent] + turn[parent].apply(offsets[joint])
        else:
            waiting.append(joint)
    return np.stack([place[joint] for joint in range(25)])


def test_kinematics_equals_a_walk_over_the_tree():
    rng = np.random.default_rng(0)
    angles, offsets = rng.normal(size=(2, 3, 25, 3)), rng.normal(size=(25, 3))
    found = body.forward_kinematics(angles, offsets)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(found[index], naive_kinematics(angles[index], offsets), atol=1e-12)


def test_body_is_ntu25_with_limbs_on_the_right_side():
    layout = SkeletonLayout.get("ntu25")
    upright = body.forward_kinematics(np.zeros((25, 3)), body.OFFSETS)
    assert tuple(body.MIRROR) == layout.flip_index
    assert (upright[list(layout.left), 0] > 0).all()
    assert (upright[list(layout.right), 0] < 0).all()
    np.testing.assert_allclose(upright[body.MIRROR] * (-1, 1, 1), upright, atol=1e-12)
    heights = {name: upright[layout.joint(name), 1] for name in ("head", "pelvis", "left_knee", "left_foot")}
    assert heights["head"] > heights["pelvis"] > heights["left_knee"] > heights["left_foot"]


def test_same_clip_in_any_order_process_and_size():
    one, other = SyntheticSource((20, 10), seed=3), SyntheticSource((40, 30), seed=3)
    backwards = {index: one.load(index) for index in reversed(range(30))}
    copy = pickle.loads(pickle.dumps(SyntheticSource((20, 10), seed=3)))
    for index in range(30):
        larger = index if index < 20 else index + 20
        assert np.array_equal(backwards[index], other.load(larger))
        assert np.array_equal(backwards[index], copy.load(index))
        assert np.array_equal(one.phase(index), other.phase(larger))
        assert one.labels[index] == other.labels[larger]
    assert not np.array_equal(backwards[0], SyntheticSource((20, 10), seed=4).load(0))


def test_without_noise_bones_are_rigid_and_belong_to_the_performer():
    source = SyntheticSource((60, 0), num_performers=(3, 2), noise=0)
    lengths = {}
    for index in range(60):
        for points in source.load(index).astype(np.float64):
            bones = np.linalg.norm(points[:, 1:] - points[:, body.PARENTS[1:]], axis=-1)
            np.testing.assert_allclose(bones, np.broadcast_to(bones[0], bones.shape), atol=1e-5)
            if len(source.load(index)) == 1:
                lengths.setdefault(source.attributes["subject"][index], []).append(bones[0])
    means = {who: np.mean(found, axis=0) for who, found in lengths.items()}
    assert len(means) == 3
    for who, found in lengths.items():
        np.testing.assert_allclose(found, np.broadcast_to(means[who], np.shape(found)), atol=1e-5)
    assert np.ptp([mean.sum() for mean in means.values()]) > 0.05


def test_noise_disturbs_by_centimetres():
    clean, noisy = (SyntheticSource((30, 0), noise=noise) for noise in (0.0, 1.0))
    error = np.concatenate([(noisy.load(i) - clean.load(i)).ravel() for i in range(30)])
    assert 0.005 < error.std() < 0.03


def test_labels_splits_and_persons():
    source = SyntheticSource((540, 270))
    place = {name: index for index, name in enumerate(source.names)}
    assert len(place) == len(source) == 810
    for split in ("train", "test"):
        count = np.bincount(source.labels[[place[name] for name in source.splits[split]]], minlength=len(ACTIONS))
        assert count.max() - count.min() <= 1
    share = np.mean([ACTIONS[source.class_names[label]].persons == 2 for label in source.labels])
    assert share == pytest.approx(len(TWO) / len(ACTIONS), abs=0.01)
    assert 0.15 < share < 0.25
    for index in range(40):
        persons = ACTIONS[source.class_names[source.labels[index]]].persons
        assert len(source.load(index)) == persons
        assert (source.attributes["partner"][index] > 0) == (persons == 2)
    who = {
        split: {source.attributes[key][place[name]] for name in source.splits[split] for key in ("subject", "partner")}
        for split in ("train", "test")
    }
    assert who["train"] & who["test"] <= {0}
    view = {split: {source.attributes["view"][place[n]] for n in source.splits[split]} for split in source.splits}
    assert view["xview_train"] == {1, 2}
    assert view["xview_test"] == {3}
    assert not set(source.splits["xview_train"]) & set(source.splits["xview_test"])


def test_share_of_two_person_clips_is_free():
    source = SyntheticSource((100, 0), actions=[*ONE[:3], *TWO[:2]], two_person=0.5)
    count = np.bincount(source.labels)
    assert count[3:].sum() == 50
    assert np.ptp(count[3:]) <= 1
    assert np.ptp(count[:3]) <= 1


def test_both_hands_lead_and_people_face_everywhere():
    source = SyntheticSource((90, 0), actions=["hammer"], noise=0)
    clips = [source.load(index)[0] for index in range(90)]
    moved = np.array([clip.std(axis=0)[[body.LEFT_WRIST, body.RIGHT_WRIST]].sum(axis=-1) for clip in clips])
    right = (moved[:, 1] > moved[:, 0]).mean()
    assert 0.4 < right < 0.9
    across = np.array([clip[0, body.RIGHT_SHOULDER] - clip[0, body.LEFT_SHOULDER] for clip in clips])
    octants = np.floor(np.arctan2(across[:, 2], across[:, 0]) / (np.pi / 4))
    assert set(octants) == set(range(-4, 4))


def test_camera_frame_and_narrow_view():
    """Seen from the front, a person's right shoulder has the larger x, the head is up, and feet meet one floor."""
    source = SyntheticSource((30, 0), actions=["march", "bow"], noise=0, yaw=(0, 0), pitch=0, roll=0)
    for index in range(30):
        points = source.load(index)[0]
        assert points[0, body.RIGHT_SHOULDER, 0] > points[0, body.LEFT_SHOULDER, 0]
        assert points[0, body.HEAD, 1] > points[0, body.LEFT_FOOT, 1]
        assert 2 < points[..., 2].mean() < 5
        lowest = points[..., 1].min(axis=1)
        np.testing.assert_allclose(lowest, lowest[0], atol=1e-5)


def test_two_persons_come_together_and_part():
    source = SyntheticSource((40, 0), actions=["approach", "depart"], noise=0)
    for index in range(40):
        pelvis = source.load(index)[:, :, body.SPINE_BASE]
        gap = np.linalg.norm(pelvis[0] - pelvis[1], axis=-1)
        assert (gap[-1] < gap[0] - 0.5) == (source.labels[index] == 0)
        assert gap.min() > 0.3


def test_phase_follows_the_motion():
    source = SyntheticSource((60, 0), actions=["raise_arms", "lower_arms", "squat"], noise=0)
    for index in range(60):
        points, phase = source.load(index)[0], source.phase(index)
        assert phase.shape == (points.shape[0],)
        assert (phase >= 0).all()
        assert (phase < 1).all()
        if source.labels[index] == 2:
            height = (points[:, body.SPINE_BASE] - points[:, body.LEFT_FOOT])[:, 1]
            down = np.abs(phase - 0.5) < 0.1
            if down.any() and (~down).any():
                assert height[down].mean() < height[~down].mean()
        else:
            assert (np.diff(phase) >= 0).all()
            assert phase[0] < 0.01
            assert phase[-1] > 0.99


LAYOUTS = ["ntu25", "kinect20", "sbu15", "coco17", "penn13", "jhmdb15", "h36m17", "openpose18"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("num_coords", [2, 3])
def test_layouts(layout, num_coords):
    """Another layout is the mean of the joints that its remap names; two coordinates are a pinhole camera's."""
    source, plain = (SyntheticSource((6, 2), layout=name, num_coords=num_coords, noise=0) for name in (layout, "ntu25"))
    world = SyntheticSource((6, 2), num_coords=3, noise=0)
    for index in range(8):
        clip, points = source.load(index), world.load(index)
        want = np.stack([points[:, :, list(parts)].mean(axis=2) for parts in remap_index("ntu25", layout)], axis=2)
        if num_coords == 2:
            x, y, z = np.moveaxis(want, -1, 0)
            want = np.stack([960 - 1060 * x / z, 540 - 1060 * y / z, np.ones_like(x)], axis=-1)
        np.testing.assert_allclose(clip, want, rtol=1e-4, atol=1e-3)
        assert clip.dtype == np.float32
        assert np.array_equal(source.phase(index), plain.phase(index))


def test_every_shipped_layout_works_or_says_why():
    for name in SkeletonLayout.names():
        try:
            remap_index("ntu25", name)
        except LayoutError:
            with pytest.raises(LayoutError, match=name):
                SyntheticSource((1, 1), layout=name)
        else:
            clip = SyntheticSource((1, 1), layout=name).load(0)
            assert clip.shape[2] == SkeletonLayout.get(name).num_joints
            assert np.isfinite(clip).all()


def test_one_frame_does_not_give_the_action_away():
    """Nearest centroid of view-aligned middle frames stays under five times chance for one-person actions."""
    source = SyntheticSource((22 * len(ONE), 11 * len(ONE)), actions=ONE)
    frames = np.empty((len(source), 25, 3))
    for index in range(len(source)):
        points = source.load(index)[0]
        points = points[len(points) // 2]
        points = points - points[body.SPINE_BASE]
        x, _, z = points[body.RIGHT_SHOULDER] - points[body.LEFT_SHOULDER]
        cos, sin = np.array([x, z]) / np.hypot(x, z)
        frames[index] = points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    train = 22 * len(ONE)
    centroids = np.stack([frames[:train][source.labels[:train] == label].mean(axis=0) for label in range(len(ONE))])
    distance = np.square(frames[train:, None] - centroids).sum(axis=(2, 3))
    accuracy = (distance.argmin(axis=1) == source.labels[train:]).mean()
    assert 1 / len(ONE) / 2 < accuracy < 5 / len(ONE)


def test_ridge_on_raw_coordinates_stays_low():
    """A linear map of centered, resampled coordinates, closed form, reads less than half of the labels."""
    train = 540
    source = SyntheticSource((train, 270))
    raw = np.zeros((len(source), 2, 16, 25, 3))
    for index in range(len(source)):
        points = source.load(index)
        at = np.round(np.linspace(0, points.shape[1] - 1, 16)).astype(int)
        raw[index, : len(points)] = points[:, at] - points[0, 0, body.SPINE_MID]
    raw = raw.reshape(len(source), -1)
    kernel = raw @ raw[:train].T
    targets = np.eye(len(ACTIONS))[source.labels] - 1 / len(ACTIONS)
    best = 0.0
    for penalty in 10.0 ** np.arange(4):
        scores = kernel[train:] @ np.linalg.solve(kernel[:train] + penalty * np.eye(train), targets[:train])
        best = max(best, (scores.argmax(axis=1) == source.labels[train:]).mean())
    assert 0.2 < best < 0.45


PAIRS = [("raise_arms", "lower_arms"), ("circle_forward", "circle_backward"), ("punch", "row")]


@pytest.mark.parametrize("names", PAIRS)
def test_pairs_share_their_poses(names):
    """Over many clips both actions of a pair have the same mean and spread of every joint: only the order differs."""
    moments = []
    for name in names:
        source = SyntheticSource((150, 0), actions=[name], noise=0, yaw=(0, 0), pitch=0, roll=0)
        clips = [source.load(index)[0] for index in range(150)]
        frames = np.concatenate([clip - clip[:, [body.SPINE_BASE]] for clip in clips])
        moments.append((frames.mean(axis=0), frames.std(axis=0)))
    np.testing.assert_allclose(moments[0][0], moments[1][0], atol=0.08)
    np.testing.assert_allclose(moments[0][1], moments[1][1], atol=0.06)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(actions=["wave", "wvae"]),
        dict(actions=[]),
        dict(num_frames=(50, 40)),
        dict(num_frames=(0, 4)),
        dict(distance=(5, 4)),
        dict(two_person=1.5),
        dict(actions=["wave"], two_person=0.2),
        dict(num_clips=(5,)),
        dict(num_clips=(5, -1)),
        dict(num_performers=(1, 2)),
        dict(num_coords=4),
    ],
)
def test_bad_arguments(wrong):
    with pytest.raises(ConfigError, match=next(reversed(wrong))):
        SyntheticSource(**wrong)


def test_bad_index():
    with pytest.raises(DataError, match="there are 3"):
        SyntheticSource((2, 1)).load(3)


def test_a_clip_of_one_frame():
    source = SyntheticSource((30, 0), num_frames=(1, 1))
    for index in range(30):
        clip = source.load(index)
        assert clip.shape[1:] == (1, 25, 3)
        assert np.isfinite(clip).all()
        assert source.phase(index).shape == (1,)
