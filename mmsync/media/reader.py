"""The interface of the video backends: pictures by time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union

import numpy as np

from mmsync.errors import ConfigError, DataError, DependencyError, did_you_mean, nearest

BACKENDS = {  # imported on first use: skeletons need none of them
    "av": "av_reader.AvReader",
    "frames": "pictures.FrameFolderReader",
    "array": "pictures.ArrayReader",
    "torchcodec": "torchcodec_reader.TorchcodecReader",
}
INSTALL = "python -m pip install 'mmsync[video]'"
EPSILON = 1e-4  # seconds: a time that was rounded still finds its frame; far below the shortest frame
Size = Union[int, tuple[int, int]]
Times = Union[Sequence[float], np.ndarray]
Outside = Literal["error", "nearest"]


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video; times are seconds since the container's start; the last four ``None`` without sound."""

    path: str
    container: str  # name of the format
    width: int  # of the upright picture
    height: int
    start: float  # of the first frame; not 0 in many files, such as AVI with B-frames
    duration: float  # of the pictures, as the file declares it, else 0; as decoded in an index
    frames: Optional[int]  # that decode, None before they are counted
    rate: float  # frames per second on average
    is_vfr: Optional[bool] = None  # whether the rate varies, None before the frames are decoded
    audio_rate: Optional[int] = None
    audio_start: Optional[float] = None
    audio_duration: Optional[float] = None
    channels: Optional[int] = None


class VideoReader:
    """Base of the backends, a context manager. It opens the file on first use, so it may be sent to workers.

    Args:
        path: The file or folder.
        outside: Treatment of times more than half a frame before the first frame or after the end of the last:
            ``'error'``, or ``'nearest'``, which takes the first or last frame.
    """

    def __init__(self, path: Union[str, Path], outside: Outside = "error") -> None:
        if outside not in ("error", "nearest"):
            raise ConfigError(f"outside={outside!r}; give 'error' or 'nearest'")
        self.path, self.outside = Path(path), outside

    @property
    def info(self) -> VideoInfo:
        """Properties of the video."""
        raise NotImplementedError

    def frames(self, times: Times, size: Optional[Size] = None) -> Iterator:
        """Iterate over the pictures of :meth:`read`, earliest first, as ``(index, picture)``; copy it to keep it."""
        at = np.asarray(times, dtype=np.float64)
        if at.ndim != 1 or not np.isfinite(at).all():
            raise DataError(f"{self.path}: times of shape {at.shape}; wanted (T,), all finite")
        order = np.argsort(at, kind="stable")
        yield from zip(order.tolist(), self._on_screen(at[order], size))

    def read(
        self, times: Times, size: Optional[Size] = None, crop: Optional[tuple[int, int, int, int]] = None
    ) -> np.ndarray:
        """Read the pictures on screen at given times, ``(T, H, W, 3)`` uint8 RGB.

        Args:
            times: ``(T,)`` seconds in any order, repeated ones too.
            size: Height and width to scale to; one number is the shorter side, and keeps the aspect.
            crop: ``x1 y1 x2 y2`` in pixels of the (scaled) picture: the part to keep.

        Raises:
            DataError: The file cannot be decoded, has no picture at these times, or the crop leaves the picture.
        """
        out: Optional[np.ndarray] = None
        for k, picture in self.frames(times, size):
            if crop is not None:
                x1, y1, x2, y2 = crop
                if not (0 <= x1 < x2 <= picture.shape[1] and 0 <= y1 < y2 <= picture.shape[0]):
                    raise DataError(f"{self.path}: crop {crop} of a picture {picture.shape[1]} x {picture.shape[0]}")
                picture = picture[y1:y2, x1:x2]
            if out is None:
                out = np.empty((len(times), *picture.shape), np.uint8)
            out[k] = picture
        if out is None:
            raise DataError(f"{self.path}: no times were given")
        return out

    def close(self) -> None:
        """Close the file; a later read opens it again."""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _on_screen(self, times: np.ndarray, size: Optional[Size]) -> Iterator[np.ndarray]:
        """One picture for each of the ascending times."""
        raise NotImplementedError

    def _check_inside(self, time: float, start: float, end: float, frame: float) -> None:
        """Refuse a time without a picture: more than half a frame before ``start`` or after ``end``."""
        early = time < start - frame / 2 - EPSILON
        if self.outside == "error" and (early or time > end + frame / 2 + EPSILON):
            where = f"the first appears at {start:.3f} s" if early else f"the last ends at {end:.3f} s"
            raise DataError(f"{self.path}: no frame at {time:.3f} s, {where}; outside='nearest' takes the nearest one")


def open_video(path: Union[str, Path], backend: str = "av", **options: Any) -> VideoReader:
    """A reader, opened on first use: ``'av'``, ``'frames'`` (pictures), ``'array'`` (.npy, .npz), ``'torchcodec'``."""
    if backend not in BACKENDS:
        hint = did_you_mean(nearest(backend, BACKENDS)) or ";"
        raise ConfigError(f"no video backend {backend!r}{hint} choose from {', '.join(BACKENDS)}")
    module, name = BACKENDS[backend].split(".")
    return getattr(importlib.import_module(f".{module}", __package__), name)(path, **options)


def require(package: str, command: str) -> Any:
    """Import an optional package, or raise a DependencyError with the command that installs it."""
    try:
        return importlib.import_module(package)
    except (ImportError, OSError, RuntimeError) as error:  # the latter two: a shared library is missing
        raise DependencyError(f"video files need {package}, which fails to import ({error}): {command}") from error


def scaled(width: int, height: int, size: Optional[Size]) -> tuple[int, int]:
    """Width and height of a picture after scaling to ``size``."""
    if size is None:
        return width, height
    if isinstance(size, int):
        short = min(width, height)
        return max(1, round(width * size / short)), max(1, round(height * size / short))
    return size[1], size[0]


def resized(picture: np.ndarray, size: Size) -> np.ndarray:
    """A picture ``(H, W, 3)`` uint8 at ``size``: area means where it shrinks, bilinear where it grows."""
    import cv2

    to = scaled(picture.shape[1], picture.shape[0], size)
    return cv2.resize(picture, to, interpolation=cv2.INTER_AREA if to[0] < picture.shape[1] else cv2.INTER_LINEAR)
