"""Containers as PyAV opens them: the video stream, its clock, its rotation, and its declared properties."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Optional

from mmsync.errors import DataError
from mmsync.media.reader import INSTALL, VideoInfo, require

_COVER = 0x400  # FFmpeg's flag of a cover picture; PyAV has it since version 13


def open_container(path: Path, threads: int = 1, timeout: Optional[float] = None) -> tuple[Any, Any]:
    """Open a file: PyAV's container and its first video stream that is no cover picture.

    Args:
        path: The file.
        threads: Of the decoder.
        timeout: Seconds to wait for the file.

    Raises:
        DataError: The file cannot be opened, or holds no video.
    """
    av = require("av", INSTALL)
    try:
        if os.path.getsize(path) == 0 and path.is_file():
            raise DataError(f"{path}: the file is empty")
        # an absolute path, because "a:b.mp4" would be taken for a protocol
        container = av.open(os.path.abspath(path), metadata_errors="replace", timeout=timeout)
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"{path}: cannot be opened as video: {reason(error)}") from error
    streams = [s for s in container.streams.video if not int(getattr(s, "disposition", 0)) & _COVER]
    if not streams:
        what = "only sound" if container.streams.audio else "no video stream"
        container.close()
        raise DataError(f"{path}: holds {what}")
    stream = streams[0]
    stream.codec_context.thread_count = threads
    if threads > 1:
        stream.thread_type = "AUTO"
    return container, stream


def reason(error: Exception) -> str:
    """FFmpeg's text for an error."""
    if type(error).__name__ == "ExitError":
        return "the file does not respond in time"
    return getattr(error, "strerror", None) or str(error)


class Clock:
    """Turns stamps of PyAV's ``container`` and one of its video streams into seconds since the container's start."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.base = float(stream.time_base)
        self.origin = (container.start_time or 0) / 1e6
        rate = stream.average_rate or stream.guessed_rate
        self.tick = 1 / float(rate) if rate else 0.04
        # AVI has no presentation times. FFmpeg guesses them, wrongly for packed B-frames; but the time when a frame
        # leaves the decoder is the time at which AVI wants it to be shown
        self.by_dts = container.format.name == "avi"
        self.last: Optional[float] = None  # time; to be forgotten after a seek

    def time(self, frame: Any) -> float:
        """Time at which a frame appears. Frames come in the order of presentation, so it never decreases."""
        stamp = self.stamp_of(frame)
        if stamp is not None:
            now = stamp * self.base - self.origin
        else:
            now = 0.0 if self.last is None else self.last + self.tick
        self.last = now if self.last is None else max(now, self.last)
        return self.last

    def stamp_of(self, frame: Any) -> Optional[int]:
        """In ticks of the stream, ``None`` if the frame has none."""
        return frame.dts if self.by_dts else frame.pts

    def duration(self, frame: Any) -> float:
        """Seconds that a frame without a successor is shown."""
        return max((getattr(frame, "duration", 0) or 0) * self.base, self.tick)

    def seconds(self, stream: Any, stamp: Optional[int]) -> Optional[float]:
        """A stamp of any stream of the container."""
        return None if stamp is None else float(stamp * stream.time_base) - self.origin

    def stamp(self, seconds: float) -> int:
        """The stamp of a time, to seek to."""
        return int((seconds + self.origin) / self.base)


def rotation_of(frame: Any, stream: Any) -> int:
    """Quarter turns, counter-clockwise, that set the picture upright."""
    degrees = getattr(frame, "rotation", None)
    if degrees is None:  # PyAV before 14
        with contextlib.suppress(AttributeError):
            degrees = stream.side_data.get("DISPLAYMATRIX")
    return round((degrees or 0) / 90) % 4


def describe(path: Path, threads: int = 1, timeout: Optional[float] = None) -> VideoInfo:
    """Read the properties that a file declares; see :func:`open_container`.

    Raises:
        DataError: No frame can be decoded.
    """
    container, stream = open_container(path, threads, timeout)
    with container:
        return _describe(path, container, stream)


def _describe(path: Path, container: Any, stream: Any) -> VideoInfo:
    import av

    clock = Clock(container, stream)
    try:
        first = next(container.decode(stream), None)
    except av.FFmpegError as error:
        raise DataError(f"{path}: cannot be decoded: {reason(error)}") from error
    if first is None:
        raise DataError(f"{path}: no frame can be decoded")
    width, height = first.width, first.height
    if rotation_of(first, stream) % 2:
        width, height = height, width
    start, whole = clock.time(first), (container.duration or 0) / 1e6
    declared = stream.duration * clock.base if stream.duration else max(0.0, whole - start)
    sound: dict[str, Any] = {}
    if container.streams.audio:
        audio = container.streams.audio[0]
        length = audio.duration * float(audio.time_base) if audio.duration else whole
        sound = {
            "audio_rate": audio.codec_context.sample_rate,
            "audio_start": clock.seconds(audio, audio.start_time) or 0.0,
            "audio_duration": length,
            "channels": len(audio.codec_context.layout.channels),
        }
    return VideoInfo(str(path), container.format.name, width, height, start, declared, None, 1 / clock.tick, **sound)
