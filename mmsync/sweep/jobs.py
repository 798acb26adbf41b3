"""One run: what is known of it, and the tools that do the rest."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner.checkpoint import find_latest_checkpoint

from mmsync.protocols.benchmark import write_json
from mmsync.runlog import read_run
from mmsync.sweep.processes import Children, RunError, locked
from mmsync.sweep.settings import Setting

_NO_METRIC = ("step", "time", "data_time")
_TAIL = 12  # lines of a failed run's log to show


@dataclass(frozen=True, eq=False)
class Job:
    """One setting with one seed.

    Attributes:
        setting: The setting.
        seed: Its seed.
        folder: Absolute path of its work dir.
        tools: The folder of ``train.py`` and the other tools.
    """

    setting: Setting
    seed: int
    folder: Path
    tools: Path

    def __str__(self) -> str:
        return f"{self.setting} seed {self.seed}"

    def record(self) -> dict[str, Any]:
        """What is known of a finished training; empty if it is unfinished, of another config, or cannot be read."""
        try:
            record = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            whole = (record["signature"], record["seed"]) == (self.setting.signature, self.seed)
            _ = {**record["validation"], **{name: one["value"] for name, one in record["protocols"].items()}}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}  # what it held is in the folder still, and is gathered again
        return record if whole else {}

    def missing(self, record: Mapping[str, Any]) -> list[str]:
        """Protocols that have no result yet, or one of another config."""
        known = record.get("protocols", {})
        return [
            name for name, digest in self.setting.protocols.items() if known.get(name, {}).get("signature") != digest
        ]

    def state(self) -> str:
        """``'done'``, ``'to evaluate'``, ``'to resume'`` or ``'new'``."""
        record = self.record()
        if record:
            return "to evaluate" if self.missing(record) else "done"
        return "to resume" if (self.folder / "last_checkpoint").is_file() else "new"

    def execute(self, children: Children, env: Mapping[str, str], protocols: Mapping[str, str]) -> dict[str, float]:
        """Do what is not done yet.

        Args:
            children: Starts the processes.
            env: Their environment variables.
            protocols: Name of each protocol -> what ``tools/benchmark.py`` knows it by.

        Returns:
            The results of the last epoch's validation by name, and that of each protocol by its name.

        Raises:
            RunError: A process failed.
        """
        with locked(self.folder / ".lock", children.wait) as lock:
            record = self.record()
            run = _Tools(self, children, env, lock)
            if not record:
                validation, checkpoint = run.train()
                record = dict(signature=self.setting.signature, seed=self.seed, checkpoint=checkpoint)
                record.update(validation=validation, protocols={})
                write_json(self.folder / "run.json", record)
            missing = self.missing(record)
            if missing:
                rows = run.benchmark(self.folder / record["checkpoint"], [protocols[name] for name in missing])
                for name in missing:
                    record["protocols"][name] = dict(signature=self.setting.protocols[name], value=rows[name])
                write_json(self.folder / "run.json", record)
        return {**record["validation"], **{name: record["protocols"][name]["value"] for name in self.setting.protocols}}


@dataclass
class _Tools:
    """Starts the tools of a job."""

    job: Job
    children: Children
    env: Mapping[str, str]
    lock: Any

    def call(self, tool: str, *args: Any) -> None:
        """Run a tool to its end; its output is added to ``<tool>.log``."""
        command = [sys.executable, str(self.job.tools / f"{tool}.py"), *map(str, args)]
        log = self.job.folder / f"{tool}.log"
        code = self.children.call(command, self.env, log, self.lock)
        if code:
            how = f"ended with exit code {code}"
            if code < 0:
                how = f"was killed by {signal.Signals(-code).name}"
                how += " (by the system, if memory ran out)" if code == -signal.SIGKILL else ""
            lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            raise RunError("\n    ".join([f"tools/{tool}.py {how}; {log} ends with:", *lines[-_TAIL:]]))

    def train(self) -> tuple[dict[str, float], str]:
        """Train to the end: the last epoch's validation, and the name of the last checkpoint."""
        folder = self.job.folder
        config = folder / "config.py"
        Config(self.job.setting.cfg).dump(config)  # what was checked, whatever happens to its files meanwhile
        resume = ["--resume"] if (folder / "last_checkpoint").is_file() else []
        self.call("train", config, "--work-dir", folder, "--seed", self.job.seed, *resume)
        latest = find_latest_checkpoint(str(folder))
        if latest is None:
            raise RunError(f"{folder}: training left no checkpoint; default_hooks.checkpoint saves them")
        latest = Path(latest).name
        if self.job.setting.cfg.get("val_evaluator") is None:
            return {}, latest
        done = int(Path(latest).stem.rpartition("_")[2])  # epochs, or iterations
        for row in reversed(read_run(folder).val):
            if row["step"] == done:
                return {key: value for key, value in row.items() if key not in _NO_METRIC}, latest
        return self._validate(latest), latest

    def _validate(self, checkpoint: str) -> dict[str, float]:
        """The validation that is missing where a training was killed between its last checkpoint and its end."""
        cfg = dict(self.job.setting.cfg)
        cfg.update({f"test_{part}": cfg[f"val_{part}"] for part in ("dataloader", "evaluator")}, test_cfg={})
        folder = self.job.folder / "validation"
        folder.mkdir(exist_ok=True)
        Config(cfg).dump(folder / "config.py")
        out = folder / "results.json"
        self.call("test", folder / "config.py", self.job.folder / checkpoint, "--work-dir", folder, "--out", out)
        return json.loads(out.read_text(encoding="utf-8"))["results"]

    def benchmark(self, checkpoint: Path, protocols: Sequence[str]) -> dict[str, float]:
        """The results of protocols, by name."""
        folder = self.job.folder / "benchmark"
        self.call("benchmark", checkpoint, "--work-dir", folder, "--protocols", *protocols)
        rows = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return {row["protocol"]: row["mean"] for row in rows}
