"""Processes that scan videos, each on a pipe of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mmsync.media.scan import scan_video


def scan_all(
    root: Path, names: Sequence[str], workers: int, min_frames: int, timeout: float
) -> Iterator[tuple[str, dict]]:
    """Scan in processes, so that one that hangs or crashes in a decoder costs one file only.

    Args:
        root: The folder.
        names: Paths below it.
        workers: Processes.
        min_frames: See :func:`~mmsync.media.scan.scan_video`.
        timeout: Seconds for one file; its process is then ended and the file is corrupt.

    Returns:
        Names and rows, as they are ready. A process that the system kills, as when memory runs out, is replaced; its
        file is tried once more.
    """
    queue = list(reversed(names))
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    busy: dict[Connection, tuple[Any, str, float]] = {}
    free: list[tuple[Connection, Any]] = []
    killed: set[str] = set()

    def give() -> None:
        while queue and len(busy) < max(1, workers):
            pipe, process = free.pop() if free else _start(context)
            try:
                pipe.send((str(root / queue[-1]), min_frames))
            except OSError:  # killed while it had nothing to do, as when memory runs out: no file is to blame
                process.join()
                continue
            busy[pipe] = (process, queue.pop(), time.monotonic())

    try:
        give()
        while busy:
            ready = wait(list(busy), timeout=0.5)
            for pipe, (process, name, since) in list(busy.items()):
                row = None
                if pipe in ready:
                    try:
                        row = pipe.recv()
                        free.append((pipe, process))
                    except (EOFError, ConnectionResetError):  # the latter if it had not yet read the name
                        process.join()
                        if process.exitcode != -signal.SIGKILL:
                            row = _lost(root / name, "the decoder crashed")
                        elif name in killed:
                            row = _lost(root / name, "its process was killed twice; does it need too much memory?")
                        else:  # by the system, maybe for the memory of others
                            killed.add(name)
                            queue.append(name)
                            del busy[pipe]
                elif time.monotonic() - since > timeout:
                    row = _lost(root / name, f"not decoded within {timeout} s")
                    process.kill()
                if row is not None:
                    del busy[pipe]
                    if isinstance(row, Exception):
                        raise row
                    yield name, row
            give()
    finally:
        for _, process in [*free, *[(None, entry[0]) for entry in busy.values()]]:
            process.kill()
            process.join()


def _start(context: Any) -> tuple[Connection, Any]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, ours), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _work(pipe: Connection, parents: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    parents.close()  # held open here, it would hide that the parent was killed
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while True:
            path, min_frames = pipe.recv()
            try:
                row: Any = scan_video(path, min_frames)
            except Exception as error:  # such as PyAV that is not there
                row = error
            pipe.send(row)


def _lost(path: Path, reason: str) -> dict:
    stat = path.stat() if path.exists() else None
    size, mtime = (None, None) if stat is None else (stat.st_size, stat.st_mtime_ns)
    return {"status": "corrupt", "reason": reason, "size": size, "mtime_ns": mtime}
