"""Runs of a sweep, their table of results, and the fusion of the scores of streams."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from tqdm import tqdm

from mmsync.errors import ConfigError
from mmsync.evaluation.functional import fuse_streams, judge_scores, load_scores, published_weights
from mmsync.fileio import write_text
from mmsync.protocols.tables import markdown_cells, plain_cells, spread, value_text, write_json
from mmsync.sweep.jobs import Job, locked
from mmsync.sweep.pools import LocalPool, SlurmPool
from mmsync.sweep.settings import Setting, brief


@dataclass
class Sweep:
    """Runs settings with several seeds and collects a table of results."""

    work_dir: Path  # runs in ``<config>-<signature>/seed_<n>/``, ``results.json`` and ``table.md``
    tools: Path  # folder of ``train.py`` and the other tools
    seeds: Sequence[int]  # of every setting
    protocols: Mapping[str, str] = field(default_factory=dict)  # name -> argument for ``tools/benchmark.py``
    fuse: Optional[tuple[str, str]] = None  # axis whose values are streams, and name of the weights of the fusion
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
        """Keep other sweeps out of the work dir, or raise ``ConfigError`` if there is one, or no right to write."""
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.work_dir / ".lock"))
            except BlockingIOError as error:
                raise ConfigError(f"another sweep runs in {self.work_dir}; wait, or use another --work-dir") from error
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
        """Run ``count`` settings, each requested when the pool can start it; a failure does not stop the others."""
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
        group = self.outcomes[job.setting]
        try:
            group[job.seed] = result = handle.result()
            return "  ".join(f"{key} {value:.2f}" for key, value in self._shown(result).items())
        except Exception as error:  # includes errors of a cluster that lost a job
            group[job.seed] = error
            self.failures[str(job)] = str(error)
            return f"FAILED: {str(error).splitlines()[0] if str(error) else type(error).__name__}"

    def _shown(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
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
        """Write ``results.json`` and ``table.md``, by the result ``best`` if given; return the table in columns."""
        done = {setting.signature: self._row(setting, group) for setting, group in self.outcomes.items() if group}
        rows = list(done.values())
        if not rows:
            return ""
        if best is not None:
            rows.sort(key=lambda row: -row["metrics"].get(best, {"mean": float("-inf")})["mean"])
        if self.fuse is not None:
            rows += fused_rows(rows, self.work_dir, *self.fuse, list(self.protocols))
        write_json(self.work_dir / "results.json", rows)
        cells = table_cells(rows, self._shown)
        write_text(self.work_dir / "table.md", markdown_cells(cells))
        return plain_cells(cells)


def table_cells(
    rows: Sequence[Mapping[str, Any]], shown: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> list[tuple[str, ...]]:
    """Cells, header first: settings that differ between rows, the results that ``shown`` selects, number of seeds."""
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


def stream_key(axes: Mapping[str, Sequence[Any]], protocols: Sequence[str], weights: str) -> str:
    """The axis whose values are streams; an error if there is none, no protocol, or other streams in the weights."""
    key = next((key for key in axes if key.rpartition(".")[2] == "stream"), None)
    if key is None or len(axes[key]) < 2 or not protocols:
        raise ConfigError(
            f"--fuse {weights}: fuses the scores of streams; add --set stream=joint,bone --protocols linear"
        )
    published_weights(weights, [str(stream) for stream in axes[key]])
    return key


def fused_rows(
    rows: Sequence[Mapping[str, Any]], work_dir: Path, key: str, weights: str, protocols: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows for the fusion of the streams on axis ``key``, seed by seed, one for each group that differs in no more."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        others = {name: value for name, value in row["settings"].items() if name != key}
        groups.setdefault(repr((row["config"], others)), []).append(row)
    found = []
    for group in groups.values():
        seeds = sorted(set.intersection(*(set(row["seeds"]) for row in group)))
        metrics = {}
        for name in protocols:
            values = {seed: _fused(group, work_dir, key, weights, f"seed_{seed}/benchmark/{name}") for seed in seeds}
            values = {seed: value for seed, value in values.items() if value is not None}
            if values:
                metrics[name] = {**spread(list(values.values())), "values": values}
        if metrics:
            settings = {**group[0]["settings"], key: f"fused ({weights})"}
            found.append(dict(group[0], settings=settings, folder="", seeds=seeds, failed=[], metrics=metrics))
    return found


def _fused(group: Sequence[Mapping[str, Any]], work_dir: Path, key: str, weights: str, folder: str) -> Any:
    """Mean accuracy in percent over the runs of a protocol; None where a stream has no scores."""
    streams = {str(row["settings"][key]): work_dir / row["folder"] / folder for row in group}
    runs = sorted({file.parent.name for path in streams.values() for file in path.glob("*/scores.npz")})
    whole = [run for run in runs if all((path / run / "scores.npz").is_file() for path in streams.values())]
    if len(streams) < 2 or not whole:
        return None
    share = published_weights(weights, list(streams))
    values = []
    for run in whole:
        scores = fuse_streams({name: load_scores(path / run / "scores.npz") for name, path in streams.items()}, share)
        values.append(next(iter(judge_scores(scores).values())))
    return float(np.mean(values))
