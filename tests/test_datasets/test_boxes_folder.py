"""One's own videos and found boxes made a store of tracks: MOT, COCO and AVA, against positions that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from run_tool import run_tool

pytest.importorskip("av", reason="PyAV is not installed")

from mmsync.converters.boxes_folder import convert_boxes
from mmsync.converters.found_boxes import read_mot
from mmsync.datasets import PairDataset
from mmsync.datasets.sources import VideoTrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.media.write import write_video

HEIGHT, WIDTH, FRAMES = 48, 64, 45


def x_of(person: int, frame: float) -> float:
    """Where a person's box begins: each goes to the right at a speed of its own."""
    return 4 + 10 * person + 0.2 * (person + 1) * frame


@pytest.fixture
def videos(tmp_path) -> Path:
    """Three videos at 15 frames a second; the last one's pictures are black but for person 0, who is white."""
    folder = tmp_path / "videos" / "deeper"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        pictures = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
        for t in range(FRAMES):
            left = round(x_of(0, t))
            pictures[t, 10:30, left : left + 20] = 255
        write_video(folder / f"{name}.mp4", pictures, 15)
    return folder.parent


def mot(folder: Path, name: str, persons=2, frames=range(FRAMES)) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"{t + 1},{p},{x_of(p, t)},10,20,20,0.{9 - p},-1,-1,-1" for t in frames for p in range(persons)]
    (folder / f"{name}.txt").write_text("\n".join(lines))


def test_a_folder_of_mot_files(videos, tmp_path):
    boxes = tmp_path / "mot"
    mot(boxes, "a")
    mot(boxes, "b", frames=range(60))  # the tracker saw more frames than decode
    mot(boxes, "elsewhere")
    (boxes / "c.txt").write_text("")  # nobody was found
    report = convert_boxes(videos, boxes, tmp_path / "store")
    assert (report.found, report.stored) == (3, 2)
    assert report.left_out == {
        "videos without boxes": ["c"],
        "boxes without a video": [],
    }  # files of others are not read
    assert set(report.remarks) == {"fewer frames than annotated"}
    source = VideoTrackSource(tmp_path / "store", size=16, cache=False)
    assert source.names == ["a", "b"]
    assert [len(track) for track in source.tracks] == [75] * 4  # 3 s of 25 ticks
    for track in source.tracks:
        frame = np.floor((np.arange(75) / 25 + 1e-3) * 15)
        np.testing.assert_allclose(track.boxes[:, 0], x_of(track.person, frame), atol=1e-4)
        np.testing.assert_allclose(track.boxes[:, 2] - track.boxes[:, 0], 20, atol=1e-4)
    assert source.load(0, 40, 5)[:, 4:12, 4:12].min() > 200  # the white person fills the box
    assert not (tmp_path / ".store.index").exists()


def test_boxes_of_a_tracker_without_scores_are_kept(tmp_path):
    (tmp_path / "a.txt").write_text("1,1,4,10,20,20,-1,-1,-1,-1\n2,1,4,10,20,20,0.3,-1,-1,-1\n")
    assert read_mot(tmp_path / "a.txt", min_score=0.5).frame.tolist() == [0]
    assert read_mot(tmp_path / "a.txt").frame.tolist() == [0, 1]


def test_low_scores_gaps_and_splits(videos, tmp_path):
    boxes = tmp_path / "mot"
    for name in "abc":
        mot(boxes, name, frames=[t for t in range(FRAMES) if t not in (20, 21)])
    split = convert_boxes(videos, boxes, tmp_path / "one", min_score=0.85)
    assert split.notes[0].startswith("6 tracks, ")  # person 1 left out, two pieces of person 0 in each video
    (tmp_path / "test.txt").write_text("b.mp4\n")
    whole = convert_boxes(videos, boxes, tmp_path / "two", max_gap=2, test=tmp_path / "test.txt")
    assert whole.notes[0].startswith("6 tracks, ")  # two people in each
    source = VideoTrackSource(tmp_path / "two", size=16, cache=False)
    assert source.splits == {"train": ["a", "c"], "test": ["b"]}
    np.testing.assert_allclose(
        source.tracks[1].boxes[:, 0], x_of(1, np.floor((np.arange(75) / 25 + 1e-3) * 15)), atol=1e-4
    )


def test_coco(videos, tmp_path):
    images = [{"id": t, "file_name": f"c/{t:06d}.jpg"} for t in range(FRAMES)]
    found = [{"image_id": t, "track_id": p, "bbox": [x_of(p, t), 10, 20, 20]} for t in range(FRAMES) for p in range(2)]
    (tmp_path / "found.json").write_text(json.dumps({"images": images, "annotations": found}))
    convert_boxes(videos, tmp_path / "found.json", tmp_path / "store")
    source = VideoTrackSource(tmp_path / "store", size=16, cache=False)
    assert source.names == ["c"]
    assert [len(track) for track in source.tracks] == [75, 75]


def test_ava_is_joined_from_second_to_second(videos, tmp_path):
    def row(video, second, person, action=80):
        left = max(x_of(person, 15 * (second - 900)), 0) / WIDTH
        box = ",".join(f"{side:.6f}" for side in (left, 10 / HEIGHT, left + 20 / WIDTH, 30 / HEIGHT))
        return f"{video},{second},{box},{action},{person}"

    rows = [row("a", second, person) for second in (900, 901, 902) for person in (0, 1)]
    rows += [row("a", 901, 0, action=12), row("a", 890, 0), row("b", 900, 0), row("b", 902, 0), row("gone", 902, 0)]
    (tmp_path / "ava.csv").write_text("\n".join(rows))
    report = convert_boxes(videos, tmp_path / "ava.csv", tmp_path / "store", offset=900)
    assert report.left_out == {"videos without boxes": ["c"], "boxes without a video": ["gone"]}
    source = VideoTrackSource(tmp_path / "store", size=16, cache=False)
    assert [track.video for track in source.tracks] == ["a", "a", "b", "b"]  # two seconds without a box split a track
    for track in source.tracks[:2]:
        assert (track.start, len(track)) == (0, 52)  # the box of second 902 stands for one frame, of 1/15 s: two ticks
        frame = np.floor((np.arange(52) / 25 + 1e-3) * 15)
        np.testing.assert_allclose(track.boxes[:, 0], x_of(track.person, frame), atol=1e-3)


def test_the_tool_and_a_training_on_it(videos, tmp_path, monkeypatch, capsys):
    for name in "abc":
        mot(tmp_path / "mot", name, persons=3)

    arguments = ("dataset_converters/tracks.py", videos, tmp_path / "mot", tmp_path / "tracks", "--workers", 1)
    assert run_tool(*arguments) == 0
    shown = capsys.readouterr().out
    assert "9 tracks" in shown
    assert "mmsync train sync3d/sync3d_i3d_tracks --cfg-options data_root=" in shown
    assert run_tool(*arguments) == 1
    assert "--overwrite" in capsys.readouterr().out
    assert run_tool(*arguments, "--overwrite") == 0
    source = VideoTrackSource(tmp_path / "tracks", size=16, cache=False)
    data = PairDataset(source, dict(positive=1, hard=1), split="train", window=10, size=6, placement="any")
    samples = data.__getitems__(range(6))["data_samples"]
    assert {sample.gt_label for sample in samples} == {-1}  # nobody told what they do


@pytest.mark.parametrize(
    ("boxes", "more", "error", "words"),
    [
        ("nowhere", {}, DataError, "nowhere does not exist"),
        ("mot", dict(offset=900), ConfigError, "an offset in seconds is for AVA"),
        ("others", {}, DataError, r"no MOT file <video>.txt or .csv, such as a.txt"),
        ("ava.csv", {}, DataError, r"none of the 3 videos .* such as a, has boxes .* such as xyz"),
        ("bad.csv", {}, DataError, "line 1: not a row video,seconds"),
        ("mot", dict(test="test.txt"), DataError, "none of its 1 names is a stored video, such as a"),
    ],
)
def test_wrong_use(videos, tmp_path, monkeypatch, boxes, more, error, words):
    monkeypatch.chdir(tmp_path)
    mot(tmp_path / "mot", "a")
    mot(tmp_path / "others", "x")
    (tmp_path / "ava.csv").write_text("xyz,902,0.1,0.1,0.2,0.2,80,0\n")
    (tmp_path / "bad.csv").write_text("1,1,4,10,20,20\n")
    (tmp_path / "test.txt").write_text("z\n")
    with pytest.raises(error, match=words):
        convert_boxes(videos, boxes, "store", **more)
    assert not Path("store").exists()


def test_no_video_that_decodes_is_told_with_all_faults(videos, tmp_path):
    for name in "abc":
        mot(tmp_path / "mot", name)
        (videos / "deeper" / f"{name}.mp4").write_bytes(b"")
    (tmp_path / "test.txt").write_text("a\n")
    with pytest.raises(DataError, match=r"(?s)DROPPED, video is corrupt: 3.*no clip of .*videos is left"):
        convert_boxes(videos, tmp_path / "mot", tmp_path / "store", test=tmp_path / "test.txt")


def test_bad_videos_are_named(videos, tmp_path):
    for name in "abc":
        mot(tmp_path / "mot", name)
    (videos / "deeper" / "a.mp4").write_bytes(b"")
    (videos / "a.avi").write_bytes(b"nothing")
    report = convert_boxes(videos, tmp_path / "mot", tmp_path / "store")
    assert report.stored == 2
    assert {(fault.kind, fault.file) for fault in report.faults} == {
        ("second video of a name", "deeper/a.mp4"), ("video is corrupt", "a.avi"),
    }  # fmt: skip
