"""Where parsed data are kept, and the head of an array whose length is told last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from mmsync.errors import DataError


def npy_header(shape: tuple[int, ...]) -> bytes:
    """The first 128 bytes of a ``.npy`` file of float32; always as many, so that the shape can be told last.

    Args:
        shape: Of the array, at most five axes.

    Returns:
        128 bytes; the array's follow.
    """
    text = str({"descr": "<f4", "fortran_order": False, "shape": tuple(int(size) for size in shape)})
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def cache_root() -> Path:
    """Where parsed data sets are kept: ``MMSYNC_CACHE``, or ``mmsync`` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmsync"
    return Path(os.environ.get("MMSYNC_CACHE") or default)


def cached(kind: str, files: Iterable[Path], build: Callable[[Path], object]) -> Path:
    """The result of a slow parse, kept under a name that stands for the state of the files.

    Args:
        kind: What is parsed, with a version; begins the name.
        files: The files that are read. A change of a path, size or time of change makes a new entry.
        build: Makes the given path, a file or folder; it must appear whole.

    Returns:
        The path of the result.

    Raises:
        DataError: The cache folder cannot be written.
    """
    digest = hashlib.sha1()
    for file in files:
        stat = file.stat()
        digest.update(f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    path = cache_root() / f"{kind}-{digest.hexdigest()[:16]}"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            build(path)
        except OSError as error:
            if not path.exists():  # else another process was faster
                raise DataError(
                    f"cannot write the cache {path}: {error}; set MMSYNC_CACHE to a folder with space"
                ) from error
    return path
