"""Videos by torchcodec, which needs an installed FFmpeg and a version that fits torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.av_reader import AvReader
from mmsync.media.reader import EPSILON, Outside, Size, VideoInfo, VideoReader, require, resized

_AT_ONCE = 16  # pictures that are held
# Containers in which torchcodec 0.13 shows neighbors of the wanted frames, or loses the last ones
_UNFIT = {"avi", "mpeg", "mpegts", "mpegvideo", "m4v", "h264", "hevc", "av1", "obu"}


class TorchcodecReader(VideoReader):
    """MP4, Matroska and the like by torchcodec; PyAV reads the properties of the file and the start of its clock."""

    def __init__(self, path: Union[str, Path], outside: Outside = "error", threads: int = 1) -> None:
        super().__init__(path, outside)
        self.threads = threads
        self._header = AvReader(path)
        self.close()

    @property
    def info(self) -> VideoInfo:
        return self._header.info

    def close(self) -> None:
        self._decoder: Any = None
        self._pid = os.getpid()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_decoder": None}

    def _on_screen(self, times: np.ndarray, size: Optional[Size]) -> Iterator[np.ndarray]:
        try:
            decoder = self._open()
            facts = decoder.metadata
            first, last, tick = facts.begin_stream_seconds, facts.end_stream_seconds, 1 / facts.average_fps
            end, shift = last, first - self.info.start  # from the container's clock to torchcodec's
            for at in np.split(times + shift, range(_AT_ONCE, len(times), _AT_ONCE)):
                # not one by one: that goes by the frames' durations, which are wrong where the rate varies
                shown = decoder.get_frames_played_at((at + EPSILON).clip(first, last - EPSILON).tolist()).data.numpy()
                late = at + EPSILON >= last
                if late.any():  # the last frame may be without duration, and so be shown at no time
                    final = decoder.get_frame_at(len(decoder) - 1)
                    shown[late], end = final.data.numpy(), max(last, final.pts_seconds + tick)
                for time, picture in zip(at.tolist(), shown):
                    self._check_inside(time - shift, first - shift, end - shift, tick)
                    yield picture if size is None else resized(picture, size)
        except (RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path}: torchcodec cannot decode it: {error}") from error

    def _open(self) -> Any:
        if self._pid != os.getpid():  # forked: the position in the file is shared with the parent
            self.close()
        if self._decoder is None:
            if self.info.container in _UNFIT:
                kind = self.info.container
                raise DataError(f"{self.path}: torchcodec shows wrong frames of {kind} files; use backend='av'")
            decoders = require("torchcodec.decoders", "see the table of versions in torchcodec's README")
            options = dict(dimension_order="NHWC", num_ffmpeg_threads=self.threads, seek_mode="exact")
            # an absolute path, because "a:b.mp4" would be taken for a protocol
            self._decoder = decoders.VideoDecoder(os.path.abspath(self.path), **options)
        return self._decoder
