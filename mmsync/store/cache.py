"""The cache folder, where parsed data, packed clips and crops are kept."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from mmsync.errors import DataError
from mmsync.fileio import one_writer

_VERSION = b"2"  # of the formats in the cache; a new one leaves all old entries unread


def cache_root() -> Path:
    """The cache folder: ``MMSYNC_CACHE``, or ``mmsync`` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmsync"
    return Path(os.environ.get("MMSYNC_CACHE") or default)


def cached(kind: str, files: Iterable[Path], build: Callable[[Path], object]) -> Path:
    """The path of the result of slow work on unchanged files; one process calls ``build``, the others wait for it."""
    digest = hashlib.sha1(_VERSION)
    for file in files:
        stat = file.stat()
        digest.update(f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    path = cache_root() / f"{kind}-{digest.hexdigest()[:16]}"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with one_writer(path):
                if not path.exists():  # else it was written while this process waited
                    for leftover in path.parent.glob(f".{path.name}.*.part"):  # of a process that was killed
                        shutil.rmtree(leftover, ignore_errors=True)
                    build(path)
        except OSError as error:
            if not path.exists():
                raise DataError(f"cannot write {path}: {error}; set MMSYNC_CACHE to a folder with space") from error
    return path
