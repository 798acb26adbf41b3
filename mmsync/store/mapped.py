"""Arrays mapped into memory that survive pickling."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.errors import DataError

_PAGES_KEPT = 32 << 20  # bytes read from a map before its pages are released


class MappedArray:
    """A read-only ``.npy`` file mapped into memory; a copy in another process opens the file again.

    Args:
        path: The file; its array may not hold Python objects.

    Raises:
        DataError: The file is missing, truncated or not a ``.npy``.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = str(path)
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: no readable .npy array ({error})") from error
        # a plain array over the map: slices of np.memmap cost ten times as much
        self.array = np.asarray(mapped)
        self._pages, self._read = getattr(mapped, "_mmap", None), 0

    def rows(self, start: int, stop: int) -> np.ndarray:
        """``array[start:stop]``, a view of the map.

        Pages that were read count as this process's memory while the file is mapped. They are released regularly, so
        that the process does not appear to hold the whole data set; the system's cache keeps their content.
        """
        view = self.array[start:stop]
        self._count(view.nbytes)
        return view

    def take(self, index: np.ndarray) -> np.ndarray:
        """``array[index]`` for an array of row numbers, a copy; pages are released as by :meth:`rows`."""
        rows = self.array[index]
        self._count(rows.nbytes)
        return rows

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > _PAGES_KEPT and self._pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)
            self._read = 0

    def __reduce__(self) -> tuple:
        return MappedArray, (self.path,)
