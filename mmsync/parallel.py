"""One pool of worker processes for long work: converting raw files, scanning videos.

Unlike ``concurrent.futures`` it outlives its workers: one that crashes, hangs or is killed costs its own task only.
"""

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
    """Stands for the result of a task whose process did not return one.

    Attributes:
        reason: Why not.
    """

    reason: str


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple],
    workers: int = 1,
    timeout: Optional[float] = None,
    isolate: bool = False,
) -> Iterator[tuple[str, Any]]:
    """Call a function for many arguments in several processes.

    Ctrl-C, an error, or closing the iterator ends all processes; they also end when this process is killed.

    Args:
        function: A function of a module, so that other processes find it.
        tasks: Its arguments by the name of the task.
        workers: Number of processes; one works in this process.
        timeout: Seconds for a task in another process, which is then ended.
        isolate: Use another process even for one worker, so that a crash of the function is survived.

    Returns:
        Names and results, as they are ready. A result is a :class:`Lost` if the process of a task crashed or took too
        long, or if it was killed, as the system does when memory runs out, twice: such a task is tried once more.

    Raises:
        Exception: The first that the function raises.
    """
    if workers <= 1 and not isolate:
        yield from ((name, function(*arguments)) for name, arguments in tasks.items())
        return
    queue = list(tasks)[::-1]
    killed: set[str] = set()
    busy: dict[Connection, tuple[Any, str, float]] = {}
    free: list[tuple[Connection, Any]] = []
    try:
        while queue or busy:
            while queue and len(busy) < max(1, workers):
                pipe, process = free.pop() if free else _start(function)
                try:
                    pipe.send(tasks[queue[-1]])
                except OSError:  # killed while it had nothing to do: no task is to blame
                    process.join()
                    continue
                busy[pipe] = process, queue.pop(), time.monotonic()
            ready = wait(list(busy), timeout=None if timeout is None else 0.5)
            for pipe, (process, name, since) in list(busy.items()):
                result = None
                if pipe in ready:
                    result = _receive(pipe, process, retry=name not in killed)
                elif timeout is not None and time.monotonic() - since > timeout:
                    process.kill()
                    process.join()
                    result = Lost(f"not finished within {timeout} s")
                else:
                    continue
                del busy[pipe]
                if result is None:
                    killed.add(name)
                    queue.append(name)
                elif isinstance(result, Lost):
                    yield name, result
                else:
                    free.append((pipe, process))
                    yield name, _unpack(*result)
    finally:
        for _, process in [*free, *((pipe, entry[0]) for pipe, entry in busy.items())]:
            process.kill()
            process.join()


def progress(total: int, done: int = 0, **options: Any) -> tqdm:
    """A progress bar: on a terminal it moves, in a log file it adds a line now and then.

    Args:
        total: Number of items.
        done: Items that were finished before, by a run that was stopped.
        options: Further arguments of ``tqdm``.
    """
    return tqdm(total=total, initial=done, mininterval=0.2 if sys.stderr.isatty() else 20, **options)


def _start(function: Callable[..., Any]) -> tuple[Connection, Any]:
    """Start a worker; returns the pipe to it and its process."""
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"  # fork: nothing to import again
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(function, theirs, ours, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    return ours, process


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


def _receive(pipe: Connection, process: Any, retry: bool) -> Any:
    """The answer of a worker, a :class:`Lost`, or ``None`` if its task is to be tried again."""
    try:
        return pipe.recv()
    except (EOFError, ConnectionResetError):  # the latter if it had not yet read its task
        process.join()
    if process.exitcode != -signal.SIGKILL:
        return Lost(f"its process crashed (exit code {process.exitcode})")
    return None if retry else Lost("its process was killed twice; does it need too much memory?")


def _unpack(good: bool, value: Any, trace: str) -> Any:
    """The value that a worker sent, or the error that it raised."""
    if good:
        return value
    raise value from RuntimeError(f"in a worker process:\n{trace}")
