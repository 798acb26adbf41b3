"""Sources of videos whose frames are encoded beforehand: TCC, CARL, LAV, GTCC."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest
import torch
from tfrecords import record, sequence_example

from mmsync import testing
from mmsync.datasets.sources import CARLSource, GTCCSource, LAVSource, TCCSource
from mmsync.errors import ConfigError, DataError
from mmsync.media import numbered_pictures, read_numbers, write_video

NUMBERS = np.arange(7) * 100


def jpegs(numbers=NUMBERS):
    return [cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes() for picture in numbered_pictures(numbers)]


def numbers_of(source, index):
    return read_numbers(np.stack(list(source.pictures(index)))).tolist()


def write_features(folder, source, rows=None):
    """Features whose first column is the number of the row; a folder for the source to use."""
    for index, name in enumerate(source.names):
        count = rows or len(list(source.pictures(index)))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.stack([np.arange(count), np.full(count, index)], 1).astype(np.float16))
    return folder


@pytest.fixture
def tcc(tmp_path):
    for dataset, label in (("pouring", 0), ("squats", 1)):
        folder = tmp_path / f"{dataset}_tfrecords"
        folder.mkdir()
        for split in ("train", "val"):
            data = b""
            for video in range(2):
                context = {"name": [f"{split}{video}".encode()], "len": [7], "label": [label]}
                labels = [[i // 3] for i in range(7)]
                data += record(sequence_example(context, {"video": [[j] for j in jpegs()], "frame_labels": labels}))
            (folder / f"{dataset}_{split}-0-of-1").write_bytes(data)
    return tmp_path


@pytest.fixture
def carl(tmp_path):
    write_video(tmp_path / "a.mp4", numbered_pictures(NUMBERS))
    for split, count in (("train", 7), ("val", 8)):
        item = dict(id=0, name=f"0001_squat_{split}", video_file="a.mp4", seq_len=count)
        items = [dict(item, frame_label=torch.arange(count)), dict(item, name=f"0002_bowl_{split}", frame_label=None)]
        content = ([dict(one, action_label=0) for one in items], {0: [0, 1]})
        (tmp_path / f"{split}.pkl").write_bytes(pickle.dumps(content))
    return tmp_path


@pytest.fixture
def lav(tmp_path):
    (tmp_path / "npy").mkdir()
    for split in ("train", "val"):
        for video in ("a", "b"):
            folder = tmp_path / "lav" / "milk" / split / video
            folder.mkdir(parents=True)
            for i, data in enumerate(jpegs()):
                (folder / f"{i}.jpg").write_bytes(data)
        content = {"a": {"labels": np.arange(7), "pose": np.zeros((7, 4))}}
        np.save(tmp_path / "npy" / f"milk_{split}.npy", content, allow_pickle=True)
    return tmp_path


@pytest.fixture
def gtcc(tmp_path):
    tasks = [
        dict(
            task="tea",
            handles=["v1", "v2"],
            hdl_actions=[["boil", "background", "pour"], ["pour"]],
            hdl_start_times=[[0, 1, 2.5], [0.25]],
            hdl_end_times=[[1, 2, 4], [1]],
        ),
        dict(handles=["v3"], hdl_actions=[[]], hdl_start_times=[[]], hdl_end_times=[[]]),
    ]
    (tmp_path / "set.json").write_text(json.dumps(tasks))
    (tmp_path / "f").mkdir()
    for name in ("v1", "v2", "v3"):
        np.save(tmp_path / "f" / f"{name}.npy", np.ones((8, 5), np.float32))
    return tmp_path


def test_tcc_gives_pictures_and_labels_of_each_video(tcc):
    source = TCCSource(tcc)
    assert source.class_names == ["pouring", "squats"]
    assert source.labels.tolist() == [0] * 4 + [1] * 4
    assert source.splits["val"] == ["pouring/val0", "pouring/val1", "squats/val0", "squats/val1"]
    assert numbers_of(source, 3) == NUMBERS.tolist()
    assert source.frame_labels(3).tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_tcc_keeps_the_contract_once_there_are_features(tcc):
    features = write_features(tcc / "features", TCCSource(tcc))
    source = TCCSource(tcc, ["squats"], features)
    testing.check_source(source)
    assert source.names[0] == "squats/train0"
    assert source.load(0)[:, 0].tolist() == list(range(7))


def test_tcc_without_labels_has_none(tcc):
    payload = sequence_example({"name": [b"x"]}, {"video": [[j] for j in jpegs()]})
    (tcc / "squats_tfrecords" / "squats_test-0").write_bytes(record(payload))
    source = TCCSource(tcc)
    assert source.frame_labels(source.names.index("squats/x")) is None


def test_without_features_the_message_names_the_command(tcc, lav, carl):
    for source in (TCCSource(tcc), LAVSource(lav / "lav"), CARLSource(carl)):
        with pytest.raises(DataError, match=r"mmsync frame_features .* type=" + type(source).__name__):
            source.load(0)


def test_features_of_another_length_name_both_numbers(tcc, lav):
    for source in (TCCSource(tcc), LAVSource(lav / "lav")):
        features = write_features(tcc / f"f{type(source).__name__}", source, rows=5)
        source = type(source)(source.data_root, features=features)
        with pytest.raises(DataError, match=r"5 rows of features, but .* has 7 frames"):
            source.load(0)


def test_damaged_features_are_a_data_error(tcc):
    features = write_features(tcc / "features", TCCSource(tcc))
    source = TCCSource(tcc, features=features)
    file = features / "pouring/train0.npy"
    for content, message in ((b"x" * 90, "cannot be read"), (file.read_bytes()[:-9], "cannot be read")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            source.load(0)
    for array, message in ((np.zeros(7), "wanted numbers"), (np.full((7, 2), np.nan), "NaN")):
        np.save(file, array)
        with pytest.raises(DataError, match=message):
            source.load(0)
    file.unlink()
    with pytest.raises(DataError, match=r"train0.npy does not exist; make features by"):
        source.load(0)


def test_truncated_tfrecord_is_named(tcc):
    file = tcc / "pouring_tfrecords" / "pouring_val-0-of-1"
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(DataError, match="pouring_val-0-of-1: record 1 is cut off"):
        TCCSource(tcc)


@pytest.mark.parametrize(
    ("context", "steps", "message"),
    [
        ({"len": [1]}, {"video": [[b"j"]]}, "record 0: no name"),
        ({"name": [b"x"]}, {"frame_labels": [[1]]}, "no feature list `video`"),
    ],
)
def test_other_tfrecords_are_refused(tmp_path, context, steps, message):
    (tmp_path / "a_tfrecords").mkdir()
    (tmp_path / "a_tfrecords" / "a_train").write_bytes(record(sequence_example(context, steps)))
    with pytest.raises(DataError, match=message):
        TCCSource(tmp_path)


def test_tcc_names_unreadable_pictures_and_labels_of_another_length(tmp_path):
    (tmp_path / "a_tfrecords").mkdir()
    payload = sequence_example({"name": [b"x"]}, {"video": [[b"no jpeg"]], "frame_labels": [[1], [2]]})
    (tmp_path / "a_tfrecords" / "a_train").write_bytes(record(payload))
    source = TCCSource(tmp_path)
    with pytest.raises(DataError, match="a_train: a/x, picture 0: not a picture"):
        list(source.pictures(0))
    with pytest.raises(DataError, match="2 labels of frames, but 1 frames"):
        source.frame_labels(0)
    with pytest.raises(DataError, match="no b_tfrecords"):
        TCCSource(tmp_path, ["b"])
    with pytest.raises(DataError, match="none"):
        TCCSource(tmp_path / "none")


def test_carl_takes_every_entry_of_the_shorter_at_its_share_of_the_longer(carl):
    features = write_features(carl / "features", CARLSource(carl))
    source = CARLSource(carl, features=features, tolerance=0.2)
    testing.check_source(source)
    assert source.class_names == ["bowl_train", "bowl_val", "squat_train", "squat_val"]
    assert source.frame_labels(1) is None
    assert source.load(1).shape == (7, 2)
    assert source.frame_labels(0).tolist() == list(range(7))
    assert source.frame_labels(2).tolist() == [int(np.floor(j * 8 / 7)) for j in range(7)]  # 8 labels, 7 frames
    write_features(features, source, rows=9)  # 9 frames, 8 labels
    assert source.load(2)[:, 0].tolist() == [int(np.floor(j * 9 / 8)) for j in range(8)]
    assert source.frame_labels(2).tolist() == list(range(8))
    assert numbers_of(source, 0) == NUMBERS.tolist()


def test_carl_refuses_features_far_from_the_labels(carl):
    source = CARLSource(carl, features=write_features(carl / "features", CARLSource(carl), rows=12))
    for read in (source.load, source.frame_labels):
        with pytest.raises(DataError, match="12 rows of features, but 7 labels"):
            read(0)
    with pytest.raises(ConfigError, match="tolerance"):
        CARLSource(carl, tolerance=2)


def test_carl_list_of_pouring_has_one_activity(carl):
    items = [dict(id=i, name=f"v{i}", video_file="a.mp4", frame_label=torch.arange(7), seq_len=7) for i in range(2)]
    (carl / "train.pkl").write_bytes(pickle.dumps(items))
    (carl / "val.pkl").unlink()
    source = CARLSource(carl)
    assert source.class_names == ["pouring"]
    assert source.splits == {"train": ["v0", "v1"]}
    assert source.frame_labels(1).tolist() == list(range(7))


def test_carl_names_what_is_missing(carl):
    (carl / "a.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"a.mp4: cannot be opened"):
        list(CARLSource(carl).pictures(0))
    (carl / "a.mp4").unlink()
    with pytest.raises(DataError, match=r"a.mp4"):
        list(CARLSource(carl).pictures(0))
    (carl / "train.pkl").write_bytes(pickle.dumps([dict(name="x", frame_label=[1])]))
    with pytest.raises(DataError, match=r"train.pkl: item 0 has no text video_file"):
        CARLSource(carl)
    (carl / "train.pkl").write_bytes(pickle.dumps(dict(a=1)))
    with pytest.raises(DataError, match="wanted a list of dicts"):
        CARLSource(carl)
    with pytest.raises(DataError, match=r"no train.pkl or val.pkl"):
        CARLSource(carl.parent)


@pytest.mark.parametrize(
    "bad", [torch.arange(9)[::2], torch.zeros(1).expand(9), torch.zeros(2, dtype=torch.bfloat16), torch.nn.Linear(1, 1)]
)
def test_carl_refuses_other_pickles_with_a_way_to_convert_them(carl, bad):
    (carl / "train.pkl").write_bytes(pickle.dumps([dict(name="x", video_file="a.mp4", frame_label=bad)]))
    with pytest.raises(DataError, match=r"refused.*python -c"):
        CARLSource(carl)


def test_lav_gives_pictures_and_labels(lav):
    features = write_features(lav / "features", LAVSource(lav / "lav"))
    source = LAVSource(lav / "lav", labels=lav / "npy", features=features)
    testing.check_source(source)
    assert source.names == ["milk/train/a", "milk/train/b", "milk/val/a", "milk/val/b"]
    assert source.class_names == ["milk"]
    assert source.splits["val"] == ["milk/val/a", "milk/val/b"]
    assert numbers_of(source, 1) == NUMBERS.tolist()
    assert source.frame_labels(0).tolist() == list(range(7))
    assert source.frame_labels(1).tolist() == [-1] * 7
    assert LAVSource(lav / "lav").frame_labels(0) is None
    assert LAVSource(lav / "lav" / "milk").names == source.names
    shifted = LAVSource(lav / "lav", labels=lav / "npy", background=True)
    assert shifted.frame_labels(0).tolist() == [-1, 0, 1, 2, 3, 4, 5]


def test_lav_names_what_is_wrong(lav):
    root, labels = lav / "lav", lav / "npy"
    np.save(labels / "milk_train.npy", {"a": {"labels": np.arange(6)}}, allow_pickle=True)
    source = LAVSource(root, labels=labels)
    with pytest.raises(DataError, match="milk/train/a: 6 labels of frames, but 7 frames"):
        source.frame_labels(0)
    (root / "milk/train/a/3.jpg").write_bytes(b"no jpeg")
    with pytest.raises(DataError, match=r"3.jpg: not a picture"):
        list(source.pictures(0))
    np.save(labels / "milk_train.npy", {"a": {"pose": 1}}, allow_pickle=True)
    with pytest.raises(DataError, match="1 videos have no `labels`, the first is a"):
        LAVSource(root, labels=labels)
    with pytest.raises(DataError, match=r"no tea/train/<video>"):
        LAVSource(root, ["tea"])
    with pytest.raises(DataError, match=r"no tea/train/<video>.* there: milk"):
        LAVSource(root / "milk", ["tea"])
    with pytest.raises(DataError, match=r"no labels such as milk_train.npy"):
        LAVSource(root, labels=root)
    with pytest.raises(DataError, match="features"):
        LAVSource(root, features=lav / "none")


def test_gtcc_turns_segments_into_labels_of_frames(gtcc):
    source = GTCCSource(gtcc / "set.json", gtcc / "f", rate=2)
    testing.check_source(source)
    assert source.class_names == ["tea", "task_1"]
    assert source.labels.tolist() == [0, 0, 1]
    assert source.phases == {"tea": ["boil", "pour"], "task_1": []}
    assert source.frame_labels(0).tolist() == [0, 0, -1, -1, -1, 1, 1, 1]
    assert source.frame_labels(1).tolist() == [-1, 1, -1, -1, -1, -1, -1, -1]
    assert source.frame_labels(2).tolist() == [-1] * 8


def test_gtcc_refuses_a_wrong_rate_and_missing_features(gtcc):
    source = GTCCSource(gtcc / "set.json", gtcc / "f", rate=20)
    for read in (source.load, source.frame_labels):
        with pytest.raises(
            DataError, match=r"8 rows of features at 20 a second last 0.4 s, its segments 4.0 s, 80 rows"
        ):
            read(0)
    (gtcc / "f/v1.npy").unlink()
    with pytest.raises(DataError, match="v1: no features of this handle"):
        source.load(0)
    with pytest.raises(ConfigError, match="rate"):
        GTCCSource(gtcc / "set.json", gtcc / "f", rate=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(handles=None), "has no list handles"),
        (dict(hdl_start_times=[[0]]), r"\[2, 2, 1, 2\] entries"),
        (dict(hdl_end_times=[[1], [1]]), r"handle 'v1' has \[3, 3, 1\] actions"),
        (dict(hdl_end_times=[[1, 2, 2], [1]]), "end before they start"),
        (dict(hdl_end_times=[[1, 2, "x"], [1]]), "no numbers"),
    ],
)
def test_gtcc_names_the_faulty_task(gtcc, change, message):
    tasks = json.loads((gtcc / "set.json").read_text())
    tasks[0].update(change)
    (gtcc / "set.json").write_text(json.dumps(dict(tea=tasks[0])))
    with pytest.raises(DataError, match=f"task 'tea'.*{message}"):
        GTCCSource(gtcc / "set.json", gtcc / "f", rate=2)


def test_gtcc_refuses_other_json(gtcc):
    for text, message in (("[{", "no JSON"), ("3", "wanted a list of tasks"), ("[3]", "has no list handles")):
        (gtcc / "set.json").write_text(text)
        with pytest.raises(DataError, match=message):
            GTCCSource(gtcc / "set.json", gtcc / "f", rate=2)
