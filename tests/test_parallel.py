"""The pool returns every result, survives its workers, and leaves none behind."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from mmsync.errors import DataError
from mmsync.parallel import Lost, run_tasks

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the functions of this file are reached by fork")


class Unpicklable(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def work(what, *rest):
    if what == "wait":
        time.sleep(rest[0])
    if what == "crash":
        os._exit(3)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "raise":
        raise DataError("a.txt: broken")
    if what == "odd":
        raise Unpicklable(1, 2)
    return what, os.getpid()


def test_one_worker_is_this_process():
    assert dict(run_tasks(work, {"a": ("x",), "b": ("y",)})) == {"a": ("x", os.getpid()), "b": ("y", os.getpid())}
    assert list(run_tasks(work, {}, 4)) == []


@fork
def test_results_come_as_they_are_ready():
    tasks = {"slow": ("wait", 1.0), **{str(i): ("x",) for i in range(5)}}
    found = list(run_tasks(work, tasks, 2))
    assert [name for name, _ in found] == ["0", "1", "2", "3", "4", "slow"]
    assert len({pid for _, (_, pid) in found}) == 2
    ((_, (_, pid)),) = run_tasks(work, {"a": ("x",)}, 1, isolate=True)
    assert pid != os.getpid()


@fork
def test_a_lost_worker_costs_its_task_only():
    tasks = {"a": ("crash",), "b": ("kill",), "c": ("wait", 60), **{str(i): ("x",) for i in range(4)}}
    found = dict(run_tasks(work, tasks, 2, timeout=1.0))
    lost = {name: result.reason for name, result in found.items() if isinstance(result, Lost)}
    assert lost == {
        "a": "its process crashed (exit code 3)",
        "b": "its process was killed twice; does it need too much memory?",
        "c": "not finished within 1.0 s",
    }
    assert set(found) == set(tasks)
    assert not multiprocessing.active_children()


@fork
def test_an_error_of_the_function_is_raised_here_and_ends_the_others():
    with pytest.raises(DataError, match=r"a\.txt: broken") as caught:
        list(run_tasks(work, {"a": ("wait", 60), "b": ("raise",)}, 2))
    assert "in work" in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="Unpicklable: 1 and 2"):
        list(run_tasks(work, {"a": ("odd",)}, 2))
    assert not multiprocessing.active_children()


@fork
def test_closing_ends_the_workers():
    running = run_tasks(work, {"a": ("x",), "b": ("wait", 60), "c": ("wait", 60)}, 2)
    assert next(running)[0] == "a"
    assert len(multiprocessing.active_children()) == 2
    running.close()
    assert not multiprocessing.active_children()


@fork
def test_idle_and_busy_workers_end_when_their_parent_is_killed():
    """SIGKILL leaves the parent no time to end them; idle ones notice by their pipes, busy ones by their parent."""
    code = (
        "import os, signal, time\n"
        "from mmsync import parallel\n"
        "found = [parallel._Worker(time.sleep) for _ in range(3)]\n"
        "found[0].give('a', (600,))\n"
        "print(*(worker.process.pid for worker in found), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        ended, _, _ = select.select([parent.stdout], [], [], 60)  # ends when the last who holds it does
        for pid in [] if ended else workers:
            os.kill(pid, signal.SIGKILL)
    assert parent.returncode == -signal.SIGKILL
    assert len(workers) == 3
    assert ended


@fork
def test_ctrl_c_ends_everything():
    code = (
        "import signal, time\n"
        "from mmsync.parallel import run_tasks\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        "print('ready', flush=True)\n"
        "list(run_tasks(time.sleep, {str(i): (600,) for i in range(4)}, 2))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as parent:
        parent.stdout.readline()
        time.sleep(0.5)
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, errors = parent.communicate(timeout=60)  # ends when the last who holds the pipes does
    assert errors.count(b"KeyboardInterrupt") == 1
