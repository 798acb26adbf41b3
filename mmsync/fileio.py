"""Files that are whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union


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


def remove_leftovers(folder: Union[str, Path]) -> None:
    """Remove the temporary files of processes that were killed while they wrote into ``folder``."""
    for leftover in Path(folder).glob(".*.tmp*"):
        leftover.unlink(missing_ok=True)
