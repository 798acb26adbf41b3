"""Train methods on small sets for equal CPU time, beside floors, and write one table and one picture.

    python tools/benchmarks/suite.py OUT
    python tools/benchmarks/suite.py OUT --methods configs/aimclr/aimclr_stgcn_ucla_xview.py --sets ucla sbu --jobs 2
    python tools/benchmarks/suite.py OUT --sets data/mine  # one's own clips: a store with splits train and test

A method is a config; its data are exchanged for those of each set, its model, views and schedule are kept. Rows to
compare with: raw coordinates, the encoder before training, and plain SimCLR. The same command continues an interrupted
suite, and repeats failed runs. OUT has table.md, results.json, picture.png, and a folder for each run.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.config.places import RUNNER_KEYS
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import read_checkpoint
from mmsync.errors import ConfigError, DataError, MMSyncError, did_you_mean, nearest
from mmsync.evaluation.functional import Scores, load_scores
from mmsync.fileio import data_path, write_text
from mmsync.protocols import Protocol, lay_over
from mmsync.protocols.floors import raw_floor, start_of
from mmsync.protocols.runs import Prober, judge
from mmsync.protocols.tables import digest, markdown_cells, read_json, write_json
from mmsync.registry import DATASETS, METRICS, MODELS
from mmsync.sweep import LocalPool, Sweep, exchange, load_protocols, make_setting, read_part, shortened
from mmsync.sweep.jobs import Job
from mmsync.sweep.settings import Setting
from mmsync.sweep.summary import Result, draw_summary, mean_ranks, summary, summary_cells

ROOT = Path(__file__).resolve().parents[2]
TOOLS, PROTOCOLS, DATA = ROOT / "tools", ROOT / "configs" / "benchmarks", ROOT / "configs" / "_base_" / "datasets"
SIMCLR = ROOT / "configs" / "simclr" / "simclr_stgcn_ucla_xview.py"
SETS: dict[str, tuple[str, list[dict[str, Any]]]] = {  # name -> file, and the variables of each of its folds
    "ucla": ("ucla.py", [{}]),
    "sbu": ("sbu_clips.py", [dict(fold=fold) for fold in (1, 2, 3)]),
    "utd_mhad": ("utd_mhad.py", [{}]),
    "msr_action3d": ("msr_action3d.py", [{}]),
    "jhmdb": ("jhmdb_ddnet.py", [dict(split=split) for split in ("split1", "split2", "split3")]),
    "msr_as": ("msr_action3d.py", [dict(split=split) for split in ("as1", "as2", "as3")]),
    "synthetic": ("synthetic.py", [{}]),
}
REAL = list(SETS)[:5]
PROBES = ["retrieval", "knn5", "linear_mamp", "logistic"]
CALIBRATION = 1500  # clips, at least, of the epochs that are timed


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the runs, the table and the picture")
    parser.add_argument("--methods", nargs="+", default=[], metavar="CONFIG", help="configs; plain SimCLR is added")
    known = f"{', '.join(SETS)}, or a fold such as sbu_1, config files of data, folders of stores"
    parser.add_argument("--sets", nargs="+", default=REAL, metavar="NAME", help=f"{known} (default: the real ones)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="of each training (default: 0 1)")
    parser.add_argument("--minutes", type=float, default=10, help="CPU time of each training (default: 10)")
    parser.add_argument("--protocols", nargs="+", default=PROBES, metavar="NAME", help="of tools/benchmark.py")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (default: 1)")
    options = "settings of all runs, variables of all methods and sets that have them, or SET.KEY of one set"
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, default={}, metavar="KEY=VALUE", help=options)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


@dataclass
class Part:
    """A set, or a fold of one."""

    group: str  # the set
    name: str
    file: Path  # config of the data
    variables: dict[str, Any]  # of this file
    cfg: dict[str, Any] = field(default_factory=dict)
    dataset: Any = None  # of evaluation

    def open(self, options: Mapping[str, Any]) -> set[str]:
        """Read config and data; returns the names of the options that set variables."""
        own = {key.removeprefix(f"{self.group}."): value for key, value in options.items()}
        self.cfg, used = read_part(self.file, {**own, **self.variables})
        self.dataset = DATASETS.build({**self.cfg["test_dataloader"]["dataset"], "cache": False})
        if (self.dataset.labels < 0).all():
            raise DataError("its clips have no labels")
        return {key for key in options if key.removeprefix(f"{self.group}.") in used}

    def length(self, cfg: Mapping[str, Any]) -> int:
        """Iterations of a pass over its training data."""
        return max(1, len(self.dataset.items("bank")) // cfg["train_dataloader"]["batch_size"])


def parts_of(name: str) -> list[Part]:
    """A fold or the folds of a set, given by the name, a config file of data, or the folder of a store."""
    for group, (file, folds) in SETS.items():
        suffixes = ["" if len(folds) == 1 else f"_{next(iter(fold.values()))}" for fold in folds]
        parts = [Part(group, group + suffix, DATA / file, fold) for suffix, fold in zip(suffixes, folds)]
        if name in (group, *(part.name for part in parts)):
            return parts if name == group else [part for part in parts if part.name == name]
    path = data_path(name)
    if path.suffix == ".py":
        return [Part(path.stem, path.stem, path, {})]
    if not (path / "meta.json").is_file():
        hint = did_you_mean(nearest(name, SETS)) or "."
        raise ConfigError(f"--sets {name}: no such set, config file or store{hint} Sets: {', '.join(SETS)}")
    return parts_of_store(path)


def parts_of_store(path: Path) -> list[Part]:
    """A set for each pair of splits ``NAME_train`` and ``NAME_test`` or ``_val``, or without a name."""
    source = DATASETS.build(dict(type="StoreSource", root=str(path)))
    train = {split[:-5].rstrip("_"): split for split in source.splits if split.endswith("train")}
    test = {re.sub("_?(test|val)$", "", split): split for split in source.splits if re.search("(test|val)$", split)}
    layout = (
        source.layout.name
        if source.layout.name in source.layout.names()
        else dict(asdict(source.layout), _delete_=True)
    )
    persons = max(len(source.load(index)) for index in range(len(source)))
    found = []
    for stem in [stem for stem in train if stem in test]:
        name = f"{path.name}_{stem}" if stem else path.name
        variables = dict(root=str(path), train=train[stem], test=test[stem], layout=layout, persons=persons)
        found.append(Part(name, name, DATA / "store.py", variables))
    if not found:
        have = ", ".join(source.splits) or "none"
        raise ConfigError(
            f"--sets {path}: a store needs splits NAME_train and NAME_test, or train and test; has {have}"
        )
    return found


def row_names(methods: Sequence[str]) -> dict[str, str]:
    """The name of each config without that of the data it was made for, as far as this tells it from the others."""
    stems, data = {method: Path(method).stem for method in methods}, {f.stem.split("_")[0] for f in DATA.glob("*.py")}
    words = {
        method: itertools.takewhile(lambda word: word not in data, stem.split("_")) for method, stem in stems.items()
    }
    short = {method: "_".join(part) or stems[method] for method, part in words.items()}
    names = {method: name if list(short.values()).count(name) == 1 else stems[method] for method, name in short.items()}
    if len(set(names.values())) < len(names):
        raise ConfigError(f"--methods: two configs have the same name, {' '.join(methods)}; rename one")
    return names


def encoder_key(method: Mapping[str, Any]) -> str:
    """What features before training depend on: encoders without projector, and the views of evaluation."""
    model = method["model"]
    names = getattr(MODELS.get(model["type"]), "encoders", ("encoder",))
    encoders = [{key: value for key, value in (model.get(name) or {}).items() if key != "projector"} for name in names]
    return digest([encoders, {**model.get("data_preprocessor", {}), "views": None}])


def kept(
    folder: Path, cfgs: Mapping[str, Config], protocols: Sequence[Protocol], run: Callable[[Protocol], Any]
) -> dict[str, Scores]:
    """Scores by protocol, kept in a folder; ``run(protocol)`` gives what is not there, or is of another config."""
    for protocol in protocols:
        signature, file = digest(cfgs[protocol.name].to_dict()), folder / f"{protocol.name}.npz"
        if read_json(folder / f"{protocol.name}.json", "") != signature or not file.is_file():
            run(protocol).scores.save(file)
            write_json(folder / f"{protocol.name}.json", signature)
    return {protocol.name: load_scores(folder / f"{protocol.name}.npz") for protocol in protocols}


def untrained(
    folder: Path, cfg: dict[str, Any], names: Sequence[str], seed: int, weights: Optional[str]
) -> dict[str, Scores]:
    """Scores of an encoder as it is initialized, or of given weights, maybe in a process of its own."""
    init_default_scope("mmsync")
    protocols, _ = load_protocols(names, PROTOCOLS)
    cfgs = {protocol.name: lay_over(Config(cfg), protocol) for protocol in protocols}
    prober = Prober(cfgs, weights, (), "cpu")

    def run(protocol: Protocol) -> Any:
        set_random_seed(seed)
        return prober.run(protocol, 0)

    return kept(folder, cfgs, protocols, run)


def cpu_seconds(job: Job) -> list[list[float]]:
    """Iterations and seconds of CPU time until the end of each pass over the data of a finished run."""
    content = read_checkpoint(job.folder / job.record()["checkpoint"])
    return content["message_hub"]["runtime_info"]["cpu_seconds"]


class Suite:
    """Methods on the folds whose data are there."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.protocols, self.arguments = load_protocols(args.protocols, PROTOCOLS)
        self.probing = [protocol for protocol in self.protocols if not protocol.trains]
        self.notes: list[str] = []
        self.failures: dict[str, str] = {}
        read = {method: read_part(method, args.cfg_options) for method in args.methods}
        if SIMCLR not in [Path(method).resolve() for method in read]:
            read = {str(SIMCLR): read_part(SIMCLR, args.cfg_options), **read}
        self.methods = {method: values for method, (values, _) in read.items()}
        self.names = row_names(list(self.methods))
        self.parts: dict[str, Part] = {}
        self.skipped: set[str] = set()  # sets without data
        known = {key for _, own in read.values() for key in own} | self._open()
        for key in args.cfg_options:
            if key.split(".")[0] not in {*RUNNER_KEYS, *self.skipped} and key not in known:
                raise ConfigError(f"--cfg-options {key}: no method and no set that is there has such a variable")

    def _open(self) -> set[str]:
        used: set[str] = set()
        for part in [part for name in dict.fromkeys(self.args.sets) for part in parts_of(name)]:
            try:
                used |= part.open(self.args.cfg_options)
                self.parts[part.name] = part
            except DataError as error:
                self.notes.append(f"{part.name} is skipped: {str(error).splitlines()[0]}")
                self.skipped.add(part.group)
                print(self.notes[-1], flush=True)
        if not self.parts:
            raise DataError("no set has its data; set MMSYNC_DATA_ROOT to the folder of all data, or see --sets")
        return used

    def settings(
        self, folder: str, epochs: Mapping[tuple[str, str], int], protocols: Sequence[Protocol], checkpoints: int = 4
    ) -> dict:
        """Checked configs of methods on folds that have a number of epochs; what does not fit goes to the failures."""
        found = {}
        for (method, part), number in epochs.items():
            name, own = f"{self.names[method]}_{part}", self.parts[part]
            file = self.args.out / folder / "configs" / f"{name}.py"
            try:
                cfg = exchange(self.methods[method], own.cfg, own.dataset, self.args.cfg_options)
                write_text(file, config_text(shortened(cfg, number, own.length(cfg), checkpoints)))
                found[method, part] = make_setting(str(file), {}, {}, protocols)
            except MMSyncError as error:
                self.failures[name] = str(error)
        return found

    def run(self, folder: str, seeds: Sequence[int], names: Mapping[str, str], settings: dict) -> Sweep:
        """Train and evaluate what has not been."""
        sweep = Sweep(self.args.out / folder, TOOLS, seeds, names)
        with sweep.alone():
            sweep.run(LocalPool(self.args.jobs, gpus=[]), list(settings.values()), len(settings))
        self.failures.update(sweep.failures)
        return sweep

    def calibrate(self, settings: Mapping[tuple[str, str], Setting]) -> dict[tuple[str, str], int]:
        """Epochs that take the CPU time of ``--minutes``, by those of short runs but the first and the last.

        A pass may be longer by what a hook does before a checkpoint, such as to fit a ``Whitening``. That comes on top.
        """
        sweep = self.run("calibration", [0], {}, dict(settings))
        jobs = {key: sweep.jobs(setting)[0] for key, setting in settings.items()}
        times = {key: np.array(cpu_seconds(job))[:, 1] for key, job in jobs.items() if job.record()}
        return {key: max(1, int(60 * self.args.minutes / np.diff(one)[:-1].mean())) for key, one in times.items()}

    def raw(self, part: Part, cfgs: Mapping[str, Config]) -> Result:
        """The floor of raw coordinates; how they are prepared is printed, and kept in ``choice.json``."""
        folder, made = self.args.out / "floors" / part.name / "raw", []

        def run(protocol: Protocol) -> Any:
            if not made:
                made.extend(raw_floor(part.dataset))
                write_json(folder / "choice.json", dict(preparation=str(made[1]), leave_one_out=made[2]))
            metric = METRICS.build({**cfgs[protocol.name].test_evaluator, "device": "cpu"})
            return judge(metric, protocol, 0, made[0], part.dataset.metainfo.get("classes"))

        keys = ("test_dataloader", "test_evaluator")  # the model plays no part
        own = {name: Config({key: cfg[key] for key in keys}) for name, cfg in cfgs.items()}
        scores, choice = kept(folder, own, self.probing, run), read_json(folder / "choice.json", {})
        best = choice["preparation"]
        self.notes.append(
            f"raw, {part.name}: {best} ({choice['leave_one_out'][best]:.1f} % of the bank, each left out)"
        )
        print(self.notes[-1], flush=True)
        return Result(part.group, part.name, "raw", 0, scores)

    def floors(self, settings: Mapping[tuple[str, str], Setting]) -> list[Result]:
        """Raw coordinates of each fold, encoders before training of each seed, and the weights that they build on."""
        results = []
        for part in self.parts.values():
            own = next((one for (_, name), one in settings.items() if name == part.name), None)
            if own is not None:
                results.append(self.raw(part, {p.name: lay_over(Config(own.cfg), p) for p in self.probing}))
        different = {encoder_key(values): method for method, values in reversed(self.methods.items())}
        names, tasks = [protocol.name for protocol in self.probing], []
        for (method, name), setting in settings.items():
            if method in different.values():
                row = "untrained" if len(different) == 1 else f"untrained {self.names[method]}"
                plain, given = start_of(setting.cfg)
                starts = [(row, seed, plain, None) for seed in self.args.seeds]
                starts += [(f"{given[0]} alone", self.args.seeds[0], *given[1:])] if given else []
                for row, seed, cfg, weights in starts:
                    folder = self.args.out / "floors" / name / f"{row.replace(' ', '_')}_{seed}"
                    results.append(Result(self.parts[name].group, name, row, seed, {}))
                    tasks.append((folder, cfg, names, seed, weights))
        if self.args.jobs > 1:
            with ProcessPoolExecutor(self.args.jobs, multiprocessing.get_context("spawn")) as pool:
                found = list(pool.map(untrained, *zip(*tasks)))
        else:
            found = [untrained(*task) for task in tasks]
        for result, scores in zip([one for one in results if one.row != "raw"], found):
            result.scores = scores
        return results

    def trained(self, epochs: Mapping[tuple[str, str], int]) -> list[Result]:
        """Results of the methods on all folds; runs that fail are left out."""
        settings = self.settings("runs", epochs, self.protocols)
        sweep = self.run("runs", self.args.seeds, self.arguments, settings)
        results = []
        for (method, name), setting in settings.items():
            for job in sweep.jobs(setting):
                record = job.record()
                if record and not job.missing(record):
                    seeds = {p.name: (p.seeds or (0,))[0] for p in self.protocols}
                    folder, seconds = job.folder / "benchmark", cpu_seconds(job)
                    scores = {key: load_scores(folder / key / f"seed_{n}" / "scores.npz") for key, n in seeds.items()}
                    cost = len(seconds), seconds[-1][1] / 60
                    results.append(Result(self.parts[name].group, name, self.names[method], job.seed, scores, *cost))
        return results

    def report(self, results: Sequence[Result]) -> None:
        """Write table, values and picture."""
        rows, names, out = summary(results), [protocol.name for protocol in self.protocols], self.args.out
        notes = [
            *self.notes,
            *(f"{name} failed: {' '.join(why.splitlines()[:2])}" for name, why in self.failures.items()),
        ]
        text = markdown_cells(summary_cells(rows, names)) + "".join(f"\n- {note}" for note in notes) + "\n"
        write_text(out / "table.md", text)
        write_json(
            out / "results.json", dict(minutes=self.args.minutes, rows=rows, ranks=mean_ranks(rows), notes=notes)
        )
        draw_summary(rows, names, out / "picture.png")
        print(f"\naccuracy in percent, with 95 % intervals over test clips and seeds\n\n{text}")
        print(f"results      {out / 'results.json'}, table.md, picture.png")


def main(args: argparse.Namespace) -> None:
    for sign in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) == signal.SIG_DFL:
            signal.signal(sign, signal.default_int_handler)  # stops the children as Ctrl-C does
    if args.minutes <= 0 or args.jobs < 1:
        raise ConfigError(f"--minutes {args.minutes:g} --jobs {args.jobs}: must be above 0")
    init_default_scope("mmsync")
    suite = Suite(args)
    os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")  # of all runs: what is equal is CPU time
    torch.set_num_threads(1)
    sizes = {name: len(part.dataset.items("bank")) for name, part in suite.parts.items()}
    short = {
        (method, name): max(3, -(-CALIBRATION // size)) for method in suite.methods for name, size in sizes.items()
    }
    settings = suite.settings("calibration", short, [], checkpoints=1)
    if not settings:
        raise ConfigError("\n  ".join(["no method fits any set:", *(f"{k}: {v}" for k, v in suite.failures.items())]))
    results = suite.floors(settings)
    results += suite.trained(suite.calibrate(settings))
    suite.report(results)
    if suite.failures:
        text = "\n\n".join(f"{name}: {error}" for name, error in suite.failures.items())
        print(f"\n{len(suite.failures)} failed; the same command repeats them\n\n{text}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run_tool(main, parse_args())
