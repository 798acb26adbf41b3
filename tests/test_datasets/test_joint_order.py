"""Joints in another order than the layout's are noticed; right ones never are."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.datasets.joint_order import suspect_joint_order
from mmsync.datasets.sources import (
    JHMDBDDNetSource,
    MSRAction3DSource,
    NWUCLASource,
    PennActionSource,
    SBUSource,
    SyntheticSource,
    UTDMHADSource,
)
from mmsync.structures import SkeletonLayout

LAYOUTS = ["ntu25", "kinect20", "sbu15", "coco17", "penn13", "jhmdb15", "h36m17", "openpose18", "openpose25"]
# the orders of two well-known data sets of the joints of kinect20
UTD = ["head", "spine_shoulder", "spine", "pelvis"] + [
    f"{side}_{joint}"
    for limb in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))
    for side in ("left", "right")
    for joint in limb
]
MSR = (  # noqa: SIM905
    "left_shoulder right_shoulder spine_shoulder spine left_hip right_hip pelvis left_elbow right_elbow left_wrist "
    "right_wrist left_hand right_hand left_knee right_knee left_ankle right_ankle left_foot right_foot head"
).split()


def world(name, num_coords=3, clips=40):
    source = SyntheticSource((clips, 1), layout=name, num_coords=num_coords)
    return [source.load(i) for i in range(clips)], source.layout


def reordered(clips, layout, joints):
    return [clip[:, :, [layout.joint(joint) for joint in joints]] for clip in clips]


@pytest.mark.parametrize("num_coords", [2, 3])
@pytest.mark.parametrize("name", LAYOUTS)
def test_right_joints_and_permuted_ones(name, num_coords):
    clips, layout = world(name, num_coords)
    assert suspect_joint_order(clips, layout, num_coords) is None
    rng = np.random.default_rng(0)
    for _ in range(4):
        mixed = rng.permutation(layout.joints).tolist()
        assert "do not look like" in suspect_joint_order(reordered(clips, layout, mixed), layout, num_coords)
    swapped = list(layout.joints)
    i, j = swapped.index("left_elbow"), swapped.index("right_knee")
    swapped[i], swapped[j] = swapped[j], swapped[i]
    said = suspect_joint_order(reordered(clips, layout, swapped), layout, num_coords)
    assert all(word in said for word in ("left_elbow", "right_knee", "look swapped"))
    legs = [
        f"{'right' if joint.startswith('left') else 'left'}_{joint.split('_', 1)[1]}"
        if joint.split("_", 1)[-1] in ("hip", "knee", "ankle", "foot")
        else joint
        for joint in layout.joints
    ]
    said = suspect_joint_order(reordered(clips, layout, legs), layout, num_coords)
    assert said is not None
    assert name == "openpose25" or "against the arms" in said  # there the toes and heels do not follow


def test_the_order_that_would_fit_is_named():
    clips, ntu = world("ntu25")
    kinect = SkeletonLayout.get("kinect20")
    order = [*kinect.joints, *(joint for joint in ntu.joints if joint not in kinect.joints)]
    assert "they fit the joints of ntu25 in the order of kinect20" in suspect_joint_order(
        reordered(clips, ntu, order), ntu, 3
    )
    for num_coords in (2, 3):
        clips, _ = world("coco17", num_coords)
        assert "they fit layout coco17" in suspect_joint_order(clips, SkeletonLayout.get("h36m17"), num_coords)
    clips, _ = world("h36m17")
    assert "they fit layout h36m17" in suspect_joint_order(clips, SkeletonLayout.get("coco17"), 3)
    clips, _ = world("kinect20")
    said = suspect_joint_order(reordered(clips, kinect, UTD), kinect, 3)
    assert f"perhaps their order is {', '.join(UTD)}" in said
    assert "no known order fits" in suspect_joint_order(reordered(clips, kinect, MSR), kinect, 3)


def test_missing_joints_centred_clips_and_nothing_to_judge():
    clips, layout = world("ntu25")
    rng = np.random.default_rng(0)
    holes = [clip * (rng.random(clip.shape[:3]) > 0.2)[..., None] for clip in clips]
    centered = [clip - clip[:, :, [20]] for clip in clips]
    for some in (holes, centered, [clip[:, :1] for clip in clips], clips[:1], [], [np.zeros_like(clips[0])]):
        assert suspect_joint_order(some, layout, 3) is None
    mixed = reordered(centered, layout, layout.joints[::-1])
    assert suspect_joint_order(mixed, layout, 3)
    pictures, coco = world("coco17", 2)
    assert suspect_joint_order([pictures[3]], coco, 2) is None  # one side view does not say what is short
    chain = SkeletonLayout("two", ("a", "b"), (0, 0))
    assert suspect_joint_order([np.ones((1, 3, 2, 3))], chain, 3) is None


@pytest.mark.realdata
def test_real_data(data_root):
    """No data set is warned of as it is; each is with two joints swapped, or with its joints in another order."""
    for source in (
        NWUCLASource(data_root / "nw-ucla"), SBUSource(data_root / "sbu"), PennActionSource(data_root / "penn_action"),
        UTDMHADSource(data_root / "utd-mhad"), MSRAction3DSource(data_root / "msr-action3d"),
        JHMDBDDNetSource(data_root / "jhmdb_dd-net"),
    ):  # fmt: skip
        layout, coords = source.layout, source.num_coords
        clips = [source.load(i) for i in np.linspace(0, len(source) - 1, 100).astype(int)]
        assert suspect_joint_order(clips, layout, coords) is None
        rng = np.random.default_rng(0)
        for _ in range(10):
            assert suspect_joint_order(
                reordered(clips, layout, rng.permutation(layout.joints).tolist()), layout, coords
            )
        pairs = [("left_shoulder", "right_shoulder"), ("left_elbow", "left_shoulder"), ("head", "right_knee")]
        for first, second in pairs:
            joints = [dict(((first, second), (second, first))).get(joint, joint) for joint in layout.joints]
            said = suspect_joint_order(reordered(clips, layout, joints), layout, coords)
            assert said, (type(source).__name__, first, second)
