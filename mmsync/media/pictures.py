"""Videos that are already decoded: folders of pictures, and arrays."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.reader import EPSILON, Outside, Size, VideoInfo, VideoReader, resized

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class _Decoded(VideoReader):
    """Frames at a constant rate, of which the first is shown at 0."""

    def __init__(self, path: Union[str, Path], rate: float = 25.0, outside: Outside = "error") -> None:
        super().__init__(path, outside)
        self.rate = float(rate)

    def __len__(self) -> int:
        raise NotImplementedError

    def _picture(self, i: int) -> np.ndarray:
        raise NotImplementedError

    @property
    def info(self) -> VideoInfo:
        height, width = self._picture(0).shape[:2]
        count, kind = len(self), self.path.suffix[1:] or "folder"
        return VideoInfo(str(self.path), kind, width, height, 0.0, count / self.rate, count, self.rate, False)

    def _on_screen(self, times: np.ndarray, size: Optional[Size]) -> Iterator[np.ndarray]:
        drawn, count = -1, len(self)
        picture: Any = None
        for time in times.tolist():
            self._check_inside(time, 0.0, count / self.rate, 1 / self.rate)
            i = min(max(int((time + EPSILON) * self.rate), 0), count - 1)
            if i != drawn:
                drawn, picture = i, self._picture(i)
                if size is not None:
                    picture = resized(picture, size)
            yield picture


class FrameFolderReader(_Decoded):
    """A folder of pictures whose names end in their number (``img_00001.jpg``), at ``rate`` frames per second."""

    def __len__(self) -> int:
        return len(self._files)

    @cached_property
    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no folder of pictures")
        numbered: dict[int, Path] = {}
        for file in self.path.iterdir():
            number = re.search(r"(\d+)$", file.stem)
            if number is None or file.suffix.lower() not in _SUFFIXES:
                continue
            if numbered.setdefault(int(number[1]), file) != file:
                raise DataError(f"{self.path}: two pictures with the number {number[1]}, one is {file.name}")
        if not numbered:
            raise DataError(f"{self.path}: no numbered pictures ({', '.join(_SUFFIXES)})")
        missing = sorted(set(range(min(numbered), max(numbered))) - set(numbered))
        if missing:
            raise DataError(f"{self.path}: {len(missing)} pictures are missing, the first is number {missing[0]}")
        return [numbered[number] for number in sorted(numbered)]

    def _picture(self, i: int) -> np.ndarray:
        file = self._files[i]
        try:
            return decode_picture(np.fromfile(file, np.uint8), str(file))
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error}") from error


def decode_picture(data: Union[bytes, memoryview, np.ndarray], where: str) -> np.ndarray:
    """The picture ``(H, W, 3)`` uint8 RGB in the bytes of a JPEG or PNG; ``where`` names it in a DataError."""
    import cv2

    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"{where}: cannot be read: {error}") from error
    if picture is None:
        raise DataError(f"{where}: not a picture, or a damaged one")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class ArrayReader(_Decoded):
    """A mapped ``.npy`` of pictures ``(T, H, W, 3)`` uint8 RGB, or a ``.npz`` with ``frames`` and maybe ``rate``."""

    def __init__(self, path: Union[str, Path], rate: Optional[float] = None, outside: Outside = "error") -> None:
        super().__init__(path, 25.0 if rate is None else rate, outside)
        self._given = rate
        self._array: Any = None

    def __len__(self) -> int:
        return len(self._open())

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_array": None}

    def close(self) -> None:
        self._array = None

    def _picture(self, i: int) -> np.ndarray:
        return self._open()[i]

    def _open(self) -> np.ndarray:
        if self._array is None:
            try:
                content = np.load(self.path, mmap_mode="r", allow_pickle=False)
                if isinstance(content, np.lib.npyio.NpzFile):
                    with content:
                        if self._given is None and "rate" in content:
                            self.rate = float(content["rate"])
                        content = content["frames"]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise DataError(f"{self.path}: cannot be read as an array of pictures: {error}") from error
            if content.dtype != np.uint8 or content.ndim != 4 or content.shape[3] != 3 or not len(content):
                raise DataError(f"{self.path}: {content.dtype} {content.shape}; wanted uint8 (T, H, W, 3)")
            self._array = content
        return self._array
