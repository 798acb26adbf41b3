"""Videos show the right frame at every time, proven by pixels that hold the number of their frame."""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import mmsync
from mmsync.errors import ConfigError, DataError, DependencyError
from mmsync.media import numbered_pictures, open_video, read_numbers, write_video

av = pytest.importorskip("av")
av.logging.set_level(av.logging.PANIC)

COUNT = 60
STEADY = np.arange(COUNT) / 25
UNSTEADY = np.cumsum(np.random.default_rng(5).integers(10, 90, COUNT)) / 1000
UNSTEADY -= UNSTEADY[0]
FORMATS = {  # file, arguments of the writer, times of the frames
    "mpeg4.mp4": ({}, STEADY),
    "h264_b_frames.mp4": ({"codec": "libx264", "options": {"bf": "3", "g": "24"}}, STEADY),
    "h264_open_gop.mkv": ({"codec": "libx264", "options": {"g": "12", "x264-params": "open-gop=1"}}, STEADY),
    "mpeg1_b_frames.mpg": ({"codec": "mpeg1video", "options": {"bf": "2", "g": "12"}}, STEADY),
    "mpeg4.avi": ({"options": {"g": "12"}}, STEADY),
    "h264.ts": ({"codec": "libx264", "options": {"bf": "2", "g": "12"}}, STEADY),
    "unsteady.mkv": ({"codec": "libx264", "options": {"g": "12"}, "times": UNSTEADY}, UNSTEADY),
    "unsteady.mp4": ({"codec": "libx264", "options": {"bf": "2"}, "times": UNSTEADY}, UNSTEADY),
    "late.mp4": (
        {"codec": "libx264", "times": UNSTEADY + 1.5, "sound": np.zeros(64000, np.float32)},
        UNSTEADY + 1.5,
    ),
    "late.mkv": (  # sound without priming, which old FFmpegs write in front of everything
        {"times": UNSTEADY + 0.7, "sound": np.zeros(64000, np.float32), "sound_codec": "pcm_s16le"},
        UNSTEADY + 0.7,
    ),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Each format once."""
    folder = tmp_path_factory.mktemp("videos")
    pictures = numbered_pictures(np.arange(COUNT))
    return {name: write_video(folder / name, pictures, **options) for name, (options, _) in FORMATS.items()}


@pytest.fixture(scope="module")
def clip(videos):
    """One of them, at 25 frames per second."""
    return videos["h264_b_frames.mp4"]


@pytest.fixture(params=["av", "torchcodec"])
def opened(request):
    """Opens a video by each backend that runs here."""
    if request.param == "torchcodec":
        try:
            importlib.import_module("torchcodec")
        except (ImportError, OSError, RuntimeError) as error:
            pytest.skip(f"torchcodec needs an FFmpeg of the system and a torch of its time: {str(error)[:60]}")
    return functools.partial(open_video, backend=request.param)


def shown_at(starts: np.ndarray, time: float) -> int:
    """Oracle: the last frame that has appeared."""
    return max(i for i, start in enumerate(starts) if start <= time + 1e-9)


@pytest.mark.parametrize("name", FORMATS)
def test_every_time_shows_its_frame_in_any_order(videos, name, opened):
    if "torchcodec" in opened.keywords.values() and name.endswith((".avi", ".mpg", ".ts")):
        with pytest.raises(DataError, match=f"{name}: torchcodec shows wrong frames of .*backend='av'"):
            opened(videos[name]).read([0.4])
        return
    starts = FORMATS[name][1]
    middle = (starts[:-1] + starts[1:]) / 2
    rng = np.random.default_rng(0)
    with opened(videos[name]) as video:
        assert video.info.start == pytest.approx(starts[0], abs=2e-3)
        np.testing.assert_array_equal(read_numbers(video.read(middle)), np.arange(COUNT - 1))
        assert read_numbers(video.read([starts[-1] + 0.002]))[0] == COUNT - 1
        picks = rng.integers(0, COUNT - 1, 15)
        np.testing.assert_array_equal(read_numbers(video.read(middle[picks])), picks)  # unsorted, repeated
        for pick in picks:  # far jumps both ways
            assert read_numbers(video.read(middle[[pick]]))[0] == pick
    for time in rng.uniform(starts[0] + 0.002, starts[-1], 5):
        with opened(videos[name]) as video:  # the first thing that is asked
            expected = {shown_at(starts, time - 1e-3), shown_at(starts, time + 1e-3)}  # containers keep milliseconds
            assert int(read_numbers(video.read([time]))[0]) in expected


def test_time_of_a_frame_is_that_frame(clip, opened):
    """Times as one computes them, whose rounding falls on either side."""
    with opened(clip) as video:
        for times in (STEADY, np.cumsum(np.full(COUNT, 1 / 25)) - 1 / 25, STEADY.astype(np.float32)):
            np.testing.assert_array_equal(read_numbers(video.read(times)), np.arange(COUNT))


def test_b_frames_in_avi_come_in_order_one_frame_late(tmp_path):
    """AVI has no presentation times: the pictures are those of the decoder's order, and the start says when."""
    path = write_video(tmp_path / "a.avi", numbered_pictures(np.arange(COUNT)), options={"bf": "2", "g": "12"})
    rng = np.random.default_rng(0)
    with open_video(path) as video:
        start = video.info.start
        assert 0 <= start <= 0.08
        np.testing.assert_array_equal(read_numbers(video.read(start + STEADY)), np.arange(COUNT))
        for pick in rng.integers(0, COUNT, 10):
            assert read_numbers(video.read([start + STEADY[pick]]))[0] == pick


def test_a_gap_is_crossed_by_a_seek(tmp_path, opened):
    """As in sparse reading of a long video; seeks must land as exactly as decoding does."""
    count = 500
    path = write_video(tmp_path / "long.mkv", numbered_pictures(np.arange(count)), options={"g": "50"})
    picks = np.arange(0, count, 77)
    with opened(path) as video:
        np.testing.assert_array_equal(read_numbers(video.read(picks / 25)), picks)


def test_rate_of_three_to_two(tmp_path, opened):
    """24 pictures at the ticks of 30 a second: 25 fps sampling by time repeats and skips as the clock says."""
    ticks = np.round(np.arange(48) * 30 / 24) / 30
    path = write_video(tmp_path / "a.mkv", numbered_pictures(np.arange(48)), times=ticks, codec="libx264")
    times = np.arange(45) / 25 + 0.005
    with opened(path) as video:
        np.testing.assert_array_equal(read_numbers(video.read(times)), [shown_at(ticks, time) for time in times])


def test_nothing_is_shown_before_and_after(videos, opened):
    half = 0.5 / 25
    with opened(videos["mpeg4.mp4"]) as video:
        end = COUNT / 25
        assert read_numbers(video.read([end + 0.9 * half, -0.9 * half])).tolist() == [COUNT - 1, 0]
        for time in (end + 1.1 * half, -1.1 * half):
            with pytest.raises(DataError, match=r"mpeg4\.mp4: no frame at .*(ends at 2\.4|appears at 0\.0)00 s"):
                video.read([time])
        assert read_numbers(video.read([0.4]))[0] == 10  # it goes on after an error
        with pytest.raises(DataError, match="finite"):
            video.read([0.0, np.nan])
        with pytest.raises(DataError, match="no times"):
            video.read([])
    with opened(videos["mpeg4.mp4"], outside="nearest") as video:
        assert read_numbers(video.read([99, -99, 1])).tolist() == [COUNT - 1, 0, 25]
    with (
        opened(videos["late.mp4"]) as video,
        pytest.raises(DataError, match=r"no frame at 1\.000 s, the first appears at 1\.500"),
    ):
        video.read([1.0])
    with pytest.raises(ConfigError, match="outside='last'"):
        opened(videos["mpeg4.mp4"], outside="last")


def set_rotation(path: Path, degrees: int) -> None:
    """Have players turn the first track of an mp4 counter-clockwise; PyAV writes this only in its latest versions."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees % 360]
    matrix = np.array([cos << 16, -sin << 16, 0, sin << 16, cos << 16, 0, 0, 0, 1 << 30], dtype=">i4")
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44  # type, version, times, track, duration, layer, volume come before
    content[at : at + 36] = matrix.tobytes()
    path.write_bytes(content)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_pictures_are_set_upright(tmp_path, rotation, opened):
    pictures = numbered_pictures(np.arange(8), size=(64, 128))
    lying = np.rot90(pictures, -rotation // 90, axes=(1, 2))
    path = write_video(tmp_path / "a.mp4", lying)
    set_rotation(path, rotation)
    with opened(path) as video:
        assert (video.info.height, video.info.width) == (64, 128)
        got = video.read(np.arange(8) / 25)
        assert got.shape == pictures.shape
        np.testing.assert_array_equal(read_numbers(got), np.arange(8))
        assert np.abs(got.astype(int) - pictures).mean() < 8
        small = video.read([0], size=(32, 64))
        assert small.shape == (1, 32, 64, 3)
        assert np.abs(small[0].astype(int) - pictures[0, ::2, ::2]).mean() < 25


def test_colours_are_rgb(tmp_path, opened):
    pictures = np.zeros((3, 32, 32, 3), np.uint8)
    pictures[...] = (200, 60, 20)
    with opened(write_video(tmp_path / "a.mp4", pictures)) as video:
        assert np.abs(video.read([0])[0].mean(axis=(0, 1)) - (200, 60, 20)).max() < 12


def test_scaling_and_cropping(clip, opened):
    with opened(clip) as video:
        assert video.read([0, 1], size=(20, 30)).shape == (2, 20, 30, 3)
        assert video.read([0], size=32).shape == (1, 32, 48, 3)
        whole = video.read([0.4, 0.2])
        np.testing.assert_array_equal(video.read([0.4, 0.2], crop=(8, 0, 96, 16)), whole[:, :16, 8:])
        with pytest.raises(DataError, match="crop"):
            video.read([0], crop=(0, 0, 97, 10))
        places = [k for k, picture in video.frames([0.4, 0.2, 0.3])]
        assert places == [1, 2, 0]


def _read_in_child(video, pipe):
    pipe.send(read_numbers(video.read([0.4, 1.2])).tolist())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_in_use_goes_to_another_process(clip, method, opened):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    with opened(clip) as video:
        video.read([0.8])
        process = context.Process(target=_read_in_child, args=(video, theirs))
        process.start()
        assert ours.recv() == [10, 30]
        process.join()
        assert read_numbers(video.read([0.84]))[0] == 21  # the child has not moved the parent's place


def test_files_are_closed(clip):
    import psutil

    def is_open() -> bool:
        return str(clip) in [file.path for file in psutil.Process().open_files()]

    with open_video(clip) as video:
        assert not is_open()  # only when it is used
        video.read([0])
        assert is_open()
        copy = pickle.loads(pickle.dumps(video))
    assert not is_open()
    with pytest.raises(DataError):
        copy.read([99])
    assert not is_open()
    with open_video(clip) as video:
        video.read([0])
        video.timeout = 0.0
        with pytest.raises(DataError, match=r"longer than 0\.0 s"):
            video.read([1])
    assert not is_open()


def test_the_callers_time_does_not_count_as_decoding(clip, monkeypatch):
    """A clock that moves only while the caller has the picture."""
    now = [0.0]
    monkeypatch.setattr("mmsync.media.av_reader.timer.monotonic", lambda: now[0])
    with open_video(clip, timeout=5.0) as video:
        for _ in video.frames(STEADY):
            now[0] += 4


def test_one_thread_unless_asked(clip):
    with open_video(clip) as one, open_video(clip, threads=3) as three:
        np.testing.assert_array_equal(one.read(STEADY), three.read(STEADY))
        assert one._stream.codec_context.thread_count == 1
        assert three._stream.codec_context.thread_count == 3


BAD = {
    "empty.mp4": (b"", "the file is empty"),
    "text.mp4": (b"not a video\n" * 99, "cannot be opened as video"),
    "missing.mp4": (None, "No such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named(tmp_path, name, opened):
    content, message = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with opened(tmp_path / name) as video:
        with pytest.raises(DataError, match=f"{name}: .*{message}"):
            video.read([0])
        with pytest.raises(DataError, match=f"{name}: .*{message}"):
            _ = video.info


def test_other_things_than_videos(tmp_path, clip, opened):
    with pytest.raises(DataError, match="cannot be opened"):
        opened(tmp_path).read([0])
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(DataError, match="holds only sound"):
        opened(tmp_path / "sound.wav").read([0])
    locked = tmp_path / "locked.mp4"
    locked.write_bytes(clip.read_bytes())
    locked.chmod(0)
    try:
        locked.open("rb").close()
    except PermissionError:
        with pytest.raises(DataError, match="Permission denied"):
            opened(locked).read([0])


def test_a_cut_file_shows_what_it_has(tmp_path):
    cut = tmp_path / "cut.ts"
    write_video(cut, numbered_pictures(np.arange(COUNT)), codec="libx264", options={"g": "12"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with open_video(cut) as video:
        assert read_numbers(video.read([0.2]))[0] == 5
        with pytest.raises(DataError, match=r"cut\.ts: "):
            video.read([2.3])


def test_names_that_ffmpeg_would_take_for_something_else(tmp_path, clip, monkeypatch, opened):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mp4", "50%d [x] & 'y'.mp4", "Küche.mp4"):
        Path(name).write_bytes(clip.read_bytes())
        assert read_numbers(opened(name).read([0.4]))[0] == 10


def test_folder_of_pictures(tmp_path):
    import cv2

    pictures = numbered_pictures(np.arange(12))
    pictures[..., 2] //= 2  # not grey, so that the order of channels matters
    for i, picture in enumerate(pictures, 5):
        cv2.imwrite(str(tmp_path / f"img_{i}.png"), picture[..., ::-1])  # img_10 sorts before img_5 as text
    with open_video(tmp_path, "frames", rate=10) as video:
        assert (video.info.frames, video.info.duration, video.info.width) == (12, 1.2, 96)
        np.testing.assert_array_equal(video.read([0.35, 0.0, 0.3, 1.1]), pictures[[3, 0, 3, 11]])
        assert video.read([0], size=32).shape == (1, 32, 48, 3)
        with pytest.raises(DataError, match=r"no frame at 1\.300"):
            video.read([1.3])
    (tmp_path / "img_9.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"img_9\.png"):
        open_video(tmp_path, "frames", rate=10).read([0.4])
    (tmp_path / "img_9.png").unlink()
    with pytest.raises(DataError, match="1 pictures are missing, the first is number 9"):
        open_video(tmp_path, "frames").read([0])
    with pytest.raises(DataError, match="no folder"):
        open_video(tmp_path / "none", "frames").read([0])


def test_arrays(tmp_path):
    pictures = numbered_pictures(np.arange(12))
    np.save(tmp_path / "a.npy", pictures)
    np.savez(tmp_path / "a.npz", frames=pictures, rate=10)
    for name, rate in (("a.npy", 25), ("a.npz", 10)):
        with open_video(tmp_path / name, "array") as video:
            assert (video.info.rate, video.info.frames) == (rate, 12)
            np.testing.assert_array_equal(video.read([5 / rate, 0]), pictures[[5, 0]])
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(video)).read([0]), pictures[:1])
    np.save(tmp_path / "b.npy", pictures.astype(np.float32))
    (tmp_path / "c.npz").write_bytes(b"PK")
    for name in ("b.npy", "c.npz", "d.npy"):
        with pytest.raises(DataError, match=name):
            open_video(tmp_path / name, "array").read([0])


def test_backends(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="did you mean 'frames'"):
        open_video(tmp_path, "frame")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DependencyError, match="pip install 'mmsync\\[video\\]'"):
        open_video(tmp_path / "a.mp4").read([0])


def test_pyav_is_imported_only_when_used():
    package = Path(mmsync.__file__).parent
    for path in package.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line.startswith(("import av", "from av", "import torchcodec", "from torchcodec")), path
