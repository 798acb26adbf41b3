"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from mmengine.logging import print_log

from mmsync.errors import DataError

try:
    import fcntl
except ImportError:  # Windows: processes that start together each do the work, and the first one's result stays
    fcntl = None  # type: ignore[assignment]


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """Give a temporary name in the folder of ``path`` and rename it to ``path`` when the block succeeds.

    A process that is killed inside the block leaves the former file as it was.

    Args:
        path: The final name. Its folder is made.

    Returns:
        The name to write to; it has the suffix of ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # the content is on disk before the name is
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def one_writer(path: Union[str, Path]) -> Iterator[None]:
    """One process at a time makes ``path``; the system opens the lock of a process that is killed.

    Inside the block, look first whether another process has made it meanwhile.

    Args:
        path: What is made; the lock lies beside it.
    """
    path = Path(path)
    with open(path.with_name(f".{path.name}.lock"), "wb") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print_log(f"waiting for another process to write {path}", logger="current")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reserve(path: Union[str, Path]) -> None:
    """Claim the disk space of a file that is to be written by map, whose holes take none yet.

    On a full disk a write into a map ends the process by SIGBUS, without a word; this is an ``OSError`` instead.

    Args:
        path: The file, in its full size.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # file systems that cannot
                    raise


def remove_leftovers(folder: Union[str, Path], stem: str = "*") -> None:
    """Remove the temporary files of processes that were killed while they wrote into ``folder``.

    Args:
        folder: The folder.
        stem: Only those of files of this name, without suffix.
    """
    for leftover in Path(folder).glob(f".{stem}.*.tmp*"):
        leftover.unlink(missing_ok=True)


def numbered_lines(path: Union[str, Path]) -> list[tuple[int, str]]:
    """Numbered lines without blanks at their ends, and without empty ones."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
