"""Many trainings from one call: a grid of configs, overrides and seeds, or a search, and one table of what came out.

A run is a child process of ``tools/train.py`` and, with protocols, one of ``tools/benchmark.py``. Its folder is named
by the settings, so that a result can stand for nothing else. docs/design/0019-sweep.md tells the rules.
It needs Linux or macOS: children are stopped as process groups, and file locks outlive their parent.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Optional, Union

import torch
from mmengine.config import Config, DictAction
from mmengine.runner.checkpoint import find_latest_checkpoint
from tqdm import tqdm

from mmsync.apis.benchmark import (
    Protocol,
    lay_over,
    load_protocol,
    markdown_cells,
    plain_cells,
    spread,
    value_text,
    write_json,
)
from mmsync.config import check, load
from mmsync.errors import ConfigError, DependencyError, MMSyncError, did_you_mean, nearest
from mmsync.visualization.curves import read_run

_NO_SETTING = ("work_dir", "launcher", "resume")  # say where and how a run goes on, not what it computes
_NO_METRIC = ("step", "time", "data_time")
_TAIL = 12  # lines of a failed run's log to show


class RunError(MMSyncError, RuntimeError):
    """A run of a sweep failed. The message names its log and shows the end of it."""


# ------------------------------------------------------------------------------------------------ what is to run


def parse_options(texts: Sequence[str], flag: str) -> dict[str, list[Any]]:
    """Key -> values, of ``KEY=V1,V2`` texts; a value with commas of its own stands in brackets, as in ``[1,2],[3]``.

    Args:
        texts: As typed.
        flag: Where they were typed, for messages.

    Raises:
        ConfigError: A text has another form or no value, or a key comes twice.
    """
    options: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        holder = Namespace()
        try:
            DictAction([], "values")(None, holder, [f"{key}=[{value}]"])
        except AssertionError as error:
            raise ConfigError(f"{flag} {text}: a bracket is not closed") from error
        values = holder.values[key] if key and equals else []
        if not values or "" in values:
            raise ConfigError(f"{flag} {text}: holds no value; write {key or 'KEY'}=V1,V2")
        if key in options:
            raise ConfigError(f"{flag} {text}: {key} is set twice; write all its values in one list")
        if len({repr(v) for v in values}) < len(values):
            raise ConfigError(f"{flag} {text}: a value comes twice")
        options[key] = values
    return options


@dataclass(frozen=True, eq=False)
class Setting:
    """What the runs of one row of the table have in common.

    Attributes:
        config: The config file.
        values: What the sweep sets in it, by dotted key.
        cfg: The resolved config.
        signature: Of ``cfg``.
        protocols: Name of each protocol -> signature of the config that it runs.
    """

    config: str
    values: Mapping[str, Any]
    cfg: dict[str, Any]
    signature: str
    protocols: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join([Path(self.config).stem, *(f"{key}={_text(value)}" for key, value in self.values.items())])

    @property
    def folder(self) -> str:
        """Name of its folder: another one for any change of the config."""
        return f"{Path(self.config).stem}-{self.signature[:10]}"


def make_setting(
    config: str, values: Mapping[str, Any], options: Mapping[str, Any], protocols: Sequence[Protocol]
) -> Setting:
    """Resolve a config and check it, and what its protocols run.

    Args:
        config: The config file.
        values: What the sweep sets in it, by dotted key.
        options: What every setting of the sweep sets, by dotted key.
        protocols: Evaluations of the last checkpoint.

    Raises:
        ConfigError: Everything that is wrong with one of the configs.
    """
    cfg = load(config, {**options, **values})
    cfg.setdefault("default_scope", "mmsync")
    laid = {}
    try:
        check(cfg, files=True)
        for key in ("train_dataloader", "train_cfg", "optim_wrapper"):
            if cfg.get(key) is None:
                raise ConfigError(f"{key}: not set, but training needs it")
        for protocol in protocols:
            data = None if protocol.dataset is None else load(protocol.dataset).to_dict()
            laid[protocol.name] = lay_over(cfg, protocol, data)
            laid[protocol.name].setdefault("default_scope", "mmsync")
            check(laid[protocol.name], files=True)
    except MMSyncError as error:
        text = str(error).replace("--cfg-options", "--set or --cfg-options")
        name = " ".join([config, *(f"{key}={_text(value)}" for key, value in values.items())])
        raise ConfigError(f"{name}: {text}", getattr(error, "problems", ())) from error
    content = {key: value for key, value in cfg.to_dict().items() if key not in _NO_SETTING}
    signatures = {name: _digest(one.to_dict()) for name, one in laid.items()}
    return Setting(config, dict(values), content, _digest(content), signatures)


def grid(
    configs: Sequence[str], axes: Mapping[str, Sequence[Any]], options: Mapping[str, Any], protocols: Sequence[Protocol]
) -> list[Setting]:
    """Every config with every combination of values, all of them checked.

    Args:
        configs: Config files.
        axes: Values by dotted key.
        options: What every setting sets, by dotted key.
        protocols: Evaluations of the last checkpoint.

    Raises:
        ConfigError: A config has problems, or two settings are the same.
    """
    settings: dict[str, Setting] = {}
    for config, *values in itertools.product(configs, *axes.values()):
        setting = make_setting(config, dict(zip(axes, values)), options, protocols)
        other = settings.setdefault(setting.signature, setting)
        if other is not setting:
            raise ConfigError(
                f"{setting} is the same setting as {other}: nothing that is run differs. Leave one of them out"
            )
    return list(settings.values())


def _digest(value: Any) -> str:
    return hashlib.sha1(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# ------------------------------------------------------------------------------------------------ one run


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


@contextmanager
def locked(path: Path, wait: Optional[Callable[[], None]] = None) -> Iterator[Any]:
    """Hold a file alone; the system gives it back when the last process that has it open ends.

    Args:
        path: The file; its folder is made.
        wait: Called again and again while another holds it; ``None`` raises at once.

    Returns:
        The open file.

    Raises:
        BlockingIOError: Another holds it.
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
        """Run a command to its end.

        Args:
            command: The command.
            env: Environment variables to set.
            log: File that its output is added to.
            lock: Open file that it holds as long as it lives, also if this process is killed.

        Returns:
            The exit code; below zero the signal that ended it.
        """
        with open(log, "ab") as output, self._guard:
            if self._stopped.is_set():
                raise RunError("stopped")
            # a session of its own: Ctrl-C of the terminal reaches the children through stop() only, once
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
        """End all children and what they started: by an interrupt, and by force what does not heed it.

        Args:
            patience: Seconds in between.
        """
        with self._guard:
            self._stopped.set()
            alive = list(self._alive)
        for sign, seconds in ((signal.SIGINT, patience), (signal.SIGKILL, None)):
            for process in alive:
                if process.poll() is None:
                    with suppress(ProcessLookupError):  # it ended just now
                        os.killpg(process.pid, sign)
            until = None if seconds is None else time.monotonic() + seconds
            while any(p.poll() is None for p in alive) and (until is None or time.monotonic() < until):
                time.sleep(0.05)


# ------------------------------------------------------------------------------------------------ where runs go


class LocalPool:
    """Runs jobs on this machine, a few at a time.

    Args:
        jobs: How many; ``None``: one on each GPU, or one.
        gpus: Numbers of GPUs among those that are visible; ``None`` takes them all. Jobs share them evenly.

    Raises:
        ConfigError: There is no such GPU.
    """

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
        """Start a job: an object with ``done()`` and ``result()``."""
        return self._threads.submit(self._run, job, protocols)

    def _run(self, job: Job, protocols: Mapping[str, str]) -> dict[str, float]:
        env = self._slots.get()
        try:
            return job.execute(self._children, env, protocols)
        finally:
            self._slots.put(env)

    def close(self) -> None:
        """End all that runs."""
        self._children.stop()
        self._threads.shutdown(cancel_futures=True)


class SlurmPool:
    """Runs jobs under SLURM, by submitit.

    Args:
        folder: For submitit's own files.
        jobs: How many jobs are in the queue at a time.
        options: What a job asks for, by submitit's names: ``timeout_min``, ``slurm_partition``, ``gpus_per_node``...

    Raises:
        DependencyError: submitit is not installed.
        ConfigError: There is no SLURM here, or submitit knows no such option.
    """

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
        """Queue a job: an object with ``done()`` and ``result()``."""
        self._submitted.append(self._executor.submit(OnNode(job, protocols)))
        return self._submitted[-1]

    def close(self) -> None:
        """Cancel all that is queued or runs."""
        for job in self._submitted:
            if not job.done():
                job.cancel()


@dataclass
class OnNode:
    """A job on a node of a cluster; when its time is up it is queued again, and resumes."""

    job: Job
    protocols: Mapping[str, str]

    def __call__(self) -> dict[str, float]:
        return self.job.execute(Children(), {}, self.protocols)

    def checkpoint(self) -> Any:
        """What submitit queues again."""
        return optional("submitit", "--launcher slurm").helpers.DelayedSubmission(self)


def optional(package: str, what: str) -> Any:
    """A package that only some sweeps need.

    Raises:
        DependencyError: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise DependencyError(f'{what} needs {package}: pip install "mmsync[sweep]"') from error


# ------------------------------------------------------------------------------------------------ search


_RANGE = re.compile(r"([^:,]+):([^:,]+?)(:log)?")


def parse_space(texts: Sequence[str]) -> dict[str, Union[list[Any], tuple[float, float, bool]]]:
    """Key -> values to choose from, or ``(low, high, logarithmic)`` of ``KEY=LOW:HIGH`` or ``KEY=LOW:HIGH:log``.

    Raises:
        ConfigError: A range is empty, or a text has another form.
    """
    space: dict[str, Any] = {}
    for key, values in parse_options(texts, "--set").items():
        match = _RANGE.fullmatch(values[0]) if len(values) == 1 and isinstance(values[0], str) else None
        ends = parse_options([f"{key}={match[1]},{match[2]}"], "--set")[key] if match else ()
        if not ends or not all(isinstance(end, (int, float)) for end in ends):
            space[key] = values
            continue
        low, high = ends
        if low >= high or (match[3] and low <= 0):
            raise ConfigError(f"--set {key}={values[0]}: LOW:HIGH needs LOW < HIGH, and with :log also 0 < LOW")
        space[key] = (low, high, bool(match[3]))
    return space


class Search:
    """Lets Optuna choose settings; what it has learnt lies in a file, so that a later call goes on.

    Args:
        file: An SQLite file.
        make: Config and values -> setting.
        configs: Config files; several are one more choice.
        space: As :func:`parse_space` gives it.
        trials: How many settings in all, former calls included.
        metric: Name of the result to maximise; ``None`` takes the first that there is.
        seeds: Of every setting. Another choice of these, or another config, starts another study in the file.

    Raises:
        DependencyError: Optuna is not installed.
        ConfigError: A key or value does not fit one of the configs.
    """

    def __init__(
        self,
        file: Path,
        make: Callable[[str, Mapping[str, Any]], Setting],
        configs: Sequence[str],
        space: Mapping[str, Any],
        trials: int,
        metric: Optional[str],
        seeds: Sequence[int],
    ) -> None:
        self._optuna = optuna = optional("optuna", "--search optuna")
        if not space and len(configs) < 2:
            raise ConfigError("--search: there is nothing to choose; give --set KEY=V1,V2 or --set KEY=LOW:HIGH")
        self._make, self._configs, self.metric = make, list(configs), metric
        of = optuna.distributions
        self._choices: dict[str, dict[str, Any]] = {}
        self._distributions: dict[str, Any] = {}
        if len(configs) > 1:
            self._distributions[_CONFIG] = of.CategoricalDistribution(self._configs)
        for key, values in space.items():
            if isinstance(values, tuple):
                low, high, log = values
                whole = isinstance(low, int) and isinstance(high, int)
                kind = of.IntDistribution if whole else of.FloatDistribution
                self._distributions[key] = kind(low, high, log=log)
            else:  # Optuna stores plain values only
                self._choices[key] = {str(value): value for value in values}
                self._distributions[key] = of.CategoricalDistribution(list(self._choices[key]))
        ends = {key: values[:2] if isinstance(values, tuple) else values for key, values in space.items()}
        signatures = []
        for config in configs:
            for i in range(max(map(len, ends.values()), default=1)):  # each value once, not all combinations
                values = {key: one[min(i, len(one) - 1)] for key, one in ends.items()}
                setting = make(config, values)
                signatures.append([setting.signature, setting.protocols])
        self._name = _digest([signatures, repr(space), metric, list(seeds)])
        self._file, self._trials = file, trials
        self._open: dict[Setting, Any] = {}
        self.failures: dict[str, str] = {}

    def start(self) -> int:
        """Open the study and queue again what was interrupted: how many settings :meth:`settings` gives."""
        optuna = self._optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = study = optuna.create_study(
            study_name=self._name, storage=f"sqlite:///{self._file}", direction="maximize", load_if_exists=True
        )
        state = optuna.trial.TrialState
        for trial in study.get_trials(states=[state.RUNNING]):
            study.enqueue_trial(trial.params)
            study.tell(trial.number, state=state.FAIL)
        self._former = study.get_trials(states=[state.COMPLETE])
        # a seed that is the same in each call would give the same trials again
        study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), constant_liar=True)
        return max(self._trials, len(self._former))

    def settings(self) -> Iterator[Setting]:
        """What former calls have run, for the table, and then one setting at a time, chosen by the results so far."""
        for trial in self._former:
            yield self._setting(trial)
        for _ in range(self._trials - len(self._former)):
            trial = self._study.ask(self._distributions)
            try:
                setting = self._setting(trial)
            except MMSyncError as error:  # each value fits by itself, but not together
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
                self.failures[f"trial {trial.number}"] = str(error)
                continue
            self._open[setting] = trial
            yield setting

    def _setting(self, trial: Any) -> Setting:
        values = {key: self._choices.get(key, {}).get(value, value) for key, value in trial.params.items()}
        return self._make(values.pop(_CONFIG, self._configs[0]), values)

    def tell(self, setting: Setting, row: Mapping[str, Any]) -> None:
        """Report the results of a setting.

        Raises:
            ConfigError: There is no such metric among them.
        """
        trial, metrics = self._open.pop(setting, None), row["metrics"]
        if trial is None:  # of a former call
            return
        if row["failed"]:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return
        self.metric = self.metric or next(iter(metrics), None)
        if self.metric not in metrics:
            hint = did_you_mean(nearest(str(self.metric), metrics))
            raise ConfigError(
                f"--metric {self.metric}: is no result{hint or '.'} There are: {', '.join(metrics) or 'none'}"
            )
        self._study.tell(trial, metrics[self.metric]["mean"])


_CONFIG = "<config>"  # no key of a config


# ------------------------------------------------------------------------------------------------ the sweep


@dataclass
class Sweep:
    """Runs settings with seeds, and gathers the table.

    Args:
        work_dir: Folder of all: ``<config>-<signature>/seed_<n>/`` of the runs, ``results.json`` and ``table.md``.
        tools: The folder of ``train.py`` and the other tools.
        seeds: Of every setting.
        protocols: Name -> what ``tools/benchmark.py`` knows it by.
    """

    work_dir: Path
    tools: Path
    seeds: Sequence[int]
    protocols: Mapping[str, str] = field(default_factory=dict)
    outcomes: dict[Setting, dict[int, Union[dict[str, float], Exception]]] = field(default_factory=dict, init=False)
    failures: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.work_dir = Path(self.work_dir).expanduser().absolute()
        if len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(f"--seeds {' '.join(map(str, self.seeds))}: a seed comes twice")

    def jobs(self, setting: Setting) -> list[Job]:
        """A setting with each seed."""
        folder = self.work_dir / setting.folder
        return [Job(setting, seed, folder / f"seed_{seed}", self.tools) for seed in self.seeds]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other sweep writes to the folder inside this block.

        Raises:
            ConfigError: One does, or the folder cannot be written.
        """
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.work_dir / ".lock"))
            except BlockingIOError as error:
                raise ConfigError(
                    f"another sweep runs in {self.work_dir}; wait for it, or give another --work-dir"
                ) from error
            except OSError as error:
                raise ConfigError(f"--work-dir {self.work_dir}: cannot be written: {error}") from error
            yield

    def run(
        self,
        pool: Union[LocalPool, SlurmPool],
        settings: Iterable[Setting],
        count: int,
        told: Optional[Callable[[Setting, dict[str, Any]], None]] = None,
    ) -> None:
        """Run settings as far as they have no result yet; a failure does not stop the others.

        Args:
            pool: Where.
            settings: What; the next one is only taken when there is room to run it.
            count: How many they are, for the progress bar.
            told: Called with each setting and its row when all its seeds have come to an end.
        """
        remaining, queue = iter(settings), deque()
        running: list[tuple[Any, Job]] = []
        with tqdm(total=count * len(self.seeds), unit="run", desc="sweep", disable=None, dynamic_ncols=True) as bar:
            try:
                while True:
                    while len(running) < pool.jobs:
                        if not queue:
                            setting = next(remaining, None)
                            if setting is None:
                                break
                            self.outcomes[setting] = {}
                            queue.extend(self.jobs(setting))
                        job = queue.popleft()
                        running.append((pool.submit(job, self.protocols), job))
                    if not running:
                        break
                    done = [pair for pair in running if pair[0].done()]
                    running = [pair for pair in running if pair not in done]
                    for handle, job in done:
                        group = self.outcomes[job.setting]
                        try:
                            group[job.seed] = handle.result()
                            shown = self._shown(group[job.seed])
                            said = "  ".join(f"{key} {value:.2f}" for key, value in shown.items())
                        except Exception as error:  # also what a cluster raises for a job that it lost
                            group[job.seed] = error
                            self.failures[str(job)] = str(error)
                            said = f"FAILED: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
                        bar.write(f"{job}: {said}", file=sys.stdout)
                        if told is not None and len(group) == len(self.seeds):
                            told(job.setting, self._row(job.setting, group))
                        bar.update()
                        bar.set_postfix(failed=len(self.failures), refresh=False)
                    if not done:
                        time.sleep(0.1)
            finally:
                pool.close()

    def _shown(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Results for the eyes: of the protocols, if there are any."""
        return {name: value for name, value in metrics.items() if not self.protocols or name in self.protocols}

    def _row(self, setting: Setting, outcomes: Mapping[int, Union[dict[str, float], Exception]]) -> dict[str, Any]:
        results = {seed: one for seed, one in sorted(outcomes.items()) if isinstance(one, dict)}
        names = dict.fromkeys(name for one in results.values() for name in one)
        of = {name: {seed: one[name] for seed, one in results.items() if name in one} for name in names}
        return dict(
            config=setting.config,
            settings=dict(setting.values),
            folder=setting.folder,
            seeds=list(results),
            failed=sorted(set(outcomes) - set(results)),
            metrics={name: {**spread(list(values.values())), "values": values} for name, values in of.items()},
        )

    def write(self, best: Optional[str] = None) -> str:
        """Write ``results.json`` and ``table.md``.

        Args:
            best: Name of a result; its highest value comes first. ``None`` keeps the order of the settings.

        Returns:
            The table in aligned columns; empty, and nothing is written, before the first run has come to an end.
        """
        done = {setting.signature: self._row(setting, group) for setting, group in self.outcomes.items() if group}
        rows = list(done.values())
        if not rows:
            return ""
        if best is not None:
            rows.sort(key=lambda row: -row["metrics"].get(best, {"mean": float("-inf")})["mean"])
        write_json(self.work_dir / "results.json", rows)
        cells = table_cells(rows, self._shown)
        (self.work_dir / "table.md").write_text(markdown_cells(cells), encoding="utf-8")
        return plain_cells(cells)


def table_cells(
    rows: Sequence[Mapping[str, Any]], shown: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> list[tuple[str, ...]]:
    """The cells of the table, header first: what differs between rows, results, and how many seeds they are of.

    Args:
        rows: Rows of a sweep.
        shown: Leaves those of a row's results that become columns.
    """
    stems = {row["config"]: Path(row["config"]).stem for row in rows}
    if len(set(stems.values())) < len(stems):
        stems = {config: config for config in stems}
    keys = dict.fromkeys(key for row in rows for key in row["settings"])
    keys = [key for key in keys if len({repr(row["settings"].get(key)) for row in rows}) > 1]
    names = list(dict.fromkeys(name for row in rows for name in shown(row["metrics"])))
    name_config = len(stems) > 1 or not keys
    cells = [(*(("config",) if name_config else ()), *keys, *names, "seeds")]
    for row in rows:
        head = (stems[row["config"]],) if name_config else ()
        values = [_text(row["settings"][key]) if key in row["settings"] else "-" for key in keys]
        results = [value_text(row["metrics"][name]) if name in row["metrics"] else "-" for name in names]
        seeds = f"{len(row['seeds'])}" + (f" ({len(row['failed'])} failed)" if row["failed"] else "")
        cells.append((*head, *values, *results, seeds))
    return cells


def load_protocols(names: Sequence[str], folder: Path) -> tuple[list[Protocol], dict[str, str]]:
    """The protocols, and what ``tools/benchmark.py`` knows each by.

    Args:
        names: Names of shipped protocols, or files.
        folder: The shipped protocols.
    """
    protocols = {name: load_protocol(name, folder) for name in names}
    return list(protocols.values()), {protocol.name: name for name, protocol in protocols.items()}
