"""Sound is where the container's clock puts it: clicks in files of known content, and a second reader on real clips."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mmsync.errors import ConfigError, DataError
from mmsync.media import numbered_pictures, open_video, read_numbers, read_sound, write_video
from mmsync.store.sounds import SoundStore

av = pytest.importorskip("av")

CLICKS = (0.48, 1.36, 2.0, 3.2)  # at the start of pictures 12, 34, 50 and 80


def clicking(path: Path, codec: str, rate: int, layout: str = "mono", video: str = "mpeg4", late: float = 0.0) -> Path:
    """Four seconds with clicks, and numbered pictures; the sound stream begins ``late`` seconds after the pictures."""
    samples = np.zeros(4 * rate, np.float32)
    for click in CLICKS:
        n = np.arange(60)
        samples[round(click * rate) :][:60] = 0.8 * np.exp(-n / 10) * np.cos(0.9 * n)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(video, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream(codec, rate=rate, layout=layout)
        block, form = audio.codec_context.frame_size or 1024, audio.codec_context.format.name
        for start in range(0, len(samples), block):
            data = samples[None, start : start + block].repeat(len(audio.codec_context.layout.channels), 0)
            if form.startswith("s16"):
                data = (data * 32767).astype(np.int16)
            elif form.startswith("s32"):
                data = (data * 2147483647).astype(np.int32)
            data = data if form.endswith("p") else data.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(late * rate)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
        for i, picture in enumerate(numbered_pictures(np.arange(100))):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("late", [0.0, 0.3])
@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.mp4", "aac", 44100, "mono"),
        ("b.mp4", "aac", 48000, "stereo"),
        ("c.mkv", "libopus", 48000, "mono"),
        ("d.mkv", "flac", 16000, "mono"),
        ("e.mov", "pcm_s16le", 22050, "stereo"),
    ],
)
def test_clicks_are_heard_where_the_pictures_show_them(tmp_path, name, codec, rate, layout, late):
    path = clicking(tmp_path / name, codec, rate, layout, late=late)
    with open_video(path) as reader:
        assert read_numbers(reader.read(np.array(CLICKS) + 1e-3)).tolist() == [12, 34, 50, 80]
    for click in CLICKS:
        heard = read_sound(path, click + late - 0.2, 0.4, rate=16000)
        assert heard.samples.shape == (1, 6400)
        assert abs(int(np.abs(heard.samples[0]).argmax()) / 16000 - 0.2) < 1.5e-3


def test_windows_equal_the_whole_and_rates_and_channels_are_converted(tmp_path):
    path = clicking(tmp_path / "a.mkv", "flac", 16000)
    whole = read_sound(path)
    assert (whole.rate, whole.start, whole.samples.shape) == (16000, 0.0, (1, 64000))
    part = read_sound(path, 1.5, 1.0)
    np.testing.assert_array_equal(part.samples, whole.samples[:, 24000:40000])
    stereo = read_sound(path, 1.5, 1.0, channels=2)
    np.testing.assert_array_equal(stereo.samples, part.samples.repeat(2, 0))
    # a band-limited tone survives a change of rate
    t = np.arange(64000) / 16000
    write_video(
        tmp_path / "t.mkv",
        numbered_pictures(np.arange(100)),
        sound=(0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32),
        sound_codec="flac",
    )
    low = read_sound(tmp_path / "t.mkv", 1.0, 1.0, rate=11025).samples[0]
    np.testing.assert_allclose(low, 0.5 * np.sin(2 * np.pi * 440 * (1 + np.arange(11025) / 11025)), atol=2e-3)


def test_beyond_the_sound_is_silence_and_elsewhere_an_error(tmp_path):
    path = clicking(tmp_path / "a.mkv", "flac", 16000, late=0.3)
    early = read_sound(path, 0.0, 1.0).samples[0]
    assert not early[: round(0.29 * 16000)].any()
    assert early[round(0.7 * 16000) :].any()
    with pytest.raises(DataError, match=r"its sound ends at 4.300 s, before the window"):
        read_sound(path, 9.0, 1.0)
    with pytest.raises(ConfigError, match="channels=3"):
        read_sound(path, channels=3)
    mute = write_video(tmp_path / "mute.mp4", numbered_pictures(np.arange(30)))
    with pytest.raises(DataError, match=r"mute\.mp4: has no sound"):
        read_sound(mute)
    (tmp_path / "text.mp4").write_bytes(b"not a video\n" * 99)
    with pytest.raises(DataError, match=r"text\.mp4: cannot be opened"):
        read_sound(tmp_path / "text.mp4")


def test_the_store_decodes_once_and_names_what_has_no_sound(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    good = clicking(tmp_path / "a.mp4", "aac", 44100)
    mute = write_video(tmp_path / "mute.mp4", numbered_pictures(np.arange(30)))
    store = SoundStore([mute, good], 16000)
    assert list(store.bad) == [0]
    assert "mute.mp4: has no sound" in store.bad[0]
    window = store.read(1, 1.3, 0.2)
    assert window.dtype == np.int16
    assert window.shape == (1, 3200)
    expected = read_sound(good, 1.3, 0.2, rate=16000).samples
    np.testing.assert_allclose(window / 2**15, expected, atol=0.02)
    assert abs(int(np.abs(window[0]).argmax()) - round(0.06 * 16000)) <= 20
    again = SoundStore([mute, good], 16000)
    assert again.path == store.path
    with pytest.raises(DataError, match="has no sound"):
        store.read(0, 0.0, 1.0)
    with pytest.raises(DataError, match=r"none from 9\.000"):
        store.read(1, 9.0, 1.0)


def stamped(path: Path) -> tuple[np.ndarray, int, float]:
    """A second reader: each decoded frame at its own stamp, on the container's clock; mono, rate, time of the first."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        origin = (container.start_time or 0) / 1e6
        parts = [(float(f.pts * f.time_base) - origin, f) for f in container.decode(stream) if f.pts is not None]
    rate, first = parts[0][1].sample_rate, parts[0][0]
    out = np.zeros(round((parts[-1][0] - first) * rate) + parts[-1][1].samples + 1, np.float32)
    for time, frame in parts:
        x = frame.to_ndarray()
        x = x.reshape(-1, len(frame.layout.channels)).T if not frame.format.is_planar else x
        x = x.astype(np.float32) / (2**15 if x.dtype == np.int16 else 2**31 if x.dtype == np.int32 else 1)
        at = round((time - first) * rate)
        out[at : at + x.shape[1]] = x.mean(0)[: len(out) - at]
    return out, rate, first


@pytest.mark.realdata
def test_real_clips_are_aligned_with_the_containers_clock():
    root = os.environ.get("MMSYNC_DATA_ROOT")
    if not root:
        pytest.skip("MMSYNC_DATA_ROOT is not set")
    files = [f for kind in ("sound", "talking", "action") for f in sorted(Path(root, "clips", kind).glob("*"))]
    if not files:
        pytest.skip(f"{root}/clips has no clips")
    heard = 0
    for file in files:
        try:
            found = read_sound(file)
        except DataError as error:
            assert "has no sound" in str(error), error  # noqa: PT017
            continue
        expected, rate, first = stamped(file)
        assert found.rate == rate
        assert abs(found.start - first) < 5e-3, file
        # where in a window both correlate best, at three places
        for share in (0.2, 0.5, 0.8):
            begin = first + share * len(expected) / rate
            a = read_sound(file, begin, 0.3).samples[0]
            b = expected[round((begin - first) * rate) :][: len(a)]
            if np.abs(b).max() < 1e-3:
                continue
            spectrum = np.fft.rfft(a, 2 * len(a)) * np.conj(np.fft.rfft(b, 2 * len(a)))
            lag = int(np.fft.irfft(spectrum).argmax())
            lag = lag - 2 * len(a) if lag > len(a) else lag
            assert abs(lag) / rate < 5e-3, (file, lag)
        heard += 1
    assert heard >= 5
