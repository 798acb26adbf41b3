"""Runs of a sweep and their table of results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from tqdm import tqdm

from mmsync.errors import ConfigError
from mmsync.protocols.benchmark import markdown_cells, plain_cells, spread, value_text, write_json
from mmsync.sweep.jobs import Job
from mmsync.sweep.pools import LocalPool, SlurmPool
from mmsync.sweep.processes import locked
from mmsync.sweep.settings import Setting, brief


@dataclass
class Sweep:
    """Runs settings with several seeds and collects a table of results.

    Args:
        work_dir: Folder of the sweep: runs in ``<config>-<signature>/seed_<n>/``, ``results.json`` and ``table.md``.
        tools: Folder of ``train.py`` and the other tools.
        seeds: Seeds of every setting.
        protocols: Name of each protocol -> its argument for ``tools/benchmark.py``.
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
            raise ConfigError(f"--seeds {' '.join(map(str, self.seeds))}: a seed is given twice")
        if min(self.seeds, default=0) < 0:
            raise ConfigError(f"--seeds {min(self.seeds)}: must be 0 or more")

    def jobs(self, setting: Setting) -> list[Job]:
        """Jobs of a setting, one per seed."""
        folder = self.work_dir / setting.folder
        return [Job(setting, seed, folder / f"seed_{seed}", self.tools) for seed in self.seeds]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other sweeps out of the work dir inside this block.

        Raises:
            ConfigError: Another sweep is running there, or the folder is not writable.
        """
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.work_dir / ".lock"))
            except BlockingIOError as error:
                raise ConfigError(
                    f"another sweep runs in {self.work_dir}; wait for it, or use another --work-dir"
                ) from error
            except OSError as error:
                raise ConfigError(f"--work-dir {self.work_dir}: cannot be written: {error}") from error
            yield

    def run(
        self,
        pool: Union[LocalPool, SlurmPool],
        settings: Iterable[Setting],
        count: int,
        on_finished: Optional[Callable[[Setting, dict[str, Any]], None]] = None,
    ) -> None:
        """Run settings that have no result yet; a failure does not stop the others.

        Args:
            pool: Executes the jobs.
            settings: The settings; each is requested only when the pool can start it.
            count: Number of settings, for the progress bar.
            on_finished: Called with a setting and its row when all its seeds have finished or failed.
        """
        jobs = (job for setting in settings for job in self.jobs(setting))
        running: list[tuple[Any, Job]] = []
        with tqdm(total=count * len(self.seeds), unit="run", desc="sweep", disable=None, dynamic_ncols=True) as bar:
            try:
                while True:
                    while len(running) < pool.jobs and (job := next(jobs, None)) is not None:
                        self.outcomes.setdefault(job.setting, {})
                        running.append((pool.submit(job, self.protocols), job))
                    if not running:
                        break
                    done = [pair for pair in running if pair[0].done()]
                    running = [pair for pair in running if pair not in done]
                    for handle, job in done:
                        bar.write(f"{job}: {self._collect(handle, job)}", file=sys.stdout)
                        group = self.outcomes[job.setting]
                        if on_finished is not None and len(group) == len(self.seeds):
                            on_finished(job.setting, self._row(job.setting, group))
                        bar.update()
                        bar.set_postfix(failed=len(self.failures), refresh=False)
                    if not done:
                        time.sleep(0.1)
            finally:
                pool.close()

    def _collect(self, handle: Any, job: Job) -> str:
        """Store the outcome of a job that has ended; return its text for the console."""
        group = self.outcomes[job.setting]
        try:
            group[job.seed] = result = handle.result()
            return "  ".join(f"{key} {value:.2f}" for key, value in self._shown(result).items())
        except Exception as error:  # includes errors of a cluster that lost a job
            group[job.seed] = error
            self.failures[str(job)] = str(error)
            return f"FAILED: {str(error).splitlines()[0] if str(error) else type(error).__name__}"

    def _shown(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Results to display: those of the protocols, if there are any."""
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
            best: Result to sort by, highest first; ``None`` keeps the order of the settings.

        Returns:
            The table in aligned columns; empty, without writing files, if no run has ended.
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
    """Cells of the table, header first: settings that differ between rows, results, and number of seeds.

    Args:
        rows: Rows of a sweep.
        shown: Selects the results that become columns.
    """
    stems = {row["config"]: Path(row["config"]).stem for row in rows}
    if len(set(stems.values())) < len(stems):
        stems = {config: config for config in stems}
    every = dict.fromkeys(key for row in rows for key in row["settings"])
    keys = [key for key in every if len({repr(row["settings"].get(key)) for row in rows}) > 1]
    names = list(dict.fromkeys(name for row in rows for name in shown(row["metrics"])))
    name_config = len(stems) > 1 or not keys
    cells = [(*(("config",) if name_config else ()), *keys, *names, "seeds")]
    for row in rows:
        head = (stems[row["config"]],) if name_config else ()
        values = [brief(row["settings"][key]) if key in row["settings"] else "-" for key in keys]
        results = [value_text(row["metrics"][name]) if name in row["metrics"] else "-" for name in names]
        seeds = f"{len(row['seeds'])}" + (f" ({len(row['failed'])} failed)" if row["failed"] else "")
        cells.append((*head, *values, *results, seeds))
    return cells
