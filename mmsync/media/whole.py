"""All pictures of a video in order, where none may be skipped or shown twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.av_reader import open_container, reason, rotation_of
from mmsync.media.pictures import FrameFolderReader
from mmsync.media.reader import INSTALL, require


def every_picture(path: Union[str, Path], threads: int = 1) -> Iterator[np.ndarray]:
    """Iterate over all pictures ``(H, W, 3)`` uint8 RGB of a video file, or of a folder of numbered pictures.

    Args:
        path: The file or folder.
        threads: Of the decoder of a file.

    Raises:
        DataError: It is missing, cannot be decoded, or has no picture.
    """
    path = Path(path)
    if path.is_dir():
        folder = FrameFolderReader(path)
        yield from (picture for _, picture in folder.frames((np.arange(len(folder)) + 0.5) / folder.rate))
        return
    av = require("av", INSTALL)
    container, stream = open_container(path, threads)
    with container:
        frame = None
        try:
            for frame in container.decode(stream):
                yield np.rot90(frame.to_ndarray(format="rgb24"), rotation_of(frame, stream))
        except av.FFmpegError as error:
            raise DataError(f"{path}: cannot be decoded: {reason(error)}") from error
        if frame is None:
            raise DataError(f"{path}: no frame can be decoded")
