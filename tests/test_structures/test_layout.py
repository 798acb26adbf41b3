"""The layouts are trees over the right joints, and their edges are those of the reference graphs."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.errors import LayoutError
from mmsync.structures import SkeletonLayout, register_layout, remap_index
from mmsync.structures.layout import remap_matrix

OWN = {"name": "stick", "joints": ["hip", "knee", "foot"], "parents": ["hip", "hip", "knee"], "center": "knee"}


@pytest.mark.parametrize("name", SkeletonLayout.names())
def test_every_layout_is_consistent(name):
    layout = SkeletonLayout.get(name)
    flip = np.array(layout.flip_index)
    assert (flip[flip] == np.arange(layout.num_joints)).all(), "swapping twice must give the body back"
    bones = np.array(layout.bones)
    assert (bones[:, 0] == np.arange(layout.num_joints)).all()
    # the mirror image of a body has the same bones
    child, parent = flip[bones[:, 0]], flip[bones[:, 1]]
    own = bones[child, 1]
    assert ((own == parent) | (bones[:, 1] == bones[:, 0])).all()
    for pairs in layout.edges.values():
        children = [c for c, _ in pairs]
        assert len(set(children)) == len(children), "a joint hangs on one joint"


@pytest.mark.parametrize(
    ("layout", "variant"), [("ntu25", "ntu-rgb+d"), ("openpose18", "openpose"), ("kinect20", "nw-ucla")]
)
def test_edges_of_stgcn(fixture_root, layout, variant):
    hops = np.load(fixture_root / "skeleton/graph_adjacency.npz")[f"{variant}|hop_dis|hop1"]
    expected = {(i, j) for i, j in np.argwhere(hops == 1) if i < j}
    assert {tuple(sorted(e)) for e in SkeletonLayout.get(layout).edge_list(variant)} == expected


@pytest.mark.parametrize(("layout", "variant"), [("ntu25", "nturgb+d"), ("coco17", "coco"), ("openpose18", "openpose")])
def test_edges_of_pyskl_point_inwards(fixture_root, layout, variant):
    inwards = np.load(fixture_root / "skeleton/graph_adjacency.npz")[f"pyskl|{variant}|spatial"][1]
    assert {(p, c) for c, p in SkeletonLayout.get(layout).edge_list(variant)} == {
        tuple(e) for e in np.argwhere(inwards)
    }


def test_bones_of_ntu_equal_the_reference_stream(fixture_root):
    data = np.load(fixture_root / "skeleton/streams_and_ensemble.npz")
    child, parent = np.array(SkeletonLayout.get("ntu25").bones).T
    bone = np.zeros_like(data["in/x"])  # (N, C, T, V, M)
    bone[:, :, :, child] = data["in/x"][:, :, :, child] - data["in/x"][:, :, :, parent]
    np.testing.assert_array_equal(bone, data["out/bone"])


def test_swap_of_ntu_equals_the_published_order():
    published = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]
    assert list(SkeletonLayout.get("ntu25").flip_index) == published


def test_a_joint_by_name_index_or_center():
    layout = SkeletonLayout.get("ntu25")
    assert [layout.joint(j) for j in ("left_shoulder", 4, -1, "center")] == [4, 4, 24, 20]
    with pytest.raises(LayoutError, match="did you mean 'left_elbow'"):
        layout.joint("left_elbo")


def test_ones_own_layout_from_a_config():
    layout = SkeletonLayout.from_config(OWN)
    assert layout.parents == (0, 0, 1)
    assert layout.center == 1
    assert layout.edge_list() == ((1, 0), (2, 1))
    assert SkeletonLayout.from_config({"name": "n", "joints": 2, "parents": [0, 0]}).joints == ("joint_0", "joint_1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parents": [0, 0]}, "2 parents for 3 joints"),
        ({"parents": [0, 2, 1]}, "circle"),
        ({"parents": [0, 0, 7]}, "7, which is no joint index"),
        ({"parents": [0, 0, "nee"]}, "did you mean 'knee'"),
        ({"joints": ["a", "a", "b"], "parents": [0, 0, 0], "center": 0}, "not unique"),
        ({"left": ["knee"]}, "1 left joints but 0 right"),
        ({"left": ["knee"], "right": ["knee"]}, "twice"),
        ({"centre": 0}, "did you mean 'center'"),
        ({"edges": {"x": [(1, 1)]}}, "self loop"),
    ],
)
def test_a_wrong_layout_says_what_is_wrong(change, message):
    with pytest.raises(LayoutError, match=message):
        SkeletonLayout.from_config({**OWN, **change})


def test_a_missing_key_and_an_unknown_name():
    with pytest.raises(LayoutError, match="'parents' is missing"):
        SkeletonLayout.from_config({"name": "x", "joints": 3})
    with pytest.raises(LayoutError, match="did you mean 'ntu25'"):
        SkeletonLayout.get("ntu26")
    with pytest.raises(LayoutError, match="a name or a dict"):
        SkeletonLayout.from_config(25)


def test_a_name_cannot_silently_get_another_meaning():
    first = register_layout({**OWN, "name": "mine"})
    assert register_layout({**OWN, "name": "mine"}) == first == SkeletonLayout.get("mine")
    with pytest.raises(LayoutError, match="registered"):
        register_layout({**OWN, "name": "mine", "center": "hip"})


def test_remaps():
    assert remap_index("ntu25", "kinect20") == [(j,) for j in (0, 1, 20, 3, *range(4, 20))]
    assert remap_index("ntu25", "ntu25") == [(j,) for j in range(25)]
    coco = dict(zip(SkeletonLayout.get("h36m17").joints, remap_index("coco17", "h36m17")))
    assert coco["pelvis"] == (11, 12)
    assert sorted(coco["spine"]) == [5, 6, 11, 12]
    assert coco["left_wrist"] == (9,)
    assert remap_index("openpose25", "openpose18")[8] == (9,)
    ntu = dict(zip(SkeletonLayout.get("openpose25").joints, remap_index("ntu25", "openpose25")))
    assert [ntu[f"left_{j}"] for j in ("big_toe", "small_toe", "heel")] == [(15,), (15,), (14,)]
    assert remap_index("coco17", "openpose25")[-6:] == [(15,)] * 3 + [(16,)] * 3  # all on the ankles


def test_coco_is_read_as_h36m_as_motionbert_does():
    """The rule of MotionBERT's action data, joint by joint; the head lies between the eyes, not the ears."""
    rng = np.random.default_rng(0)
    (nose, left_eye, right_eye, _, _, left_shoulder, right_shoulder, left_elbow, right_elbow, left_wrist, right_wrist,
     left_hip, right_hip, left_knee, right_knee, left_ankle, right_ankle) = x = rng.normal(size=(17, 3))  # fmt: skip
    pelvis, chest = (left_hip + right_hip) / 2, (left_shoulder + right_shoulder) / 2
    want = [pelvis, right_hip, right_knee, right_ankle, left_hip, left_knee, left_ankle, (pelvis + chest) / 2, chest,
            nose, (left_eye + right_eye) / 2, left_shoulder, left_elbow, left_wrist, right_shoulder, right_elbow,
            right_wrist]  # fmt: skip
    np.testing.assert_allclose(remap_matrix("coco17", "h36m17") @ x, want, atol=1e-12)
    assert remap_index("openpose18", "h36m17")[10] == (15, 14)
    assert remap_index("coco17", "kinect20")[3] == (3, 4)  # elsewhere the head is its middle, between the ears
    assert remap_index("ntu25", "h36m17")[10] == (3,)


def test_a_mean_of_means_weighs_its_parts_equally():
    # kinect20 has no neck of its own here: the spine lies midway between the hips' mean and one shoulder joint
    body = SkeletonLayout("b", ("left_hip", "right_hip", "neck"), (2, 2, 2))
    assert sorted(remap_index(body, SkeletonLayout("s", ("spine",), (0,)))[0]) == [0, 1, 2, 2]


def test_an_impossible_remap_names_what_exists():
    with pytest.raises(LayoutError, match=r"nothing for left_thumb_1.*get to: .*coco17"):
        remap_index("ntu25", "hands42")
