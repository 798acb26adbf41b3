"""Mistakes of users, one row each: ``CASES`` of the modules here, which ``tests/test_mistakes.py`` runs.

A row is a real command (or a few lines of Python) and what must be said. ``tests/test_mistakes.py`` demands of each: it
is refused, in at most a screen of text, without a traceback, with the words of ``says``. Text of ``argv``, ``files``,
``env`` and ``code`` may name what a session makes once:

``{config}``       a small config of its own, SkeletonCLR on 16 clips of the built-in world: no bases, no variables
``{checkpoint}``   its checkpoint after an epoch
``{work_dir}``     the work dir of that training, whose ``epoch_1.pth`` is the checkpoint
``{store}``        a store of 12 skeleton clips (ntu25, 3 classes, splits ``xsub_train`` and ``xsub_val``)
``{tmp}``          the folder of the case, which is the current folder as well
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import pkgutil
import random
import re
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from mmsync.errors import MMSyncError
from mmsync.registry import Registry

ROOT = Path(__file__).parents[2]
_MANAGED = (MMLogger, MessageHub, DefaultScope, Visualizer)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Args:
        name: Unique among all.
        argv: A tool below the repository and its arguments. Those that start with ``configs/`` are of the repository,
            other relative paths lie in a temporary folder of the case.
        says: A regular expression that the text must contain.
        code: Instead of ``argv``, lines of Python that must raise a ``MMSyncError``.
        files: Text (or bytes) of files to write first, by relative path.
        env: Environment variables; an empty value unsets one.
        subprocess: Run in a process of its own, for what cannot be undone in this one.
        warned: It succeeds, and the words are a warning.
    """

    name: str
    argv: list[str] = field(default_factory=list)
    says: str = ""
    code: str = ""
    files: Mapping[str, Union[str, bytes]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    subprocess: bool = False
    warned: bool = False


def option(name: str, settings: str, says: str, config: str = "{config}", **more: Any) -> Mistake:
    """Training with settings of the command line, separated by blanks."""
    return Mistake(name, ["tools/train.py", config, "--cfg-options", *settings.split()], says, **more)


def own(name: str, text: str, says: str, base: str = '_base_ = "{config}"\n', tool: str = "tools/train.py") -> Mistake:
    """Training by a config of one's own, which inherits from the small one."""
    return Mistake(name, [tool, "own.py"], says, files={"own.py": base + text})


def gather() -> list[Mistake]:
    """The cases of all modules of this package."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return [case for module in modules for case in module.CASES]


def run(case: Mistake, folder: Path, made: Mapping[str, str]) -> tuple[int, str]:
    """Run a case in an empty folder; returns its exit code and all that it said."""
    names = {**made, "tmp": str(folder)}
    for path, text in case.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else _fill(text, names).encode())
    env = {key: _fill(value, names) for key, value in case.env.items()}
    code = _fill(case.code, names)
    argv = [_fill(part, names) for part in case.argv]
    argv = [str(ROOT / part) if i == 0 or part.startswith("configs/") else part for i, part in enumerate(argv)]
    if case.subprocess:
        command = [sys.executable, *(argv or ["-c", code])]
        own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
        done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr
    with _untouched(folder, env), _captured() as said:
        status = _call(code) if case.code else _run_tool(argv)
        for handler in logging.getLogger().handlers + [h for log in _loggers() for h in log.handlers]:
            handler.flush()
    return status, said.getvalue()


def _fill(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), text)


def _run_tool(argv: list[str]) -> int:
    sys.argv = argv
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException:  # what the interpreter would do
        traceback.print_exc()
        return 1
    return 0


def _call(code: str) -> int:
    try:
        exec(compile(code, "<mistake>", "exec"), {"__name__": "__mistake__"})
    except MMSyncError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def _loggers() -> list[logging.Logger]:
    named = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    return [*named, *MMLogger._instance_dict.values()]


def _registries() -> list[Any]:
    """Ours and MMEngine's, with everything that they import on the first lookup."""
    for registry in Registry.instances:
        registry.find("nothing")
    parents = [one.parent for one in Registry.instances if one.parent is not None]
    return list({id(one): one for one in [*Registry.instances, *parents]}.values())


@contextlib.contextmanager
def _untouched(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Leave the process as it was: folder, path, the modules of the case, registries, logs, signals, generators."""
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    flags = torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    managed = {one: dict(one._instance_dict) for one in _MANAGED}
    handlers = {id(log): (log, list(log.handlers), log.level) for log in [logging.root, *_loggers()]}
    signals = {one: signal.getsignal(one) for one in _SIGNALS}
    argv, path, cwd, environment, modules = sys.argv, list(sys.path), os.getcwd(), dict(os.environ), set(sys.modules)
    registered = [(one, dict(one._module_dict)) for one in _registries()]
    threads = set(threading.enumerate())
    os.environ.update(env)
    for key in [key for key, value in env.items() if not value]:
        del os.environ[key]
    os.chdir(folder)
    for one in _MANAGED:
        one._instance_dict.clear()
    try:
        yield
    finally:
        os.chdir(cwd)
        sys.argv, sys.path[:] = argv, path
        os.environ.clear()
        os.environ.update(environment)
        _forget_modules(modules, folder)
        for registry, before in registered:
            registry._module_dict.clear()
            registry._module_dict.update(before)
        _restore_logs(handlers, managed)
        for number, handler in signals.items():
            signal.signal(number, handler)
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])
        torch.set_grad_enabled(flags[0])
        torch.use_deterministic_algorithms(flags[1])
        torch.backends.cudnn.benchmark = flags[2]
        for thread in set(threading.enumerate()) - threads:
            thread.join(timeout=5)


def _forget_modules(before: set[str], folder: Path) -> None:
    """A third party's modules in the folder of a case must not serve the next one; libraries stay imported."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and folder.resolve() in Path(file).resolve().parents:
            del sys.modules[name]


def _restore_logs(handlers: dict[int, Any], managed: dict[Any, dict[str, Any]]) -> None:
    for log in [logging.root, *_loggers()]:
        _, old, level = handlers.get(id(log), (log, [], log.level))
        for handler in [one for one in log.handlers if one not in old]:
            handler.close()
        log.handlers[:] = old
        log.setLevel(level)
    for one, instances in managed.items():
        one._instance_dict.clear()
        one._instance_dict.update(instances)
