"""Child processes that can be stopped together, and locks that a child keeps if its parent is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional

from mmsync.errors import MMSyncError


class RunError(MMSyncError, RuntimeError):
    """A run of a sweep failed. The message shows the end of its log."""


@contextmanager
def locked(path: Path, wait: Optional[Callable[[], None]] = None) -> Iterator[Any]:
    """Lock a file; the system releases it when the last process that has it open ends.

    Args:
        path: The file; its folder is created.
        wait: Called repeatedly while another process holds the lock; ``None`` raises instead.

    Returns:
        The open file.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if wait is None:
                    raise
                wait()
        yield file


class Children:
    """Child processes that can be stopped together."""

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen] = set()
        self._guard = threading.Lock()
        self._stopped = threading.Event()

    def wait(self) -> None:
        """Wait a second.

        Raises:
            RunError: The sweep is being stopped.
        """
        if self._stopped.wait(1.0):
            raise RunError("stopped")

    def call(self, command: Sequence[str], env: Mapping[str, str], log: Path, lock: Any) -> int:
        """Run a command and wait for it.

        Args:
            command: The command.
            env: Environment variables to set.
            log: File that the output is appended to.
            lock: Open file whose lock the child shares, also if this process is killed.

        Returns:
            The exit code; negative for a signal.
        """
        with open(log, "ab") as output, self._guard:
            if self._stopped.is_set():
                raise RunError("stopped")
            # in its own session, so that Ctrl-C in the terminal reaches children only once, through stop()
            process = subprocess.Popen(
                command,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            self._alive.add(process)
        try:
            return process.wait()
        finally:
            with self._guard:
                self._alive.discard(process)

    def stop(self, patience: float = 15.0) -> None:
        """Interrupt all children and their own children, and kill those that do not end.

        Args:
            patience: Seconds between interrupt and kill.
        """
        with self._guard:
            self._stopped.set()
            alive = list(self._alive)
        for sign, seconds in ((signal.SIGINT, patience), (signal.SIGKILL, None)):
            for process in alive:
                if process.poll() is None:
                    with suppress(ProcessLookupError):  # it has just ended
                        os.killpg(process.pid, sign)
            until = None if seconds is None else time.monotonic() + seconds
            while any(p.poll() is None for p in alive) and (until is None or time.monotonic() < until):
                time.sleep(0.05)
