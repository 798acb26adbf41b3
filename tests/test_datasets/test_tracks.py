"""Tracks out of boxes, linking of found boxes, and tracks of skeletons; against plain loops and cases by hand."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from mmsync.converters.boxes import BoxTable, build_tracks, ticks_of_video
from mmsync.converters.found_boxes import link_boxes, read_coco, read_mot
from mmsync.datasets import PairDataset
from mmsync.datasets.sources import SkeletonTrackSource, SyntheticSource
from mmsync.errors import ConfigError, DataError
from mmsync.store.tracks import TrackStore, read_track_store, write_track_store


def table(*rows) -> BoxTable:
    """Rows of frame, person, x; boxes of 10 x 20 pixels; label 100 + frame."""
    return BoxTable.of([(f, p, x, 0, x + 10, 20, 100 + f, -1) for f, p, x in rows])


def test_gaps_split_tracks_or_are_filled_in_a_straight_line():
    boxes = table((5, 3, 50), (0, 3, 0), (1, 3, 10), (4, 3, 40), (9, 3, 90), (2, 0, 7))
    split = build_tracks("v", boxes)
    assert [(t.person, t.start, len(t)) for t in split] == [(0, 2, 1), (3, 0, 2), (3, 4, 2), (3, 9, 1)]
    filled = build_tracks("v", boxes, max_gap=2)
    assert [(t.person, t.start, t.stop) for t in filled] == [(0, 2, 3), (3, 0, 6), (3, 9, 10)]
    np.testing.assert_allclose(filled[1].boxes[:, 0], [0, 10, 20, 30, 40, 50])
    assert filled[1].labels.tolist() == [100, 101, 101, 101, 104, 105]  # in the gap as before it
    assert len(build_tracks("v", boxes, max_gap=3)) == 2
    assert build_tracks("v", BoxTable.of([])) == []


@pytest.mark.parametrize("rate", [25, 24000 / 1001, 30, 50, 12.5])
def test_the_clock_shows_the_last_frame_that_has_begun(rate):
    frames = 61
    naive = []
    while len(naive) / 25 < frames / rate - 1e-6:
        seconds = len(naive) / 25 + 1e-3  # a millisecond for rounded stamps
        naive.append(max(f for f in range(frames) if f / rate <= seconds))
    assert ticks_of_video(frames, rate).tolist() == naive
    times = np.arange(frames) / rate
    assert ticks_of_video(frames, rate, times=times).tolist() == naive


def test_boxes_of_another_rate_come_by_time():
    at_50 = table(*((f, 0, f) for f in range(20) if f != 7))  # frame 7 is between two ticks, so it is not missed
    (track,) = build_tracks("v", at_50, frame_of_tick=ticks_of_video(20, 50))
    assert track.boxes[:, 0].tolist() == list(range(0, 20, 2))
    at_50 = table(*((f, 0, f) for f in range(20) if f != 8))
    assert [(t.start, len(t)) for t in build_tracks("v", at_50, 0, ticks_of_video(20, 50))] == [(0, 4), (5, 5)]


def test_a_store_gives_back_what_was_written(tmp_path):
    tracks = [t for v in ("a", "b") for t in build_tracks(v, table((0, 1, 5), (1, 1, 6), (3, 1, 8), (3, 2, 9)))]
    videos = [{"name": v, "file": f"{v}.avi", "label": 0} for v in ("a", "b")]
    store = TrackStore(videos, tracks, "media", 25.0, ["x"], {"train": ["a"]}, {"all": 2}, "here")
    write_track_store(tmp_path / "s", store)
    again = read_track_store(tmp_path / "s")
    assert again._replace(tracks=tracks) == store
    for a, b in zip(tracks, again.tracks):
        assert (a.video, a.person, a.start) == (b.video, b.person, b.start)
        for one, two in ((a.boxes, b.boxes), (a.labels, b.labels), (a.partner, b.partner)):
            np.testing.assert_array_equal(one, two)
    with pytest.raises(DataError, match="overwrite"):
        write_track_store(tmp_path / "s", store)
    write_track_store(tmp_path / "s", store, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").touch()
    with pytest.raises(DataError, match="no mmsync-tracks store"):
        write_track_store(tmp_path / "mine", store, overwrite=True)
    (tmp_path / "s/boxes.npy").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"boxes\.npy"):
        read_track_store(tmp_path / "s")
    np.save(tmp_path / "s/boxes.npy", np.zeros((3, 4), np.float32))
    with pytest.raises(DataError, match="damaged"):
        read_track_store(tmp_path / "s")


# ------------------------------------------------------------------------------------------------------ found boxes


def annotated() -> BoxTable:
    """Two upper bodies, 40 pixels wide, 100 pixels apart, in frames 0 to 9."""
    return BoxTable.of([(f, p, x, 0, x + 40, 40, p + 1, 4 - p) for f in range(10) for p, x in ((0, 0), (4, 100))])


def test_whole_bodies_are_linked_by_how_much_of_the_upper_body_they_cover():
    bodies = [(f, who, x, -5, x + 50, 200) for f in range(10) for who, x in ((7, 98), (8, -4))]  # the IoU is 0.16
    stranger = [(f, 9, 300, 0, 340, 40) for f in range(10)]
    linked = link_boxes(BoxTable.of(bodies + stranger), annotated())
    assert sorted(set(linked.person.tolist())) == [0, 4]
    assert len(linked.frame) == 20
    assert (linked.box[linked.person == 4][:, 0] == 98).all()
    assert (linked.label[linked.person == 4] == 5).all()
    assert (linked.partner[linked.person == 4] == 0).all()


def test_the_threshold_is_the_mean_share_over_common_frames():
    half = [(f, 1, 20 if f < 5 else 40, 0, 80, 40) for f in range(10)]  # covers 1/2 of the first five, then nothing
    assert len(link_boxes(BoxTable.of(half), annotated(), 0.25).frame) == 10
    assert len(link_boxes(BoxTable.of(half), annotated(), 0.26).frame) == 0


def test_greedy_gives_the_best_first_and_one_person_no_two_boxes_in_a_frame():
    good = [(f, 1, 0, 0, 40, 40) for f in range(10)]
    worse = [(f, 2, 10, 0, 50, 40) for f in range(10)]  # covers 3/4
    linked = link_boxes(BoxTable.of(worse + good), annotated())
    assert len(linked.frame) == 10
    assert (linked.box[:, 0] == 0).all()


def test_broken_tracks_are_joined_and_unannotated_frames_have_no_label():
    broken = [(f, 1 if f < 4 else 2, 0, 0, 40, 40) for f in range(12)]
    linked = link_boxes(BoxTable.of(broken), annotated())
    assert linked.person.tolist() == [0] * 12
    assert linked.label.tolist() == [1] * 10 + [-1] * 2


def test_mot_counts_frames_from_one_and_may_have_no_ids(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("1,3,10,20,30,40,0.9,-1,-1,-1\n2,-1,1,2,3,4,0.8,-1,-1,-1\n2,-1,5,6,7,8,0.1,-1,-1,-1\n")
    found = read_mot(file, min_score=0.5)
    assert found.frame.tolist() == [0, 1]
    assert found.box.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6]]
    assert found.person[0] == 3
    assert found.person[1] < 0
    assert len(set(read_mot(file).person.tolist())) == 3
    file.write_text("0,3,10,20,30,40\n")
    with pytest.raises(DataError, match="count from 1"):
        read_mot(file)
    file.write_text("1,3,10,20,30,40\n2,3,nan,20,30,40\n")
    with pytest.raises(DataError, match="box 2, 2,3,nan"):
        read_mot(file)
    file.write_text("one,3,10,20,30,40\n")
    with pytest.raises(DataError, match="MOT csv"):
        read_mot(file)


def test_coco_names_videos_by_folder_or_by_field(tmp_path):
    images = [
        {"id": 1, "file_name": "hug_0001/img_00007.jpg"},
        {"id": 2, "file_name": "x.jpg", "video": "b", "frame_id": 4},
    ]
    boxes = [
        {"image_id": 1, "bbox": [1, 2, 3, 4], "category_id": 1, "track_id": 5},
        {"image_id": 1, "bbox": [1, 2, 3, 4], "category_id": 18},
        {"image_id": 2, "bbox": [0, 0, 2, 2]},
    ]
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"images": images, "annotations": boxes}))
    found = read_coco(file)
    assert found.keys() == {"hug_0001", "b"}
    assert found["hug_0001"].frame.tolist() == [7]
    assert found["hug_0001"].box.tolist() == [[1, 2, 4, 6]]
    assert found["hug_0001"].person.tolist() == [5]
    assert found["b"].frame.tolist() == [4]
    boxes.append({"image_id": 2, "bbox": [0, float("nan"), 2, 2]})
    file.write_text(json.dumps({"images": images, "annotations": boxes}))
    with pytest.raises(DataError, match="frame 4 of b is not finite"):
        read_coco(file)
    file.write_text(json.dumps([1]))
    with pytest.raises(DataError, match="COCO"):
        read_coco(file)


# ------------------------------------------------------------------------------------------------------ skeletons


class Clips(SyntheticSource):
    """Two people of whom the second is away in frames 10 to 14, and never comes in the last clip."""

    def load(self, index: int) -> np.ndarray:
        clip = np.array(super().load(index))
        clip[1:, 10:15] = 0
        return clip[:1] if index == len(self) - 1 else clip


def test_each_person_of_each_clip_is_a_track_and_absence_splits_it():
    clips = Clips((3, 2), actions=["push", "high_five"], num_frames=(30, 30))
    source = SkeletonTrackSource(clips, fps=30)
    assert source.modality == "skeleton"
    assert source.layout == clips.layout
    assert len(source.names) == 5
    first = [t for t in source.tracks if t.video == source.names[0]]
    assert [(t.person, t.start, t.stop, t.boxes) for t in first] == [
        (0, 0, 30, None),
        (1, 0, 10, None),
        (1, 15, 30, None),
    ]
    assert first[0].partner.tolist() == [1] * 10 + [-1] * 5 + [1] * 15
    assert (first[1].partner == 0).all()
    assert (first[0].labels == source.labels[0]).all()
    (alone,) = (t for t in source.tracks if t.video == source.names[-1])
    assert (alone.partner == -1).all()
    np.testing.assert_array_equal(source.load(2, 17, 9), clips.load(0)[1, 17:26])
    for start, length in ((14, 3), (25, 6), (17, 0)):
        with pytest.raises(DataError, match="ticks 15 to 29"):
            source.load(2, start, length)


def test_classes_are_chosen_and_numbered_anew():
    whole = dict(type="SyntheticSource", num_clips=(60, 30))
    source = SkeletonTrackSource(whole, classes=["push", "shake_hands", "wave"])
    assert source.class_names == ["push", "shake_hands", "wave"]
    names = source.source.class_names
    for video, label in zip(source.names, source.labels):
        assert names[source.source.labels[source.source.names.index(video)]] == source.class_names[label]
    assert set(source.splits["train"]) | set(source.splits["test"]) == set(source.names) < set(source.source.names)
    by_number = SkeletonTrackSource(whole, classes=[names.index(n) for n in source.class_names])
    assert by_number.names == source.names
    assert by_number.class_names == source.class_names
    for wrong, hint in (("pushh", "did you mean 'push'"), (99, "there are")):
        with pytest.raises(ConfigError, match=hint):
            SkeletonTrackSource(whole, classes=[wrong])


def test_attributes_of_the_clips_are_kept():
    source = SkeletonTrackSource(dict(type="SyntheticSource", num_clips=(20, 10)), classes=["push", "wave"])
    kept = [source.source.names.index(name) for name in source.names]
    assert source.attributes.keys() == source.source.attributes.keys() > {"subject", "view"}
    for key, values in source.attributes.items():
        np.testing.assert_array_equal(values, source.source.attributes[key][kept])
    pairs = PairDataset(source, dict(positive=1), window=8, split=dict(subject=[1, 2, 3]))
    subject = dict(zip(source.names, source.attributes["subject"].tolist()))
    assert {subject[name] for name in pairs.names} == {1, 2, 3} & {subject[t.video] for t in source.tracks if t.person}


def test_no_module_of_the_data_imports_a_video_package_by_itself():
    wrong = [
        path.name
        for path in (Path(__file__).parents[2] / "mmsync" / "datasets").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and {"av", "cv2", "torchcodec", "PIL"} & {name.name.split(".")[0] for name in node.names}
    ]
    assert not wrong


@pytest.mark.realdata
def test_people_of_sbu(data_root):
    source = SkeletonTrackSource(dict(type="SBUSource", data_root=str(data_root / "sbu")), fps=15)
    assert len(source.tracks) == 2 * len(source.names) == 2 * (55 + 52 + 56)
    assert len(source.splits["fold1_test"]) == 55
    assert source.load(0, 0, 10).shape == (10, 15, 3)
    assert set(source.attributes["fold"]) == {1, 2, 3}
    assert [source.fold_of(split) for split in ("fold2_train", None, dict(view=1))] == ["sbu/2", "sbu/all", None]
