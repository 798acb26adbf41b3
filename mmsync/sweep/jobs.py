"""One run of a sweep: its recorded state, the tools that complete it, and their processes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mmengine.runner.checkpoint import find_latest_checkpoint

from mmsync.config.text import RESOLVED, config_text
from mmsync.errors import MMSyncError
from mmsync.fileio import write_text
from mmsync.protocols.tables import write_json
from mmsync.runlog import read_run
from mmsync.sweep.settings import Setting

_NO_METRIC = ("step", "time", "data_time")
_TAIL = 12  # lines of a failed run's log to show


class RunError(MMSyncError, RuntimeError):
    """A run of a sweep failed. The message shows the end of its log."""


@contextmanager
def locked(path: Path, wait: Optional[Callable[[], None]] = None) -> Iterator[Any]:
    """Lock a file until its last holder ends; ``wait`` is called while another has it (else ``BlockingIOError``)."""
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
        """Wait a second; raise ``RunError`` if the sweep is being stopped."""
        if self._stopped.wait(1.0):
            raise RunError("stopped")

    def call(self, command: Sequence[str], env: Mapping[str, str], log: Path, lock: Any) -> int:
        """Run a command, append its output to a file, return the exit code; the child keeps ``lock`` if this ends."""
        with open(log, "ab") as output, self._guard:
            if self._stopped.is_set():
                raise RunError("stopped")
            # in its own session, so that Ctrl-C in the terminal reaches children only once, through stop()
            streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            options = dict(env={**os.environ, **env}, start_new_session=True, pass_fds=[lock.fileno()])
            process: subprocess.Popen = subprocess.Popen(command, **streams, **options)  # type: ignore[call-overload]
            self._alive.add(process)
        try:
            return process.wait()
        finally:
            with self._guard:
                self._alive.discard(process)

    def stop(self, patience: float = 15.0) -> None:
        """Interrupt all children and their own children, and kill those that do not end within ``patience`` seconds."""
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


@dataclass(frozen=True, eq=False)
class Job:
    """One setting with one seed."""

    setting: Setting
    seed: int
    folder: Path  # absolute path of the work dir
    tools: Path  # folder of ``train.py`` and the other tools

    def __str__(self) -> str:
        return f"{self.setting} seed {self.seed}"

    def record(self) -> dict[str, Any]:
        """Record of a finished training; empty if unfinished, of another config, or unreadable."""
        try:
            record = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            whole = (record["signature"], record["seed"]) == (self.setting.signature, self.seed)
            _ = {**record["validation"], **{name: one["value"] for name, one in record["protocols"].items()}}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}  # its content is collected from the folder again
        return record if whole else {}

    def missing(self, record: Mapping[str, Any]) -> list[str]:
        """Protocols without a result, or with one of another config."""
        known, wanted = record.get("protocols", {}), self.setting.protocols
        return [name for name, digest in wanted.items() if known.get(name, {}).get("signature") != digest]

    def state(self) -> str:
        """``'done'``, ``'to evaluate'``, ``'to resume'`` or ``'new'``."""
        if record := self.record():
            return "to evaluate" if self.missing(record) else "done"
        return "to resume" if (self.folder / "last_checkpoint").is_file() else "new"

    def execute(self, children: Children, env: Mapping[str, str], protocols: Mapping[str, str]) -> dict[str, float]:
        """Run what is missing: training, then protocols (by name, with their arguments for ``tools/benchmark.py``)."""
        with locked(self.folder / ".lock", children.wait) as lock:
            record = self.record()
            run = _Tools(self, children, env, lock)
            if not record:
                validation, checkpoint = run.train()
                record = dict(signature=self.setting.signature, seed=self.seed, checkpoint=checkpoint)
                record.update(validation=validation, protocols={})
                write_json(self.folder / "run.json", record)
            if missing := self.missing(record):
                rows = run.benchmark(self.folder / record["checkpoint"], [protocols[name] for name in missing])
                for name in missing:
                    record["protocols"][name] = dict(signature=self.setting.protocols[name], value=rows[name])
                write_json(self.folder / "run.json", record)
        return {**record["validation"], **{name: record["protocols"][name]["value"] for name in self.setting.protocols}}


@dataclass
class _Tools:
    job: Job
    children: Children
    env: Mapping[str, str]
    lock: Any

    def call(self, tool: str, *args: Any) -> None:
        """Run a tool; append its output to ``<tool>.log``."""
        command = [sys.executable, str(self.job.tools / f"{tool}.py"), *map(str, args)]
        log = self.job.folder / f"{tool}.log"
        if code := self.children.call(command, self.env, log, self.lock):
            how = f"ended with exit code {code}"
            if code < 0:
                how = f"was killed by {signal.Signals(-code).name}"
                how += " (the system does this when memory runs out)" if code == -signal.SIGKILL else ""
            lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            raise RunError("\n    ".join([f"mmsync {tool} {how}; {log} ends with:", *lines[-_TAIL:]]))

    def train(self) -> tuple[dict[str, float], str]:
        """Train; return the results of the last validation and the name of the last checkpoint."""
        folder = self.job.folder
        config = folder / "config.py"
        # the checked config, even if its files are edited meanwhile
        write_text(config, f"{RESOLVED}\n{config_text(self.job.setting.cfg)}")
        start = "--resume" if (folder / "last_checkpoint").is_file() else "--overwrite"
        self.call("train", config, "--work-dir", folder, "--seed", self.job.seed, start)
        latest = find_latest_checkpoint(str(folder))
        if latest is None:
            raise RunError(f"{folder}: training wrote no checkpoint; check default_hooks.checkpoint")
        latest = Path(latest).name
        if self.job.setting.cfg.get("val_evaluator") is None:
            return {}, latest
        done = int(Path(latest).stem.rpartition("_")[2])  # epochs, or iterations
        for row in reversed(read_run(folder).val):
            if row["step"] == done:
                return {key: value for key, value in row.items() if key not in _NO_METRIC}, latest
        return self._validate(latest), latest

    def _validate(self, checkpoint: str) -> dict[str, float]:
        """Validate a checkpoint, if the training was killed after it was written and before its validation."""
        cfg = dict(self.job.setting.cfg)
        cfg.update({f"test_{part}": cfg[f"val_{part}"] for part in ("dataloader", "evaluator")}, test_cfg={})
        folder = self.job.folder / "validation"
        folder.mkdir(exist_ok=True)
        write_text(folder / "config.py", config_text(cfg))
        out = folder / "results.json"
        self.call("test", folder / "config.py", self.job.folder / checkpoint, "--work-dir", folder, "--out", out)
        return json.loads(out.read_text(encoding="utf-8"))["results"]

    def benchmark(self, checkpoint: Path, protocols: Sequence[str]) -> dict[str, float]:
        """Run protocols; return their results by name."""
        folder = self.job.folder / "benchmark"
        self.call("benchmark", checkpoint, "--work-dir", folder, "--protocols", *protocols)
        rows = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return {row["protocol"]: row["mean"] for row in rows}
