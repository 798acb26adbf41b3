"""Sound by PyAV, placed by presentation time on the clock of the pictures.

The decoder honors edit lists and drops the samples that only prime it, so a sample's time is that of its frame's
stamp.
Cost of a read: decoding from a quarter of a second before it, about 3 ms for a second of AAC on one core.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmsync.errors import ConfigError, DataError
from mmsync.media.av_reader import NO_SEEK, open_file, reason
from mmsync.media.reader import INSTALL, require

_ROLL = 0.25  # seconds decoded before a window: transform codecs need what comes before
_JITTER = 0.003  # seconds: containers round stamps to milliseconds; larger steps are gaps
_TAPS = 64  # zero crossings of the resampling filter on either side, as margin
_DAMAGED = 5  # packets


class Sound(NamedTuple):
    """Samples of a file, or of a part of it."""

    samples: np.ndarray  # (C, S) float32 in [-1, 1]
    rate: int  # samples a second
    start: float  # seconds since the container's start, as those of pictures


def read_sound(
    path: Union[str, Path], start: Optional[float] = None, duration: Optional[float] = None,
    rate: Optional[int] = None, channels: int = 1,
) -> Sound:  # fmt: skip
    """Read sound by time, resampled and mixed to so many channels.

    Args:
        path: A video with sound, or a file of sound.
        start: Seconds since the container's start, the clock of :meth:`VideoReader.read`; ``None``: the first sample.
        duration: Seconds; ``None``: to the end. Silence stands for what the file lacks within a window.
        rate: Samples a second; ``None``: the file's own.
        channels: 1, the mean of all; or 2, the first two, a single one twice.

    Raises:
        ConfigError: A negative duration, or another number of channels.
        DataError: The file has no sound, cannot be decoded, or has no sample in the window.
        DependencyError: PyAV is not installed.
    """
    if channels not in (1, 2) or (rate is not None and rate < 1) or (duration is not None and duration <= 0):
        raise ConfigError(f"read_sound: {channels=}, {rate=}, {duration=}: give 1 or 2, and positive numbers")
    found = _decode(Path(path), start, duration)
    samples, own = found.samples, found.rate
    if samples.shape[0] != channels:
        mono = samples.mean(0, keepdims=True)
        samples = mono if channels == 1 else samples[:2] if len(samples) > 2 else mono.repeat(2, 0)
    rate = rate or own
    begin = found.start if start is None else start
    first = round((begin - found.start) * own)  # in samples of the file
    count = samples.shape[1] - first if duration is None else round(duration * own)
    up, down = Fraction(rate, own).as_integer_ratio()
    margin = down * max(1, -(-_TAPS * max(up, down) // (up * down)))  # a whole number of samples at both rates
    wanted = round(count * rate / own) if duration is None else round(duration * rate)
    window = _cut(samples, first - margin, count + 2 * margin)
    if rate != own:
        from scipy.signal import resample_poly

        window = resample_poly(window, up, down, axis=1)
    skip = margin * up // down
    out = _cut(window, skip, wanted)
    return Sound(np.ascontiguousarray(out, dtype=np.float32), rate, begin)


def _cut(x: np.ndarray, start: int, count: int) -> np.ndarray:
    """Columns ``start`` to ``start + count`` of ``x (C, S)``, zeros beyond it."""
    out = np.zeros((len(x), count), dtype=np.float32)
    low, high = max(start, 0), min(start + count, x.shape[1])
    if low < high:
        out[:, low - start : high - start] = x[:, low:high]
    return out


def _decode(path: Path, start: Optional[float], duration: Optional[float]) -> Sound:
    """The samples from a little before ``start`` to a little after the window's end, with the time of the first."""
    av = require("av", INSTALL)
    container = open_file(path)
    try:
        if not container.streams.audio:
            raise DataError(f"{path}: has no sound")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        placed = _Placed(path, stream, (container.start_time or 0) / 1e6)
        end = None if start is None or duration is None else start + duration + _ROLL
        keep = None if start is None else start - _ROLL
        if keep is not None and keep > _ROLL and container.format.name not in NO_SEEK:
            begin = int((keep - _ROLL + placed.origin) / float(stream.time_base))
            with contextlib.suppress(av.FFmpegError, OSError):  # no index: decode from the beginning
                container.seek(begin, stream=stream, backward=True)
        for frame in _frames(av, container, stream):
            if not placed.add(frame, keep, end):
                break
        found = placed.sound()
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"{path}: its sound cannot be decoded: {reason(error)}") from error
    finally:
        container.close()
    stop = found.start + found.samples.shape[1] / found.rate
    if start is not None and (stop <= start or (end is not None and found.start >= end - _ROLL)):
        raise DataError(f"{path}: no sound at {start:.3f} s; it lasts from {found.start:.3f} to {stop:.3f} s")
    return found


def _frames(av: Any, container: Any, stream: Any) -> Iterator[Any]:
    """The frames that decode; a few packets may be damaged, as the first ones after a seek into the middle of one."""
    damaged = 0
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            damaged += 1
            if damaged > _DAMAGED:
                raise


class _Placed:
    """Puts decoded frames where their stamps say, with silence between them where there is a gap."""

    def __init__(self, path: Path, stream: Any, origin: float) -> None:
        self.path, self.base, self.origin = path, float(stream.time_base), origin
        self.parts: list[np.ndarray] = []
        self.rate, self.start, self.next = 0, 0.0, 0  # next: the sample, counted from start, that follows the last
        self.seen: Optional[float] = None  # seconds, the end of what lies before the window

    def add(self, frame: Any, keep: Optional[float], end: Optional[float]) -> bool:
        """Append a frame; return whether what follows it is wanted too."""
        data = _samples(frame)
        time = None if frame.pts is None else frame.pts * self.base - self.origin
        if not self.parts:
            self.rate = frame.sample_rate
            time = 0.0 if time is None else time
            if keep is not None and time + data.shape[1] / self.rate < keep:
                self.seen = time + data.shape[1] / self.rate
                return True  # before the window
            self.start = time
        elif frame.sample_rate != self.rate or data.shape[0] != self.parts[0].shape[0]:
            raise DataError(f"{self.path}: rate or channels of its sound change at {time} s")
        at = self.next if time is None else round((time - self.start) * self.rate)
        if abs(at - self.next) <= _JITTER * self.rate:
            at = self.next
        if at > self.next:
            self.parts.append(np.zeros((data.shape[0], at - self.next), np.float32))
        elif at < self.next:  # stamps that go back: what is there already stays
            data = data[:, self.next - at :]
            at = self.next
        self.parts.append(data)
        self.next = at + data.shape[1]
        return end is None or self.start + self.next / self.rate < end

    def sound(self) -> Sound:
        if not self.next:
            found = "no sound can be decoded"
            if self.seen is not None:
                found = f"its sound ends at {self.seen:.3f} s, before the window"
            raise DataError(f"{self.path}: {found}")
        return Sound(np.concatenate(self.parts, 1), self.rate, self.start)


def _samples(frame: Any) -> np.ndarray:
    """The samples ``(C, S)`` float32 in [-1, 1] of a frame in any of FFmpeg's formats."""
    x = frame.to_ndarray()
    channels = len(frame.layout.channels)
    if not frame.format.is_planar:
        x = x.reshape(-1, channels).T
    if x.dtype == np.uint8:
        return (x.astype(np.float32) - 128) / 128
    if x.dtype.kind == "i":
        return x.astype(np.float32) / float(2 ** (8 * x.dtype.itemsize - 1))
    return x.astype(np.float32, copy=False)
