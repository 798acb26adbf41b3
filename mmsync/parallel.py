"""A pool of worker processes that, unlike ``concurrent.futures``, outlives those that crash, hang or are killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Optional

from tqdm import tqdm


class Lost(NamedTuple):
    """Stands for the result of a task whose process did not return one, for a reason."""

    reason: str


KILLED = Lost("its process was killed twice; does it need too much memory?")


def run_tasks(
    function: Callable[..., Any],  # a function of a module, so that other processes find it
    tasks: Mapping[str, tuple],  # its arguments by the name of the task
    workers: int = 1,  # number of processes; one works in this process
    timeout: Optional[float] = None,  # seconds for a task in another process, which is then ended
    isolate: bool = False,  # use another process even for one worker, so that a crash of the function is survived
) -> Iterator[tuple[str, Any]]:
    """Call a function in processes that end with this one; yield names and results (or :class:`Lost`) as they come."""
    if workers <= 1 and not isolate:
        yield from ((name, function(*arguments)) for name, arguments in tasks.items())
        return
    queue = list(tasks)[::-1]
    killed: set[str] = set()
    busy: dict[Connection, _Worker] = {}
    free: list[_Worker] = []
    try:
        while queue or busy:
            while queue and len(busy) < max(1, workers):
                worker = free.pop() if free else _Worker(function)
                if worker.give(queue[-1], tasks[queue[-1]]):
                    queue.pop()
                    busy[worker.pipe] = worker
            ready = wait(list(busy), timeout=None if timeout is None else 0.5)
            for pipe, worker in list(busy.items()):
                if pipe in ready:
                    answer = worker.take()
                elif timeout is not None and time.monotonic() - worker.since > timeout:
                    worker.end()
                    answer = Lost(f"not finished within {timeout} s")
                else:
                    continue
                del busy[pipe]
                if answer is KILLED and worker.task not in killed:
                    killed.add(worker.task)
                    queue.append(worker.task)
                elif isinstance(answer, Lost):
                    yield worker.task, answer
                else:
                    good, value, trace = answer
                    free.append(worker)
                    if not good:
                        raise value from RuntimeError(f"in a worker process:\n{trace}")
                    yield worker.task, value
    finally:
        for worker in [*free, *busy.values()]:
            worker.end()


def progress(total: int, done: int = 0, **options: Any) -> tqdm:
    """A bar for ``total`` items, some ``done`` before; in a log file, a line now and then."""
    return tqdm(total=total, initial=done, mininterval=0.2 if sys.stderr.isatty() else 20, **options)


class _Worker:
    def __init__(self, function: Callable[..., Any]) -> None:
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"  # fork: no imports again
        context: Any = multiprocessing.get_context(method)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(function, theirs, self.pipe, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.task, self.since = "", 0.0

    def give(self, task: str, arguments: tuple) -> bool:
        """Send a task; false if the process was killed while it had none."""
        try:
            self.pipe.send(arguments)
        except OSError:
            self.end()
            return False
        self.task, self.since = task, time.monotonic()
        return True

    def take(self) -> Any:
        """The answer, or a :class:`Lost`."""
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):  # the latter if it had not yet read its task
            self.process.join()
        if self.process.exitcode == -signal.SIGKILL:
            return KILLED
        return Lost(f"its process crashed (exit code {self.process.exitcode})")

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()


def _work(function: Callable[..., Any], pipe: Connection, parents: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    parents.close()  # an open end here would hide that the parent was killed
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the parent has gone
        while True:
            arguments = pipe.recv()
            try:
                answer: tuple[bool, Any, str] = True, function(*arguments), ""
            except Exception as error:
                answer = False, _sendable(error), traceback.format_exc()
            pipe.send(answer)


def _watch(parent: int) -> None:
    """End a busy worker whose parent was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error, or one with its text if it does not survive pickling."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
