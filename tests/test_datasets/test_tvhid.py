"""TV-HID from the folder to crops, on small synthetic videos: counts, pixels, cache, and every fault named."""

from __future__ import annotations

import errno
import json
import multiprocessing
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed")
from PIL import Image

from mmsync.converters.tvhid_file import SPLITS
from mmsync.converters.tvhid_folder import convert_tvhid
from mmsync.datasets.sources import SyntheticSource, TVHIDSource, VideoTrackSource
from mmsync.datasets.sources.tracks.tvhid import _validation
from mmsync.errors import ConfigError, DataError
from mmsync.media import open_video
from mmsync.media.write import numbered_pictures, read_numbers, write_video
from mmsync.ops.boxes import iou
from mmsync.structures import Track
from mmsync.worlds.tvhid_video import write_tvhid

ROOT = Path(__file__).parents[2]
SIZE = (96, 128)


def people(folder: Path, counts=(6, 5)) -> None:
    write_tvhid(SyntheticSource(counts, cache=False), folder, SIZE, (30, 36))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tvhid") / "raw"
    people(path)
    return path


@pytest.fixture(scope="module")
def source(folder) -> TVHIDSource:
    return TVHIDSource(folder, size=32)


def boxes_file(frames: int, boxes: str, promised: int | None = None) -> str:
    """An annotation with the same boxes in every frame."""
    lines = boxes.strip().splitlines()
    body = [f"#frame: {f} #num_bbxs: {len(lines)}\n" + "\n".join(lines) for f in range(frames)]
    return f"#num_frames: {promised or frames}\n" + "\n".join(body) + "\n"


def clip(folder: Path, name: str, pictures: np.ndarray, annotation: str, rate: float = 25) -> Path:
    folder.mkdir(exist_ok=True)
    write_video(folder / f"{name}.avi", pictures, rate)
    (folder / f"{name}.annotations").write_text(annotation)
    return folder / f"{name}.avi"


def test_the_official_split():
    assert len(SPLITS["set1"]) == len(SPLITS["set2"]) == 150
    assert not set(SPLITS["set1"]) & set(SPLITS["set2"])
    for name in ("handShake", "highFive", "hug", "kiss", "negative"):
        assert sum(n.startswith(f"{name}_") for n in SPLITS["set1"]) == (50 if name == "negative" else 25)
    # single numbers of the readme's lists
    assert {"handShake_0002", "highFive_0048", "hug_0036", "kiss_0042", "negative_0050"} < set(SPLITS["set1"])
    assert {"handShake_0001", "highFive_0046", "hug_0037", "kiss_0015", "negative_0051"} < set(SPLITS["set2"])


def test_set_1_is_divided_by_class_and_by_how_many_pairs_a_video_shows():
    names = [f"hug_{i:04d}" for i in range(9)] + [f"kiss_{i:04d}" for i in range(4)]
    nothing = np.zeros(9, np.int64)

    def track(video, person, start):
        return Track(video, person, start, np.zeros((9, 4), np.float32), nothing, nothing)

    tracks = [track(f"hug_{i:04d}", p, 0) for i in range(9) for p in range(1 + i % 3)]
    tracks += [track("hug_0000", p, 20 * p) for p in range(1, 6)]  # never together: no pair
    tracks += [track("kiss_0003", p, 0) for p in range(2)]
    found = _validation(tracks, names)
    # pairs: hug 2, 5, 8 have three, 1, 4, 7 one, 0, 3, 6 none; kiss 3 has one
    assert found["set1_val"] == ["hug_0001", "hug_0003", "kiss_0002"]
    assert found["set1_train"] == [name for name in names if name not in found["set1_val"]]


def test_synthetic_people_fill_the_split_and_the_interacting_stand_close(source):
    assert len(source.names) == 11
    assert len(source.splits["train"]) == 6
    assert len(source.splits["test"]) == 5
    assert set(source.splits["train"]) <= set(SPLITS["set1"])
    assert set(source.splits["test"]) <= set(SPLITS["set2"])
    assert source.labels.tolist() == [source.class_names.index(v.split("_")[0]) for v in source.names]
    for track in source.tracks:
        label = source.class_names.index(track.video.split("_")[0])
        assert set(track.labels.tolist()) <= {0, label}
        assert ((track.partner >= 0) == (track.labels > 0)).all()
    overlap = {"pair": [], "others": []}
    for a in source.tracks:
        for b in source.tracks:
            if a.video == b.video and a.person < b.person and len(a) == len(b):
                kind = "pair" if b.person in a.partner else "others"
                overlap[kind].append(iou_mean(a, b))
    assert np.mean(overlap["pair"]) > 0.1 > max(overlap["others"], default=0)


def iou_mean(a, b) -> float:
    import torch

    return float(iou(torch.from_numpy(a.boxes), torch.from_numpy(b.boxes)).mean())


def test_people_move_before_a_wall_that_does_not(folder):
    """Away from all people the pictures differ by noise only."""
    path = sorted(folder.rglob("negative_0051.avi"))[0]
    pictures = open_video(path).read(np.arange(28) / 25 + 0.001).astype(int)
    assert pictures.shape[1:] == (*SIZE, 3)
    change = np.abs(pictures - np.median(pictures, 0)).mean((0, 3))
    assert np.median(change) < 8 < 20 < change.max()
    assert np.median(pictures, 0).std() > 10  # textured


def test_written_again_it_is_the_same_and_other_arguments_are_refused(folder, tmp_path):
    people(tmp_path, (1, 0))
    files = [p for p in tmp_path.rglob("*_*.a*") if p.is_file()]
    assert len(files) == 2
    for file in files:
        (other,) = folder.rglob(file.name)
        assert file.read_bytes() == other.read_bytes()
    with pytest.raises(DataError, match=r"holds 1 clips beyond the 1 that are requested, such as handShake_0002;"):
        people(tmp_path, (0, 1))
    assert sorted(files) == sorted(p for p in tmp_path.rglob("*_*.a*") if p.is_file())  # nothing lost, nothing new
    with pytest.raises(DataError, match="other arguments"):
        write_tvhid(SyntheticSource((1, 0), cache=False), tmp_path, (64, 96), (30, 36))
    with pytest.raises(DataError, match="150 names"):
        write_tvhid(SyntheticSource((151, 0), cache=False), tmp_path)


# ------------------------------------------------------------------------------------------------------------ the crops


def test_a_crop_is_the_enlarged_box_scaled_into_the_middle(tmp_path, logged):
    """Against Pillow, from the same decoded picture; one box inside, one over the edge, one beyond."""
    noise = np.random.default_rng(0).integers(0, 255, (3, 12, 16, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    text = boxes_file(3, "0 20 30 40 hug backwards\n1 -20 10 50 hug backwards\n2 200 10 20 hug backwards")
    video = clip(tmp_path / "raw", "hug_0001", noise, text)
    for mode, factor in (("side", 1.2), ("area", 1.2**0.5)):
        source = TVHIDSource(tmp_path / "raw", size=64, enlarge_mode=mode)
        half = 20 * factor
        inside = (40 - half, 50 - half, 40 + half, 50 + half)
        edge = (5 - 25 * factor, 35 - 25 * factor, 5 + 25 * factor, 35 + 25 * factor)
        picture = open_video(video).read([0.041])[0]
        for track, box in enumerate((inside, edge)):
            x1, y1 = (max(0, int(np.floor(v))) for v in box[:2])
            x2, y2 = min(128, int(np.ceil(box[2]))), min(96, int(np.ceil(box[3])))
            w, h = x2 - x1, y2 - y1
            w, h = (64, 64 * h // w) if w > h else (64 * w // h, 64)
            scaled = Image.fromarray(picture[y1:y2, x1:x2]).resize((w, h), Image.BILINEAR)
            wanted = np.full((64, 64, 3), 127)
            wanted[(64 - h) // 2 :, (64 - w) // 2 :][:h, :w] = scaled
            got = source.load(track, 1, 1)[0].astype(int)
            assert np.abs(got - wanted).max() <= 2, (mode, track)
        assert (source.load(2, 0, 3) == 127).all()
        assert "3 boxes of 1 videos are beyond the picture, their crops show nothing: hug_0001 (3)" in logged[-1]


@pytest.mark.parametrize("rate", [25, 30, 50])
def test_ticks_show_the_picture_and_the_box_of_their_time(tmp_path, rate):
    """Pictures carry their number; the box follows it, so the crop's canvas tells the box, its content the picture."""
    pictures = numbered_pictures(range(40), (96, 96))
    lines = ["#num_frames: 40"]
    for f in range(40):
        lines += [f"#frame: {f} #num_bbxs: 1", f"0 0 {f} 96 hug backwards"]
    clip(tmp_path / "raw", "hug_0002", pictures, "\n".join(lines), rate)
    convert_tvhid(tmp_path / "raw", tmp_path / "store")
    source = VideoTrackSource(tmp_path / "store", size=96, enlarge=4.0)  # all of the picture, so that it can be read
    (track,) = source.tracks
    wanted = [int(np.floor((k / 25 + 0.001) * rate + 1e-6)) for k in range(len(track))]
    assert len(track) == int(np.ceil(40 * 25 / rate))
    assert track.boxes[:, 1].tolist() == wanted
    assert read_numbers(source.load(0, 0, len(track))).tolist() == wanted
    source = VideoTrackSource(tmp_path / "store", size=96, enlarge=4.0, cache=False)
    assert read_numbers(source.load(0, 3, 5)).tolist() == wanted[3:8]


def test_variable_rate_goes_by_the_time_of_each_frame(tmp_path):
    times = np.concatenate([np.arange(10) / 25, 0.4 + np.arange(10) / 10])
    text = "#num_frames: 20\n" + "".join(f"#frame: {f} #num_bbxs: 1\n0 0 {f} 96 hug backwards\n" for f in range(20))
    folder = tmp_path / "raw"
    folder.mkdir()
    write_video(folder / "hug_0003.mp4", numbered_pictures(range(20), (96, 96)), times=times)
    (folder / "hug_0003.annotations").write_text(text)
    (track,) = (source := TVHIDSource(folder, size=96, enlarge=4.0)).tracks
    wanted = [int((times <= k / 25 + 0.0015).sum()) - 1 for k in range(len(track))]
    assert track.boxes[:, 1].tolist() == wanted == read_numbers(source.load(0, 0, len(track))).tolist()
    assert len(track) >= 33


def test_cached_crops_are_the_same_are_written_once_and_belong_to_their_options(folder, source, monkeypatch, tmp_path):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    cached = TVHIDSource(folder, size=32)
    plain = TVHIDSource(folder, size=32, cache=False)
    k = max(range(len(cached)), key=lambda k: len(cached.tracks[k]))
    start = cached.tracks[k].start + 2
    crops = cached.load(k, start, 25)
    assert crops.shape == (25, 32, 32, 3)
    assert crops.dtype == np.uint8
    np.testing.assert_array_equal(crops, plain.load(k, start, 25))
    monkeypatch.setattr(VideoTrackSource, "_cut", None)  # no decoding any more
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cached)).load(k, start + 1, 24), crops[1:])
    monkeypatch.undo()
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    for options in (dict(size=16), dict(size=32, enlarge=0.3), dict(size=32, enlarge_mode="area")):
        count = len(list(tmp_path.glob("tracks-*")))
        TVHIDSource(folder, **options).load(k, start, 2)
        assert len(list(tmp_path.glob("tracks-*"))) == count + 1
    assert not list(tmp_path.glob(".*.part"))


def test_a_full_disk_a_killed_writer_and_a_damaged_cache(folder, monkeypatch, tmp_path):
    """Crops are written by map: without the space claimed first a full disk would end the process by SIGBUS."""
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    source = TVHIDSource(folder, size=20)
    start = source.tracks[0].start
    claimed = []

    def full(descriptor, offset, length):
        claimed.append(length)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", full, raising=False)
        with pytest.raises(DataError, match=r"No space left.*MMSYNC_CACHE"):
            source.load(0, start, 2)
    assert claimed[0] >= 20 * 20 * 3 * sum(len(t) for t in source.tracks if t.video == source.tracks[0].video)
    assert not list(tmp_path.glob("tracks-*"))
    assert not list(tmp_path.glob(".tracks-*.part"))

    whole = source.load(0, start, 2).copy()
    (folder,) = tmp_path.glob("tracks-*")
    content = (folder / "crops.npy").read_bytes()
    for damaged in (content[: len(content) // 2], content[:3], b""):
        (folder / "crops.npy").write_bytes(damaged)
        with pytest.raises(DataError, match=f"{folder.name}: damaged crops .*remove"):
            source.load(0, start, 2)
    killed = folder.with_name(f".{folder.name}.99.part")  # a killed writer leaves this
    folder.rename(killed)
    np.testing.assert_array_equal(source.load(0, start, 2), whole)
    assert not killed.exists()


def _load(source: TVHIDSource, counter) -> None:
    cut = source._cut

    def counted(*args):
        with counter.get_lock():
            counter.value += 1
        return cut(*args)

    source._cut = counted
    source.load(0, source.tracks[0].start, 1)


def test_processes_that_start_together_decode_a_video_once(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    source, context = TVHIDSource(folder, size=24), multiprocessing.get_context("fork")
    counter = context.Value("i", 0)
    processes = [context.Process(target=_load, args=(source, counter)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert counter.value == 1


def test_wrong_use(folder, source, tmp_path):
    with pytest.raises(DataError, match="ticks"):
        source.load(0, source.tracks[0].stop - 5, 6)
    with pytest.raises(DataError, match="make_synthetic"):
        TVHIDSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"handShake_0001\.avi"):
        TVHIDSource(tmp_path)
    with pytest.raises(ConfigError, match="enlarge_mode"):
        TVHIDSource(folder, enlarge_mode="width")
    with pytest.raises(DataError, match=r"mmsync tvhid RAW"):
        VideoTrackSource(tmp_path / "nowhere")


# ---------------------------------------------------------------------------------------------------------- conversion

TWO = "0 10 10 40 hug backwards\n1 40 10 40 hug backwards"


def test_everything_that_is_wrong_is_named_and_counted_and_the_rest_is_stored(tmp_path, logged):
    raw, pictures = tmp_path / "raw", np.zeros((30, 64, 96, 3), np.uint8)
    good = clip(raw, "hug_0001", pictures, boxes_file(30, TWO))
    clip(raw, "hug_0002", pictures[:20], boxes_file(30, TWO))  # fewer frames than annotated, shorter than a second
    clip(raw, "hug_0003", pictures, boxes_file(30, "0 -5 10 40 hug backwards\n1 300 10 40 hug backwards"))
    clip(raw, "kiss_0001", pictures, boxes_file(30, "0 10 10 40 kiss backwards"))  # one person
    clip(raw, "kiss_0002", pictures, boxes_file(30, TWO, 45).replace("\n", "\r\n").replace("1 40", "3 40"))
    clip(raw, "kiss_0003", pictures, boxes_file(30, TWO).replace("0 10 10 40", "0 10 1o 40", 1))
    clip(raw, "kiss_0004", pictures, "no annotation at all\n")
    for name, content in (
        ("highFive_0001", b""),
        ("highFive_0002", good.read_bytes()[:3000]),
        ("highFive_0003", b"text " * 99),
    ):
        (raw / f"{name}.avi").write_bytes(content)
        (raw / f"{name}.annotations").write_text(boxes_file(30, TWO))
    write_video(raw / "sound.mp4", pictures, sound=np.zeros(16000, np.float32))
    only_sound(raw / "highFive_0004.avi")
    (raw / "highFive_0004.annotations").write_text(boxes_file(30, TWO))
    shutil.copy(good, raw / "handShake_0001.avi")  # not annotated
    (raw / "handShake_0002.annotations").write_text(boxes_file(30, TWO))  # no video
    shutil.copy(good, raw / "handShake_0003.dat")
    (raw / "copy").mkdir()
    shutil.copy(good, raw / "copy/hug_0001.avi")

    report = convert_tvhid(raw, tmp_path / "store")
    told = json.loads((tmp_path / "store/report.json").read_text())
    files = {kind: {Path(f["file"]).stem for f in entry["files"]} for kind, entry in told["dropped"].items()}
    assert files == {
        "video is corrupt": {"highFive_0001", "highFive_0002", "highFive_0003", "highFive_0004"},
        "no annotations": {"handShake_0001"},
        "no video": {"handShake_0002"},
        "wrong extension": {"handShake_0003"},
        "second file of a clip": {"hug_0001"},
        "no frame": {"kiss_0004"},
    }
    reasons = {Path(f["file"]).stem: f["reason"] for f in told["dropped"]["video is corrupt"]["files"]}
    assert "empty" in reasons["highFive_0001"]
    assert "sound" in reasons["highFive_0004"]
    assert all(reasons.values())
    kept = {kind: entry["videos"] for kind, entry in told["kept, but"].items()}
    assert kept["fewer frames than annotated"] == {"hug_0002": "20 of 30 frames decode, 20 boxes cut off"}
    assert kept["tracks shorter than a second"] == {"hug_0002": "2 tracks"}
    assert kept["boxes leave the picture"].keys() == {"hug_0003"} == kept["boxes beyond the picture"].keys()
    assert kept["one person only"].keys() == {"kiss_0001"}
    for kind in ("written with CRLF", "written with ids with gaps", "fewer frames than promised"):
        assert kept[kind].keys() == {"kiss_0002"}
    assert kept["text in a number"]["kiss_0003"].startswith("line 3: ")
    assert told["splits"]["all"] == {"expected": 300, "found": 6}
    assert told["stored"] == 6
    assert told["splits"]["set1"] == {"expected": 150, "found": 3}
    text = report.to_text()
    assert all(kind in text for kind in (*files, *kept))

    source = VideoTrackSource(tmp_path / "store", size=16)
    assert source.names == ["hug_0001", "hug_0002", "hug_0003", "kiss_0001", "kiss_0002", "kiss_0003"]
    assert {len(t) for t in source.tracks if t.video == "hug_0002"} == {20}
    assert [(t.person, t.start, len(t)) for t in source.tracks if t.video == "kiss_0003"] == [(0, 1, 29), (1, 0, 30)]
    for k, track in enumerate(source.tracks):
        assert source.load(k, track.start, len(track)).shape == (len(track), 16, 16, 3)
    shutil.move(raw, tmp_path / "moved")
    with pytest.raises(DataError, match="media_root"):
        VideoTrackSource(tmp_path / "store")
    (tmp_path / "moved/hug_0002.avi").unlink()
    VideoTrackSource(tmp_path / "store", media_root=tmp_path / "moved", size=16).load(0, 0, 5)
    assert any("1 of 6 videos are not under" in line and "hug_0002" in line for line in logged)


def only_sound(path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_nothing_usable_says_why(tmp_path):
    (tmp_path / "hug_0001.avi").touch()
    (tmp_path / "hug_0001.annotations").write_text(boxes_file(3, TWO))
    with pytest.raises(DataError, match=r"(?s)corrupt.*no clip .* is left"):
        convert_tvhid(tmp_path, tmp_path / "store")


def test_whole_bodies_from_a_tracker_take_the_place_of_the_annotated_boxes(tmp_path):
    clip(tmp_path / "raw", "hug_0001", np.zeros((30, 96, 96, 3), np.uint8), boxes_file(30, TWO))
    (tmp_path / "mot").mkdir()
    rows = [f"{f + 1},{who},{x},5,45,90,0.9" for f in range(30) for who, x in ((11, 38), (12, 8), (13, 90))]
    (tmp_path / "mot/hug_0001.txt").write_text("\n".join(rows))
    report = convert_tvhid(tmp_path / "raw", tmp_path / "store", boxes=tmp_path / "mot")
    assert report.remarks["found boxes of nobody annotated"] == {"hug_0001": "30 of 90"}
    tracks = VideoTrackSource(tmp_path / "store", size=16).tracks
    assert [(t.person, t.boxes[0].tolist()) for t in tracks] == [(0, [8, 5, 53, 95]), (1, [38, 5, 83, 95])]
    assert all((t.labels == 3).all() for t in tracks)
    (tmp_path / "mot/hug_0001.txt").write_text("1,11,90,0,5,5,0.9")
    with pytest.raises(DataError, match=r"no box of .*mot covers an annotated person by 0.4"):
        convert_tvhid(tmp_path / "raw", tmp_path / "other", boxes=tmp_path / "mot")


def test_the_tool_goes_on_where_it_stopped(folder, tmp_path):
    command = [sys.executable, ROOT / "tools/dataset_converters/tvhid.py", folder, tmp_path / "store", "--workers", "1"]
    index = tmp_path / ".store.index"
    from mmsync.media.index import build_index

    first = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.avi"))[:4]
    build_index(folder, index, first)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    assert re.search(r"4/11", run.stderr)
    assert "300/11" in run.stdout
    assert "mmsync train sync3d/sync3d_i3d_tvhid" in run.stdout
    assert not index.exists()
    assert {p.name for p in (tmp_path / "store").iterdir()} == {
        "boxes.npy", "labels.npy", "partner.npy", "index.npy", "videos.json", "meta.json", "report.json",
    }  # fmt: skip


@pytest.mark.realdata
def test_genuine_clips_decode_and_make_tracks(data_root, tmp_path):
    videos = sorted((data_root / "tvhid_samples").glob("*.avi"))
    raw = tmp_path / "raw"
    raw.mkdir()
    for video in videos:
        (raw / video.name).symlink_to(video)
        info = open_video(video).info
        side = info.height // 2
        text = f"0 10 10 {side} no_interaction frontal-left\n2 {info.width // 2} 10 {side} no_interaction backwards"
        (raw / f"{video.stem}.annotations").write_text(
            boxes_file(30, text).replace("#num_bbxs: 2", "#num_bbxs: 2 #interactions: 0-2")
        )
    report = convert_tvhid(raw, tmp_path / "store")
    assert report.stored == len(videos) == 4
    assert not report.faults
    source = VideoTrackSource(tmp_path / "store", size=64)
    assert (len(source), len(source.tracks)) == (4, 8)
    for k, track in enumerate(source.tracks):
        crops = source.load(k, track.start, 25)
        assert crops.shape == (25, 64, 64, 3)
        assert crops.std() > 5
