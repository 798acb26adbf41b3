"""The index says what decodes and what does not; it goes on after a stop, and knows when files change."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from run_tool import run_tool

from mmsync import parallel
from mmsync.datasets.keyed import Failures
from mmsync.errors import DataError
from mmsync.media import VideoIndex, build_index, index, numbered_pictures, scan_video, write_video

av = pytest.importorskip("av")
av.logging.set_level(av.logging.PANIC)
COUNT = 30
LATE = 0.5 + np.cumsum([0, *np.random.default_rng(0).integers(10, 90, COUNT - 1)]) / 1000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Good and bad files in a folder with a folder."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "in").mkdir()
    pictures = numbered_pictures(np.arange(COUNT))
    sound = np.sin(np.arange(32000) / 10).astype(np.float32)
    write_video(folder / "loud.mp4", pictures, sound=sound, rate=24)
    write_video(folder / "in/silent #1 (a).avi", pictures)
    write_video(folder / "late.mkv", pictures, times=LATE, sound=sound, sound_codec="pcm_s16le")
    write_video(folder / "short.mp4", pictures[:3])
    write_video(folder / "cut.mkv", pictures, codec="libx264", options={"g": "5"})
    whole = (folder / "cut.mkv").read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    (folder / "empty.mp4").touch()
    (folder / "text.MP4").write_text("no video")
    (folder / "notes.txt").write_text("no video either")
    return folder


def test_scan_tells_what_decodes(made):
    row = scan_video(made / "loud.mp4")
    assert (row["status"], row["reason"], row["frames"], row["is_vfr"]) == ("ok", "", COUNT, False)
    assert (row["width"], row["height"], row["audio_rate"], row["channels"]) == (96, 64, 16000, 1)
    assert (row["start"], row["audio_start"]) == (0, 0)
    assert row["duration"] == pytest.approx(COUNT / 24)
    assert row["rate"] == pytest.approx(24)
    assert row["audio_duration"] == pytest.approx(2, abs=0.1)  # blocks of 1024
    assert row["size"] == (made / "loud.mp4").stat().st_size
    row = scan_video(made / "late.mkv")
    assert (row["status"], row["frames"], row["is_vfr"]) == ("ok", COUNT, True)
    assert row["start"] == pytest.approx(0.5, abs=2e-3)
    row = scan_video(made / "short.mp4", min_frames=4)
    assert (row["status"], row["reason"]) == ("too_short", "3 frames, fewer than 4")
    assert scan_video(made / "in/silent #1 (a).avi")["status"] == "no_audio"
    for name, reason in {
        "cut.mkv": "ends after|decodes to",
        "empty.mp4": "empty",
        "text.MP4": "cannot be opened",
        "none.mp4": "No such file",
        "in": "directory",
    }.items():
        row = scan_video(made / name)
        assert row["status"] == "corrupt", name
        assert any(part in row["reason"] for part in reason.split("|")), row["reason"]
    assert "decoding timed out after" in scan_video(made / "loud.mp4", timeout=0)["reason"]


@pytest.fixture
def run(capsys):
    """Runs the tool; returns its exit code and what it printed."""

    def run(*args):
        return run_tool("dataset_converters/index_videos.py", *args), capsys.readouterr().out

    return run


def test_the_tool_indexes_a_folder(made, tmp_path, run):
    out = tmp_path / "new/index.jsonl"
    code, printed = run(made, out, "--workers", 2, "--min-frames", 4)
    assert code == 0
    for line in ("7 videos", "ok: 2", "no_audio: 1", "too_short: 1", "corrupt: 3", "empty.mp4: the file is empty"):
        assert line in printed
    assert "variable rate: 1; pictures that start late: 1" in printed
    loaded = VideoIndex.load(out)
    good = {name: row["status"] for name, row in loaded.rows.items() if row["status"] in ("ok", "no_audio")}
    assert good == {"in/silent #1 (a).avi": "no_audio", "late.mkv": "ok", "loud.mp4": "ok"}
    assert loaded["loud.mp4"]["frames"] == COUNT
    assert os.listdir(out.parent) == ["index.jsonl"]
    with pytest.raises(DataError, match=r"other\.mp4 is not in the index"):
        loaded["other.mp4"]
    assert run(made, out, "--min-frames", 4, "--max-bad-share", 0.3)[0] == 1
    names = tmp_path / "names.txt"
    names.write_text("loud.mp4\nnowhere.mp4\n")
    assert "No such file" in run(made, tmp_path / "b.jsonl", "--list", names)[1]
    assert run(tmp_path / "none", out)[0] == 1
    assert "no video under" in run(out.parent, tmp_path / "c.jsonl")[1]


def test_a_stopped_run_goes_on(made, tmp_path, monkeypatch):
    out, scanned = tmp_path / "i.jsonl", []
    scan_all = index.scan_all

    def stopping(root, names, *rest):
        for item in scan_all(root, names, *rest):
            if len(scanned) == 3:
                raise KeyboardInterrupt
            scanned.append(item[0])
            yield item

    monkeypatch.setattr(index, "scan_all", stopping)
    with pytest.raises(KeyboardInterrupt):
        build_index(made, out)
    assert not out.exists()
    part = next(tmp_path.iterdir())
    part.write_text(part.read_text() + '{"path": "lo')  # killed while it wrote
    first = list(scanned)
    scanned.clear()
    monkeypatch.setattr(
        index, "scan_all", lambda *a: (scanned.append(name) or (name, row) for name, row in scan_all(*a))
    )
    whole = build_index(made, out)
    assert sorted([*first, *scanned]) == list(whole.rows)
    scanned.clear()
    written = out.stat()
    assert build_index(made, out).rows == whole.rows
    assert not scanned
    assert out.stat().st_ino == written.st_ino  # not even written again


def test_changed_files_are_named(tmp_path, logged):
    path = write_video(tmp_path / "a.mp4", numbered_pictures(np.arange(5)))
    out = tmp_path / "i.jsonl"
    build_index(tmp_path, out)
    os.utime(path, ns=(1, 1))
    VideoIndex.load(out)  # a copy has another time: logged, not refused
    assert any("another modification time" in line and "a.mp4" in line for line in logged)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"1 of 1 .* a\.mp4 \(\d+ bytes, now \d+\)"):
        VideoIndex.load(out)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.mp4 \(missing\)"):
        VideoIndex.load(out)
    assert len(VideoIndex.load(out, check=False)) == 1
    moved = tmp_path / "moved"
    moved.mkdir()
    write_video(moved / "a.mp4", numbered_pictures(np.arange(5)))
    assert VideoIndex.load(out, root=moved).path("a.mp4") == moved / "a.mp4"
    for content in ("", "{}", json.dumps({"mmsync_video_index": 99}), "no json"):
        out.write_text(content)
        with pytest.raises(DataError, match=r"i\.jsonl"):
            VideoIndex.load(out)


def _hang(path, min_frames):
    import time

    if "hang" in Path(path).name:
        time.sleep(60)
    if "crash" in Path(path).name:
        os._exit(11)
    if "huge" in Path(path).name or ("once" in Path(path).name and not Path(path).stat().st_size):
        Path(path).write_bytes(b"seen")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"status": "ok", "reason": "", "size": 0, "mtime_ns": os.stat(path).st_mtime_ns}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the stand-in reaches the workers by fork")
def test_a_file_that_hangs_or_crashes_costs_only_itself(tmp_path, monkeypatch):
    for name in ("a.mp4", "crash.mp4", "hang.mp4", "z.mp4"):
        (tmp_path / name).touch()
    monkeypatch.setattr(index, "scan_video", _hang)
    rows = dict(index.scan_all(tmp_path, sorted(os.listdir(tmp_path)), 2, 1, 1.0))
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.mp4": "ok", "crash.mp4": "corrupt", "hang.mp4": "corrupt", "z.mp4": "ok"
    }  # fmt: skip
    assert rows["crash.mp4"]["reason"] == "its process crashed (exit code 11)"
    assert "within 1.0 s" in rows["hang.mp4"]["reason"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the stand-in reaches the workers by fork")
def test_a_worker_that_is_killed_is_replaced(tmp_path, monkeypatch):
    """As by the system when memory runs out: with nothing to do, with a file for the first time, and again with it."""
    for name in ("a.mp4", "b.mp4", "huge.mp4", "once.mp4"):
        (tmp_path / name).touch()
    monkeypatch.setattr(index, "scan_video", _hang)
    start, started = parallel._Worker, []
    monkeypatch.setattr(parallel, "_Worker", lambda function: started.append(start(function)) or started[-1])
    found = index.scan_all(tmp_path, sorted(os.listdir(tmp_path)), 1, 1, 60.0)
    rows = dict([next(found)])
    os.kill(started[0].process.pid, signal.SIGKILL)
    started[0].process.join()
    rows.update(found)
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.mp4": "ok", "b.mp4": "ok", "huge.mp4": "corrupt", "once.mp4": "ok"
    }  # fmt: skip
    assert "killed twice" in rows["huge.mp4"]["reason"]
    assert len(started) == 5


def _killed_before_it_reads(function, pipe, *parent):
    pipe.poll(60)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the stand-in reaches the workers by fork")
def test_a_worker_that_is_killed_before_it_reads_its_file_is_replaced(tmp_path, monkeypatch):
    """The pipe is then reset and not at its end."""
    (tmp_path / "a.mp4").touch()
    monkeypatch.setattr(parallel, "_work", _killed_before_it_reads)
    rows = dict(index.scan_all(tmp_path, ["a.mp4"], 1, 1, 60.0))
    assert "killed twice" in rows["a.mp4"]["reason"]


def test_failures_are_counted_and_too_many_stop(logged):
    failures = Failures([f"clip{i}" for i in range(10)], max_share=0.2, what="clips", hint="look", count=10)
    failures.add(3, DataError("clip3: broken"))
    failures.add(3, DataError("clip3: broken"))  # the same once more
    failures.add(7, OSError("clip7: gone"))
    assert failures.names == ["clip3", "clip7"]
    assert (3 in failures, 4 in failures, len(failures)) == (True, False, 2)
    assert any("left out: clip7: gone" in line for line in logged)
    failures.check()
    failures.add(5, DataError("clip5: broken"))
    with pytest.raises(DataError, match=r"3 of 10 clips are bad.*allows 2.*clip3, clip5, clip7 \(.*\)\. look"):
        failures.check()


@pytest.mark.realdata
def test_real_clips(data_root):
    """What is known of these files, and that random access gives the pixels that decoding from the start gives."""
    formats = data_root / "clips/formats"
    expected = {  # status, frames, width
        "corrupted.mp4": ("corrupt", 28, 1280),
        "unordered.mov": ("no_audio", 4, 50),
        "h265_video.mp4": ("no_audio", 10, 128),
        "h264_10bits.mp4": ("no_audio", 30, 200),
        "h265_10bits.mp4": ("no_audio", 30, 200),
        "av1_video.mkv": ("no_audio", 125, 640),
        "example.avi": ("ok", 131, 320),
        "video_90.mov": ("no_audio", 3, 320),
        "video_270.mov": ("no_audio", 3, 320),
        "video_180.mov": ("no_audio", 3, 568),
    }
    for name, facts in expected.items():
        row = scan_video(formats / name)
        assert (row["status"], row["frames"], row["width"]) == facts, name
    assert scan_video(formats / "sine_mono_s16.wav")["reason"] == "holds only sound"


TVHID = {"handShake_0001": 48, "highFive_0005": 77, "highFive_0016": 62, "highFive_0018": 67}


@pytest.mark.realdata
@pytest.mark.parametrize("name", [f"tvhid_samples/{stem}.avi" for stem in TVHID]
                         + ["clips/talking/bbaf2n.mpg", "clips/formats/h265_10bits.mp4",
                            "clips/action/TrumanShow_wave_f_nm_np1_fr_med_26.avi",
                            "clips/action/hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi"])  # fmt: skip
def test_random_access_to_real_clips(data_root, name):
    """The last two are packed B-frames, whose time stamps run back, and metadata that is no text."""
    from mmsync.media import open_video

    path = data_root / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    row = scan_video(path)
    assert row["status"] in ("ok", "no_audio")
    assert row["frames"] == TVHID.get(path.stem, row["frames"])
    times = row["start"] + (np.arange(row["frames"]) + 0.4) / row["rate"]
    with open_video(path) as video:
        assert video.info.start == pytest.approx(row["start"])
        whole = video.read(times, size=64)
        assert len(np.unique(whole.reshape(len(whole), -1), axis=0)) > 0.9 * len(whole)  # each frame once
        for pick in np.random.default_rng(0).integers(0, row["frames"], 6):
            np.testing.assert_array_equal(video.read(times[[pick]], size=64)[0], whole[pick])
