"""Sources of sequences: tiny files of each format, names of activities, what is refused, and Penn Action itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from mmsync.datasets.sources import (
    CASASource,
    FeatureFolderSource,
    H2OSource,
    PennSequenceSource,
    SequencePickleSource,
)
from mmsync.datasets.sources.sequences import smpl
from mmsync.datasets.sources.sequences.activities import ALIASES, PENN_PHASES, activity_name, find_activities
from mmsync.datasets.sources.sequences.records import resample_labels
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.structures import SkeletonLayout
from mmsync.testing import check_source

RNG = np.random.default_rng(0)


def phases(frames: int, count: int = 3) -> np.ndarray:
    return np.arange(frames) * count // frames


def write_archive(folder, activity: str, split: str, names, width=(72,), frames: int = 6) -> dict:
    """An archive as CASA's users have it."""
    content = {}
    for i, name in enumerate(names):
        length = frames + i
        content[name] = dict(pose=RNG.normal(size=(length, *width)), beta=np.zeros((length, 10)), labels=phases(length))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{activity}_{split}.npy", content, allow_pickle=True)
    return content


def write_mat(root, name: str, action: str, frames: int) -> dict:
    values = dict(
        action=action, pose="front", train=1, dimensions=np.array([100, 200, frames]), nframes=frames,
        x=RNG.uniform(9, 99, (frames, 13)), y=RNG.uniform(9, 99, (frames, 13)), visibility=np.ones((frames, 13)),
    )  # fmt: skip
    values["visibility"][0, 4:] = 0
    (root / "labels").mkdir(parents=True, exist_ok=True)
    savemat(root / "labels" / f"{name}.mat", values)
    return values


# ---------------------------------------------------------------- activities


def test_activities_are_found_by_the_spelling_of_each_project():
    assert [activity_name(name) for name in ("Bowl", "push-ups", "Kallax_Shelf_Drawer", "jumping jacks")] == [
        "bowling", "push_ups", "kallax_shelf_drawer", "jumping_jacks",
    ]  # fmt: skip
    known = ["bowling", "pullups", "squats"]
    assert find_activities(["pullup", "bowl", "pullups"], known, "x") == ["pullups", "bowling"]
    assert set(ALIASES.values()) - {"pouring_milk"} <= set(PENN_PHASES)
    with pytest.raises(ConfigError, match="x: no activity 'golf_swng'; did you mean 'golf_swing'"):
        find_activities(["golf_swng"], ["golf_swing", "bowling"], "x")
    with pytest.raises(ConfigError, match="give a list of names"):
        find_activities("golf_swing", ["golf_swing"], "x")


def test_the_phases_of_penn_action_are_42():
    assert len(PENN_PHASES) == 13
    assert sum(map(len, PENN_PHASES.values())) == 42


# ---------------------------------------------------------------- SMPL


def test_smpl_joints_equal_a_walk_along_the_tree():
    pose = RNG.normal(size=(3, 72))
    expected = np.zeros((3, 24, 3))
    for t in range(3):
        turn = {}
        for joint, parent in enumerate(smpl.PARENTS):
            own = Rotation.from_rotvec(pose[t, 3 * joint : 3 * joint + 3])
            turn[joint] = own if parent < 0 else turn[parent] * own
            if parent >= 0:
                expected[t, joint] = expected[t, parent] + turn[parent].apply(smpl.OFFSETS[joint])
    np.testing.assert_allclose(smpl.smpl_joints(pose), expected, atol=1e-6)


def test_rotation_matrices_equal_those_of_scipy_at_any_angle():
    vectors = RNG.normal(size=(50, 3)) * np.logspace(-9, 0.7, 50)[:, None]
    vectors[0] = 0
    matrices = smpl.rotation_matrices(vectors)
    np.testing.assert_allclose(matrices, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    six = smpl.six_numbers(vectors).reshape(50, 2, 3)
    np.testing.assert_allclose(six, matrices[..., :2].swapaxes(1, 2), atol=1e-6)


def test_the_rest_pose_is_a_person_and_the_layout_has_its_tree():
    layout, rest = SkeletonLayout.get("smpl24"), smpl.smpl_joints(np.zeros((1, 72)))[0]
    assert [layout.parents[j] for j in range(1, 24)] == list(smpl.PARENTS[1:])
    np.testing.assert_allclose(rest[list(layout.flip_index)] * [-1, 1, 1], rest, atol=1e-6)
    height = rest[layout.joint("head"), 1] - rest[layout.joint("left_foot"), 1]
    assert 1.4 < height < 1.8
    assert rest[layout.joint("left_hand"), 0] > 0.6


# ---------------------------------------------------------------- CASA's archives


def test_archives_give_joints_or_rotations(tmp_path):
    content = write_archive(tmp_path / "npyrecords", "bowl", "train", ["b", "a"])
    write_archive(tmp_path / "npyrecords", "bowl", "val", ["c"])
    source = CASASource(tmp_path)
    check_source(source)
    assert source.class_names == ["bowling"]
    assert source.splits == {"train": ["b", "a"], "val": ["c"]}
    assert source.phases == {"bowling": PENN_PHASES["bowling"]}
    assert (source.joints, source.layout.name, source.metainfo["layout"]) == ((24, 3), "smpl24", "smpl24")
    np.testing.assert_array_equal(source.load(0), smpl.smpl_joints(content["b"]["pose"]))
    assert source.frame_labels(1).tolist() == phases(7).tolist()
    rotations = CASASource(tmp_path, pose="rotations")
    assert (rotations.load(0).shape, rotations.joints, rotations.layout) == ((6, 144), None, None)
    assert source.files() == [tmp_path / "npyrecords" / f"bowl_{split}.npy" for split in ("train", "val")]


def test_archives_of_hands_and_of_joints_and_background(tmp_path):
    content = write_archive(tmp_path / "h", "pouring_milk", "train", ["a"], width=(102,))["a"]["pose"]
    hands = CASASource(tmp_path / "h", pose="rotations")
    assert hands.load(0).shape == (6, 198)
    np.testing.assert_allclose(hands.load(0)[:, :3], content[:, :3], rtol=1e-6)
    np.testing.assert_allclose(hands.load(0)[:, 99:102], content[:, 51:54], rtol=1e-6)
    with pytest.raises(ConfigError, match=r"no joints without MANO's files; give pose='rotations'"):
        CASASource(tmp_path / "h")
    content = write_archive(tmp_path / "i", "Kallax_Shelf_Drawer", "train", ["a"], width=(17, 3))["a"]["pose"]
    ikea = CASASource(tmp_path / "i", activities=["kallax_shelf_drawer"], background=0)
    np.testing.assert_array_equal(ikea.load(0), content.astype(np.float32))
    assert ikea.frame_labels(0).tolist() == [-1, -1, 0, 0, 1, 1]
    assert (ikea.joints, ikea.layout.name) == ((17, 3), "coco17")


def test_a_name_in_several_archives_gets_that_of_its_activity(tmp_path):
    write_archive(tmp_path, "situp", "train", ["a", "b"])
    write_archive(tmp_path, "squat", "train", ["a", "c"])
    assert CASASource(tmp_path).names == ["situp/a", "b", "squats/a", "c"]


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_archives_that_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"does not exist: put CASA's archives"):
        CASASource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no archive <activity>_<split>\.npy"):
        CASASource(tmp_path)
    np.save(tmp_path / "situp_train.npy", {"a": Evil()}, allow_pickle=True)
    with pytest.raises(DataError, match="refused, the pickle contains"):
        CASASource(tmp_path)
    np.save(tmp_path / "situp_train.npy", np.zeros(3))
    with pytest.raises(DataError, match="no archive of CASA; wanted a dict by name"):
        CASASource(tmp_path)
    write_archive(tmp_path, "situp", "train", ["a"], width=(17,))
    with pytest.raises(DataError, match=r"situp_train.npy, a: pose is float64 \(6, 17\); wanted"):
        CASASource(tmp_path).load(0)
    with pytest.raises(ConfigError, match="pose='joint'"):
        CASASource(tmp_path, pose="joint")
    with pytest.raises(ConfigError, match="no activity 'sit_up'; did you mean 'situp'"):
        CASASource(tmp_path, activities=["sit_up"])


# ---------------------------------------------------------------- Penn Action


def test_penn_joins_annotations_and_phases_by_number(tmp_path, logged):
    mats = {name: write_mat(tmp_path, name, "pushup", 6 + i) for i, name in enumerate(["0001", "0002", "0003"])}
    write_archive(tmp_path / "casa_npyrecords", "pushups", "train", ["0002", "0003"], frames=7)
    write_archive(tmp_path / "casa_npyrecords", "pushups", "val", ["0001", "0009"], frames=3)
    source = PennSequenceSource(tmp_path, activities=["pushup"], score=True)
    check_source(source)
    assert source.splits == {"train": ["0002", "0003"], "val": ["0001"]}
    assert (source.joints, source.layout.name, source.class_names) == ((13, 2), "penn13", ["pushups"])
    joints = np.stack([mats["0002"][key] for key in ("x", "y")], axis=-1).reshape(7, -1)
    wanted = np.concatenate([joints, mats["0002"]["visibility"]], axis=1)
    np.testing.assert_allclose(source.load(0), wanted, rtol=1e-6)
    assert source.frame_labels(0).tolist() == phases(7).tolist()
    assert source.frame_labels(2).tolist() == [0, 0, 1, 1, 2, 2], "stretched from 3 to 6"
    text = "\n".join(logged)
    assert "no annotation labels/<id>.mat of these sequences, which are left out: 0009" in text
    assert "stretched to the number of frames: 0001 (6 frames, 3 labels)" in text
    hidden = PennSequenceSource(tmp_path, min_visible=5)
    assert hidden.joints == (13, 2)
    assert hidden.valid_frames(0).tolist() == [False] + [True] * 6


def test_penn_joins_the_files_of_tcc_by_number(tmp_path):
    for name in ("0001", "0002", "0003"):
        write_mat(tmp_path, name, "bowl" if name == "0003" else "pushup", 6)
    for path, count in (("train/pushups/0002_a", 6), ("val/pushups/0001", 3), ("val/bowling/0003", 6)):
        (tmp_path / f"tcc/{path}").parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"tcc/{path}.npy", phases(count))
    source = PennSequenceSource(tmp_path, labels=tmp_path / "tcc")
    check_source(source)
    assert source.splits == {"train": ["0002"], "val": ["0003", "0001"]}
    assert source.frame_labels(0).tolist() == phases(6).tolist()
    assert source.frame_labels(2).tolist() == [0, 0, 1, 1, 2, 2], "stretched from 3 to 6"
    assert PennSequenceSource(tmp_path, ["pushup"], labels=tmp_path / "tcc").names == ["0002", "0001"]
    np.save(tmp_path / "tcc/val/bowling/clip.npy", phases(6))
    with pytest.raises(DataError, match=r"clip\.npy: the name does not begin with the number"):
        PennSequenceSource(tmp_path, labels=tmp_path / "tcc")
    with pytest.raises(DataError, match="TCC's files of phases"):
        PennSequenceSource(tmp_path, labels=tmp_path / "none")


def test_penn_refuses_what_does_not_belong_together(tmp_path):
    write_mat(tmp_path, "0001", "bowl", 6)
    write_archive(tmp_path / "casa_npyrecords", "pushups", "train", ["0001"])
    with pytest.raises(DataError, match=r"0001 is bowl in its \.mat, but pushups here"):
        PennSequenceSource(tmp_path)
    with pytest.raises(ConfigError, match="min_visible=14"):
        PennSequenceSource(tmp_path, min_visible=14)


def test_labels_are_resampled_by_floor():
    assert resample_labels(np.array([0, 1, 2]), 7).tolist() == [[0, 1, 2][j * 3 // 7] for j in range(7)]
    assert resample_labels(np.arange(8), 3).tolist() == [0, 2, 5]


# ---------------------------------------------------------------- H2O


def write_h2o(root, path: str, frames: int) -> np.ndarray:
    folder = root / path / "cam4/hand_pose"
    folder.mkdir(parents=True)
    hands = RNG.random((frames, 2, 64)).astype(np.float32)
    hands[..., 0] = 1
    hands[0, :, 0], hands[1, 0, 0] = 0, 0
    for t, row in enumerate(hands.reshape(frames, 128)):
        (folder / f"{t:06d}.txt").write_text(" ".join(map(repr, row.tolist())))
    hands[hands[..., 0] == 0] = 0
    return hands[..., 1:].reshape(frames, 42, 3)


@pytest.fixture
def h2o(tmp_path):
    hands = {path: write_h2o(tmp_path, path, 9) for path in ("subject1/h1/0", "subject3/o2/1", "subject4/k1/2")}
    (tmp_path / "action_labels").mkdir()
    head = "id path action_label start_act end_act start_frame end_frame\n"
    lists = {
        "train": head + "1 subject1/h1/0 23 0 3 0 8\n2 subject1/h1/0 5 5 8 0 8\n",
        "val": head + "1 subject3/o2/1 5 1 4 0 8\n",
        "test": head.replace("action_label ", "") + "1 subject4/k1/2 1 4 0 8\n",
    }
    for split, text in lists.items():
        (tmp_path / "action_labels" / f"action_{split}.txt").write_text(text)
    return tmp_path, hands


def test_h2o_segments_and_recordings(h2o):
    root, hands = h2o
    source = H2OSource(root)
    check_source(source)
    assert source.splits == {
        "train": ["subject1/h1/0/000000", "subject1/h1/0/000005"],
        "val": ["subject3/o2/1/000001"],
    }
    assert [source.class_names[label] for label in source.labels] == ["action_23", "action_05", "action_05"]
    np.testing.assert_array_equal(source.load(1), hands["subject1/h1/0"][5:9])
    assert source.valid_frames(0).tolist() == [False, True, True, True], "one hand is enough"
    assert source.frame_labels(0) is None
    assert H2OSource(root, activities=["action_23"]).names == ["subject1/h1/0/000000"]
    whole = H2OSource(root, items="recordings")
    check_source(whole)
    assert whole.splits["test"] == ["subject4/k1/2"]
    assert whole.frame_labels(0).tolist() == [22] * 4 + [-1] + [4] * 4
    assert (whole.frame_labels(2), len(whole.phases["h2o"])) == (None, 36)


def test_h2o_refuses_other_files(h2o, tmp_path):
    root, _ = h2o
    with pytest.raises(ConfigError, match="items='clips'"):
        H2OSource(root, items="clips")
    listed = root / "action_labels/action_val.txt"
    good = listed.read_text()
    for text, message in [
        ("a b c\n1 2 3\n", "the first line has no end_act, id, path, start_act"),
        (good.replace(" 5 1 4", " 1 4"), "row 1 has 6 columns, the header 7"),
        (good.replace(" 5 1 4", " 37 1 4"), r"an action in \[1, 36\]"),
    ]:
        listed.write_text(text)
        with pytest.raises(DataError, match=message):
            H2OSource(root)
    listed.write_text(good.replace(" 5 1 4", " 5 1 40"))
    source = H2OSource(root)
    with pytest.raises(DataError, match="9 frames, but the action lasts to frame 40"):
        source.load(2)
    (root / "subject1/h1/0/cam4/hand_pose/000009.txt").write_text("1 2 3")
    with pytest.raises(DataError, match="a file is no hand pose of 2 x 64 numbers"):
        source.load(0)


# ---------------------------------------------------------------- pickles


def write_pickle(path, **changes) -> dict:
    items = [
        dict(
            frame_dir=f"s{i}", activity=i % 2, total_frames=5 + i, feature=f"{i}.npy", phase=phases(5 + i) + 1,
            keypoint=RNG.random((1, 5 + i, 17, 3)).astype(np.float16),
        )
        for i in range(4)
    ]  # fmt: skip
    for i, item in enumerate(items):
        np.save(path.parent / item["feature"], RNG.random((5 + i, 8)).astype(np.float16))
    meta = dict(activities=["pour", "cut"], phases={"pour": ["a", "b", "c"]}, background=0)
    content = dict(split=dict(train=["s2", "s0"], val=["s1", "s3"]), meta=meta, annotations=items)
    content.update(changes)
    path.write_bytes(pickle.dumps(content))
    return content


def test_pickles_give_joints_features_or_both(tmp_path):
    path = tmp_path / "all.pkl"
    items = write_pickle(path)["annotations"]
    source = SequencePickleSource(path)
    check_source(source)
    assert (source.class_names, source.labels.tolist()) == (["pour", "cut"], [0, 1, 0, 1])
    assert source.splits["train"] == ["s2", "s0"]
    assert (source.joints, source.layout.name, source.phases) == ((17, 3), "coco17", {"pour": ["a", "b", "c"]})
    assert source.frame_labels(0).tolist() == phases(5).tolist()
    np.testing.assert_array_equal(source.load(1), items[1]["keypoint"][0].astype(np.float32))
    features = SequencePickleSource(path, data="features", activities=["Cut"])
    assert (features.names, features.splits["train"], features.joints) == (["s1", "s3"], [], None)
    np.testing.assert_array_equal(features.load(0), np.load(tmp_path / "1.npy").astype(np.float32))
    both = SequencePickleSource(path, data="both")
    check_source(both)
    assert (both.load(0).shape, both.joints) == ((5, 17 * 3 + 8), (17, 3))
    np.testing.assert_array_equal(both.load(0)[:, : 17 * 3].reshape(5, 17, 3), source.load(0))


def test_a_pickle_of_pyskl_is_read_as_it_is(tmp_path):
    items = [dict(frame_dir=f"c{i}", label=i, keypoint=np.ones((1, 4, 25, 3))) for i in range(3)]
    content = dict(split=dict(xsub_train=["c0", "c1"], xview_train=["c1", "c2"]), annotations=items)
    (tmp_path / "ntu.pkl").write_bytes(pickle.dumps(content))
    source = SequencePickleSource(tmp_path / "ntu.pkl", layout="ntu25")
    assert (source.class_names, source.frame_labels(0), source.layout.name) == (["0", "1", "2"], None, "ntu25")
    assert source.splits["xview_train"] == ["c1", "c2"]
    with pytest.raises(LayoutError, match="25 joints, but layout coco17 has 17"):
        SequencePickleSource(tmp_path / "ntu.pkl", layout="coco17")


def test_pickles_that_are_refused(tmp_path):
    path = tmp_path / "all.pkl"
    items = write_pickle(path)["annotations"]
    with pytest.raises(ConfigError, match="data='pose'"):
        SequencePickleSource(path, data="pose")
    for changes, message in [
        (dict(annotations=None), "no pickle of sequences; wanted dict"),
        (dict(split=dict(train=["s0", "s9"])), "split 'train': 1 names have no annotation, the first is s9"),
        (dict(annotations=[items[0], items[0]]), "1 names occur twice, the first is s0"),
        (dict(annotations=[dict(items[0], activity=2)], split={}), r"s0: activity 2 is no number in \[0, 1\]"),
        (dict(meta=[]), "split and meta are dicts"),
        (dict(split={}, annotations=[]), "no sequence found"),
    ]:
        write_pickle(path, **changes)
        if changes == dict(meta=[]):
            write_pickle(path, meta=[1])
        with pytest.raises(DataError, match=message):
            SequencePickleSource(path)
    path.write_bytes(pickle.dumps(dict(annotations=[Evil()])))
    with pytest.raises(DataError, match="refused"):
        SequencePickleSource(path)
    write_pickle(path)
    np.save(tmp_path / "0.npy", np.zeros((3, 8)))
    (tmp_path / "1.npy").unlink()
    np.save(tmp_path / "2.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    np.save(tmp_path / "3.npy", np.zeros(8))
    source = SequencePickleSource(path, data="both")
    for index, message in enumerate(
        ["5 frames of joints, but 3 in 0.npy", "1.npy does not exist", "2.npy: cannot be read", r"3.npy is \(8,\)"]
    ):
        with pytest.raises(DataError, match=message):
            source.load(index)


# ---------------------------------------------------------------- folders


def test_a_folder_of_ones_own(tmp_path):
    for split, activity, name, shape in [
        ("train", "pullup", "b", (6, 8)), ("train", "pour", "a", (5, 8)), ("val", "pullup", "a", (7, 8)),
    ]:  # fmt: skip
        (tmp_path / split / activity).mkdir(parents=True)
        np.save(tmp_path / split / activity / f"{name}.npy", RNG.random(shape))
    np.save(tmp_path / "train/pullup/b.labels.npy", phases(6, 2))
    (tmp_path / "train/pour/a.labels.csv").write_text("0\n0\n1\n1\n2\n")
    source = FeatureFolderSource(tmp_path, phases=dict(pour=["x", "y", "z"]), background=0)
    check_source(source)
    assert source.splits == {"train": ["train/pour/a", "train/pullup/b"], "val": ["val/pullup/a"]}
    assert (source.class_names, source.joints) == (["pour", "pullup"], None)
    assert source.frame_labels(0).tolist() == [-1, -1, 0, 0, 1]
    assert source.frame_labels(2) is None
    assert source.phases == {"pour": ["x", "y", "z"], "pullup": PENN_PHASES["pullups"]}
    assert FeatureFolderSource(tmp_path, activities=["pullups"]).names == ["train/pullup/b", "val/pullup/a"]
    np.save(tmp_path / "train/pullup/b.labels.npy", np.array([0.5] * 6))
    with pytest.raises(DataError, match=r"b.labels.npy: phases are float64 \(6,\); give a whole number"):
        source.frame_labels(1)
    with pytest.raises(DataError, match=r"no <split>/<activity>/<name>\.npy"):
        FeatureFolderSource(tmp_path / "train")
    with pytest.raises(DataError, match=r"does not exist: put <split>/<activity>/<name>\.npy there"):
        FeatureFolderSource(tmp_path / "none")


# ---------------------------------------------------------------- the real one


@pytest.mark.realdata
@pytest.mark.parametrize("kind", [PennSequenceSource, CASASource])
def test_real_penn(data_root, kind):
    source = kind(data_root / "penn_action")
    assert source.class_names == ["baseball_swing", "golf_swing", "jumping_jacks", "pushups"]
    counts = {
        split: np.bincount(source.labels[np.isin(source.names, names)]).tolist()
        for split, names in source.splits.items()
    }
    assert counts == {"train": [113, 87, 56, 102], "val": [57, 77, 56, 106]}
    assert source.splits["train"][:2] == ["0174", "0175"]
    assert source.load(0).shape == (37, *source.joints)
    for index in range(len(source)):
        phase = source.frame_labels(index)
        assert len(phase) == len(source.load(index))
        number = len(source.phases[source.class_names[source.labels[index]]])
        assert (phase[0], phase[-1]) == (0, number - 1)


@pytest.mark.realdata
def test_real_ids_are_those_of_the_annotations(data_root):
    source = PennSequenceSource(data_root / "penn_action")
    by_flag = source.clips.splits
    assert set(source.splits["train"]) <= set(by_flag["train"])
    assert set(source.splits["val"]) <= set(by_flag["test"])
