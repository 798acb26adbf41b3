"""Videos by PyAV, with its own FFmpeg. Frames are found by time: rates vary, declared numbers are often wrong."""

from __future__ import annotations

import contextlib
import os
import time as timer
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.reader import EPSILON, INSTALL, Outside, Size, VideoInfo, VideoReader, require, scaled

_STEP_BACK = 1.0  # seconds, doubled until a seek lands early enough
_SEEK_FROM = 2.0  # seconds: seek across larger gaps, decode through smaller ones
# Containers that stamp only some frames, or none: after a seek the others get stamps of their neighbors
NO_SEEK = {"mpeg", "mpegvideo", "m4v", "h264", "hevc", "av1", "obu"}
_COVER = 0x400  # FFmpeg's flag of a cover picture; PyAV has it since version 13


class AvReader(VideoReader):
    """Any container and codec of FFmpeg; ``timeout``: seconds for one read; more ``threads`` slow loading workers."""

    def __init__(
        self, path: Union[str, Path], outside: Outside = "error", threads: int = 1, timeout: Optional[float] = 60.0
    ) -> None:
        super().__init__(path, outside)
        self.threads, self.timeout = threads, timeout
        self._forget()

    @cached_property
    def info(self) -> VideoInfo:  # type: ignore[override]
        return describe(self.path, self.threads, self.timeout)

    def close(self) -> None:
        if self._container is not None and self._pid == os.getpid():
            self._container.close()
        self._forget()

    def __getstate__(self) -> dict:
        return {"path": self.path, "outside": self.outside, "threads": self.threads, "timeout": self.timeout}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __del__(self) -> None:
        if getattr(self, "_container", None) is not None:
            self.close()

    def _forget(self) -> None:
        self._container: Any = None
        self._stream: Any = None
        self._source: Any = None
        self._reformatter: Any = None
        self._shown: Any = None  # time and frame
        self._ahead: Any = None  # the frame that follows it
        self._gap, self._pid, self._deadline = _SEEK_FROM, os.getpid(), float("inf")

    def _on_screen(self, times: np.ndarray, size: Optional[Size]) -> Iterator[np.ndarray]:
        av = require("av", INSTALL)
        if self._pid != os.getpid():  # forked: the position in the file is shared with the parent
            self._forget()
        self._deadline = float("inf") if self.timeout is None else timer.monotonic() + self.timeout
        drawn, picture = None, np.empty(0)
        try:
            for time in times.tolist():
                self._go_to(time)
                if self._shown is not drawn:
                    drawn, picture = self._shown, self._draw(self._shown[1], size)
                waiting = timer.monotonic()
                yield picture
                self._deadline += timer.monotonic() - waiting
        except (av.FFmpegError, OSError, DataError) as error:
            self.close()
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path}: cannot be decoded: {reason(error)}") from error

    def _go_to(self, time: float) -> None:
        """Make ``_shown`` the last frame that appears no later than ``time``."""
        target = time + EPSILON
        if self._container is None:
            self._open()
        if self._shown is None or target < self._shown[0]:
            self._seek(target)
        elif self._seekable and self._ahead is not None and target > self._ahead[0] + self._gap:
            before = self._shown[0]
            self._seek(target)
            if self._shown[0] <= before:  # key frames are rarer than assumed
                self._gap *= 2
        while self._ahead is not None and self._ahead[0] <= target:
            self._shown, self._ahead = self._ahead, self._pull()
        start, frame = self._shown
        if time < start:
            self._check_inside(time, start, time, self._clock.tick)
        elif self._ahead is None:
            self._check_inside(time, time, start + self._clock.duration(frame), self._clock.tick)

    def _open(self) -> None:
        self._container, self._stream = open_container(self.path, self.threads, self.timeout)
        self._clock = Clock(self._container, self._stream)
        self._seekable = self._container.format.name not in NO_SEEK
        self._source = self._container.decode(self._stream)
        self._shown = self._ahead = None
        self._fresh = True

    def _seek(self, target: float) -> None:
        """Start decoding at a key frame that appears no later than ``target``, or else at the beginning."""
        back = 0.0
        while self._seekable and target - back > -_STEP_BACK:
            if self._start_at(target - back, target):
                break
            back = max(_STEP_BACK, 2 * back)
        else:  # not by a seek, which fails in some files
            if not self._fresh:
                self._container.close()
                self._open()
            self._shown = self._pull()
        if self._shown is None:
            raise DataError(f"{self.path}: no frame can be decoded")
        self._ahead = self._pull()

    def _start_at(self, time: float, target: float) -> bool:
        """Seek; return whether the first frame that then decodes appears no later than ``target``."""
        import av

        self._fresh = False
        try:
            self._container.seek(self._clock.stamp(time), stream=self._stream, backward=True)
        except (av.FFmpegError, OSError):  # no key frame before, or no index
            return False
        self._source = self._container.decode(self._stream)
        self._clock.last = None
        frame = next(self._source, None)
        if frame is None or self._clock.stamp_of(frame) is None:
            return False
        self._shown = self._clock.time(frame), frame
        return self._shown[0] <= target

    def _pull(self) -> Optional[tuple[float, Any]]:
        if timer.monotonic() > self._deadline:
            raise DataError(f"{self.path}: decoding took longer than {self.timeout} s")
        self._fresh = False
        frame = next(self._source, None)
        return None if frame is None else (self._clock.time(frame), frame)

    def _draw(self, frame: Any, size: Optional[Size]) -> np.ndarray:
        """The upright picture ``(H, W, 3)``, a view of FFmpeg's memory."""
        if self._reformatter is None:
            from av.video.reformatter import VideoReformatter

            self._reformatter = VideoReformatter()  # one for all frames: it keeps its tables
            self._turns = rotation_of(frame, self._stream)  # quarter turns, counter-clockwise
            self._options: dict[str, Any] = {"format": "rgb24", "threads": 1}
        context = self._stream.codec_context  # whose size frames of another size in the middle of a stream get
        width, height = context.width or frame.width, context.height or frame.height
        if self._turns % 2:
            height, width = scaled(height, width, size)
        else:
            width, height = scaled(width, height, size)
        try:
            rgb = self._reformatter.reformat(frame, width, height, **self._options)
        except TypeError:  # an older PyAV scales in one thread and has no option for it
            del self._options["threads"]
            rgb = self._reformatter.reformat(frame, width, height, **self._options)
        plane: Any = rgb.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return np.rot90(rows[:height, : 3 * width].reshape(height, width, 3), self._turns)


def open_file(path: Path, timeout: Optional[float] = None) -> Any:
    """PyAV's container of a file, or a DataError."""
    av = require("av", INSTALL)
    try:
        if os.path.getsize(path) == 0 and path.is_file():
            raise DataError(f"{path}: the file is empty")
        lenient = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}  # 19 takes any bytes
        # an absolute path, because "a:b.mp4" would be taken for a protocol
        return av.open(os.path.abspath(path), timeout=timeout, **lenient)
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"{path}: cannot be opened as video or sound: {reason(error)}") from error


def open_container(path: Path, threads: int = 1, timeout: Optional[float] = None) -> tuple[Any, Any]:
    """PyAV's container of a file and its first video stream that is no cover picture, or a DataError."""
    container = open_file(path, timeout)
    streams = [s for s in container.streams.video if not getattr(getattr(s, "disposition", None), "value", 0) & _COVER]
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
        if stamp is None:
            self.last = 0.0 if self.last is None else self.last + self.tick
        else:
            now = stamp * self.base - self.origin
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
    """Read the properties that a file declares, or raise a DataError if no frame can be decoded."""
    av = require("av", INSTALL)
    container, stream = open_container(path, threads, timeout)
    with container:
        clock = Clock(container, stream)
        try:
            first = next(container.decode(stream))
        except StopIteration:
            raise DataError(f"{path}: no frame can be decoded") from None
        except av.FFmpegError as error:
            raise DataError(f"{path}: cannot be decoded: {reason(error)}") from error
        width, height = first.width, first.height
        if rotation_of(first, stream) % 2:
            width, height = height, width
        start, whole = clock.time(first), (container.duration or 0) / 1e6
        declared = stream.duration * clock.base if stream.duration else max(0.0, whole - start)
        sound: tuple = ()
        if container.streams.audio:
            audio = container.streams.audio[0]
            facts, length = audio.codec_context, audio.duration * float(audio.time_base) if audio.duration else whole
            began = clock.seconds(audio, audio.start_time) or 0.0
            sound = (facts.sample_rate, began, length, len(facts.layout.channels))
        kind, rate = container.format.name, 1 / clock.tick
        return VideoInfo(str(path), kind, width, height, start, declared, None, rate, None, *sound)
