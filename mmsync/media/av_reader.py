"""Videos by PyAV, which carries its own FFmpeg.

Frames are found by their presentation time: seek back to a key frame, then decode forward. Frame numbers are no help:
rates vary, streams start late, and the number of frames that a container declares is often wrong.
"""

from __future__ import annotations

import os
import time as timer
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.container import Clock, describe, open_container, reason, rotation_of
from mmsync.media.reader import EPSILON, INSTALL, Outside, Size, VideoInfo, VideoReader, require, scaled

_STEP_BACK = 1.0  # seconds, doubled until a seek lands early enough
_SEEK_FROM = 2.0  # seconds: seek across larger gaps, decode through smaller ones
# Containers that stamp only some frames, or none: after a seek the others get stamps of their neighbours
_NO_SEEK = {"mpeg", "mpegvideo", "m4v", "h264", "hevc", "av1", "obu"}


class AvReader(VideoReader):
    """Any container and codec that FFmpeg knows; ``path`` and ``outside`` are those of the base.

    Args:
        threads: Of the decoder. More than one in a data loading worker slows the others down, and has hung decoders.
        timeout: Seconds that decoding for one read may take, without the caller's time; ``None`` is no limit.
    """

    def __init__(
        self, path: Union[str, Path], outside: Outside = "error", threads: int = 1, timeout: Optional[float] = 60.0
    ) -> None:
        super().__init__(path, outside)
        self.threads, self.timeout = threads, timeout
        self._info: Optional[VideoInfo] = None
        self._forget()

    @property
    def info(self) -> VideoInfo:
        if self._info is None:
            self._info = describe(self.path, self.threads, self.timeout)
        return self._info

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
        self._gap = _SEEK_FROM
        self._pid = os.getpid()
        self._deadline = float("inf")

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
        except (av.FFmpegError, OSError) as error:
            self.close()
            raise DataError(f"{self.path}: cannot be decoded: {reason(error)}") from error
        except DataError:
            self.close()
            raise

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
        self._seekable = self._container.format.name not in _NO_SEEK
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
