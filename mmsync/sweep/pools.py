"""Pools that execute jobs: this machine or SLURM."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Optional

import torch

from mmsync.errors import ConfigError, DependencyError
from mmsync.sweep.jobs import Children, Job


class LocalPool:
    """Runs jobs on this machine, a few at a time."""

    def __init__(self, jobs: Optional[int] = None, gpus: Optional[Sequence[int]] = None) -> None:
        count = torch.cuda.device_count()
        for gpu in gpus or ():
            if not 0 <= gpu < count:
                raise ConfigError(f"--gpus {gpu}: there are {count} GPUs" + (f", 0 to {count - 1}" if count else ""))
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        names = [visible[gpu] if visible else str(gpu) for gpu in (range(count) if gpus is None else gpus)]
        self.jobs = jobs or len(names) or 1
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cpus // self.jobs))
        self._slots: SimpleQueue = SimpleQueue()
        for index in range(self.jobs):
            env = {"OMP_NUM_THREADS": threads}
            self._slots.put({**env, "CUDA_VISIBLE_DEVICES": names[index % len(names)]} if names else env)
        self._children = Children()
        self._threads = ThreadPoolExecutor(self.jobs)

    def submit(self, job: Job, protocols: Mapping[str, str]) -> Any:
        """Start a job; return an object with ``done()`` and ``result()``."""
        return self._threads.submit(self._run, job, protocols)

    def _run(self, job: Job, protocols: Mapping[str, str]) -> dict[str, float]:
        env = self._slots.get()
        try:
            return job.execute(self._children, env, protocols)
        finally:
            self._slots.put(env)

    def close(self) -> None:
        """Stop all jobs."""
        self._children.stop()
        self._threads.shutdown(cancel_futures=True)


class SlurmPool:
    """Runs jobs under SLURM with submitit."""

    def __init__(self, folder: Path, jobs: int, options: Mapping[str, Any]) -> None:
        submitit = optional("submitit", "--launcher slurm")
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster="slurm")
            self._executor.update_parameters(**{"name": "mmsync-sweep", **options})
        except (RuntimeError, NameError, TypeError, ValueError) as error:
            raise ConfigError(f"--launcher slurm: {error}") from error
        self.jobs = jobs
        self._submitted: list[Any] = []

    def submit(self, job: Job, protocols: Mapping[str, str]) -> Any:
        """Queue a job; return an object with ``done()`` and ``result()``."""
        self._submitted.append(self._executor.submit(OnNode(job, protocols)))
        return self._submitted[-1]

    def close(self) -> None:
        """Cancel all queued and running jobs."""
        for job in self._submitted:
            if not job.done():
                job.cancel()


@dataclass
class OnNode:
    """A job on a node of a cluster; it is queued again and resumes when its time limit is reached."""

    job: Job
    protocols: Mapping[str, str]

    def __call__(self) -> dict[str, float]:
        return self.job.execute(Children(), {}, self.protocols)

    def checkpoint(self) -> Any:
        """The submission that submitit queues again."""
        return optional("submitit", "--launcher slurm").helpers.DelayedSubmission(self)


def optional(package: str, what: str) -> Any:
    """Import a package that only some sweeps need, or raise a ``DependencyError``."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise DependencyError(f'{what} needs {package}: pip install "mmsync[sweep]"') from error
