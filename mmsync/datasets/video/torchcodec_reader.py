"""Videos by torchcodec, which needs an FFmpeg of the system and a version that fits torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError

from .av_reader import AvReader
from .reader import EPSILON, Outside, Size, VideoInfo, VideoReader, require, scaled


class TorchcodecReader(VideoReader):
    """Decodes by torchcodec; PyAV tells where the container's clock starts, which torchcodec does not.

    Args:
        path: The file.
        outside: See :class:`~mmsync.datasets.video.reader.VideoReader`.
        threads: Of the decoder.
    """

    def __init__(self, path: Union[str, Path], outside: Outside = "error", threads: int = 1) -> None:
        super().__init__(path, outside)
        self.threads = threads
        self._header = AvReader(path)
        self._decoder: Any = None

    @property
    def info(self) -> VideoInfo:
        """As PyAV reads it."""
        return self._header.info

    def close(self) -> None:
        """Let go of the file."""
        self._decoder = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_decoder": None}

    def _on_screen(self, times: np.ndarray, size: Optional[Size]) -> Iterator[np.ndarray]:
        import cv2

        decoders = require("torchcodec.decoders", "see the table of versions in torchcodec's README")
        try:
            if self._decoder is None:
                self._decoder = decoders.VideoDecoder(
                    str(self.path), dimension_order="NHWC", num_ffmpeg_threads=self.threads, seek_mode="exact"
                )
            facts = self._decoder.metadata
            first, last = facts.begin_stream_seconds, facts.end_stream_seconds
            shift = first - self.info.start  # from the container's clock to torchcodec's
            for time in times.tolist():
                self._check_inside(time, first - shift, last - shift, 1 / facts.average_fps)
                at = min(max(time + EPSILON + shift, first), last - EPSILON)
                picture = self._decoder.get_frame_played_at(at).data.numpy()
                if size is not None:
                    to = scaled(picture.shape[1], picture.shape[0], size)
                    picture = cv2.resize(picture, to, interpolation=cv2.INTER_AREA)
                yield picture
        except (RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path}: torchcodec cannot decode it: {error}") from error
