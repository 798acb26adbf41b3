"""Floors of one's own data: what raw coordinates and encoders without training reach, in one table.

    python tools/floors.py configs/default/default_store.py --cfg-options root=data/mine
    python tools/floors.py work_dirs/default_store/iter_500.pth

Rows are raw coordinates, prepared in the way that suits the training clips best; the encoder of the config as it is
initialized; motion-s without training on these clips; and, of a checkpoint, the trained encoder. Columns are accuracies
of test clips in percent with 95 % intervals of a bootstrap. A last sentence says what the numbers mean. OUT gets
floors.csv and floors.md.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from mmsync.apis.cli import KeyValue, add_other_input, add_trust, device, run_tool
from mmsync.errors import ConfigError, DataError, MMSyncError, ProtocolError
from mmsync.fileio import CONFIGS, config_path, write_text

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmsync.evaluation.functional import Scores
    from mmsync.protocols import Protocol
    from mmsync.sweep.summary import Result

PROTOCOLS = CONFIGS / "benchmarks"
COLUMNS = {"retrieval": "1-NN", "knn5": "5-NN", "linear_mamp": "linear", "logistic": "logistic"}  # by protocol
RAW, UNTRAINED, BOX, TRAINED = "raw coordinates", "untrained encoder", "motion-s", "trained encoder"


def parse_args(args: Optional[list[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="CONFIG_OR_CHECKPOINT", help="a config, or a checkpoint of a pretraining")
    parser.add_argument("--config", help="config of the checkpoint, where it holds none, or with other data")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, default={}, metavar="KEY=VALUE", help="settings")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="of the untrained encoder (default: 0 1)")
    parser.add_argument("--out", type=Path, help="folder of both files (default: one in work_dirs/floors)")
    parser.add_argument("--device", help="where features and probes are computed (default: a GPU, if there is one)")
    add_trust(parser)
    add_other_input(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(args)


@dataclass
class Floors:
    """Results on the test data of a config, and notes on what is missing."""

    cfg: Config
    device: str
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from mmengine.config import Config

        from mmsync.protocols import load_protocol
        from mmsync.protocols.protocol import build_test_data

        # the clips are read for coordinates only, never packed
        cfg = Config(self.cfg.to_dict())
        (cfg.get("test_dataloader") or cfg.get("val_dataloader") or {}).get("dataset", {}).pop("cache", None)
        self.dataset = build_test_data(cfg, "SkeletonDataset")
        self.protocols = [load_protocol(name, PROTOCOLS) for name in COLUMNS]
        self.sizes = sizes(self.dataset)
        if (count := self.sizes["test clips"]) < 50:
            self.notes.append(
                f"{count} test clips are few: their intervals are too narrow, most of all near 0 and 100 %"
            )
        bank, query = (set(self.dataset.labels[self.of(role)].tolist()) for role in ("bank", "query"))
        if new := query - bank:
            names = self.dataset.metainfo.get("classes") or [str(label) for label in range(max(new) + 1)]
            some = ", ".join(str(names[label]) for label in sorted(new)[:5])
            self.notes.append(f"{len(new)} classes have test clips, but no training clip, and cannot be right: {some}")

    def of(self, role: str) -> np.ndarray:
        """The labeled samples of a role."""
        return (np.array(self.dataset.roles, dtype=object) == role) & (self.dataset.labels >= 0)

    def raw(self) -> None:
        """Raw coordinates."""
        from mmsync.protocols.floors import raw_floor
        from mmsync.protocols.runs import judge
        from mmsync.registry import METRICS

        table, best, found = raw_floor(self.dataset)
        self.notes.append(f"{RAW}: {best} ({found[str(best)]:.1f} % of the training clips, each left out in turn)")
        cfgs = self.cfgs(self.cfg)

        def run(protocol: Protocol) -> Any:
            metric = METRICS.build({**cfgs[protocol.name].test_evaluator, "device": self.device})
            return judge(metric, protocol, 0, table, self.dataset.metainfo.get("classes"))

        self.add(RAW, 0, run)

    def encoder(self, row: str, cfg: Config, weights: Optional[str], seed: int = 0, **more: Any) -> None:
        """An encoder as it is initialized, or with weights."""
        from mmengine.runner import set_random_seed

        from mmsync.protocols.runs import Prober

        prober = Prober(self.cfgs(cfg), weights, device=self.device, **{"folds": (), **more})

        def run(protocol: Protocol) -> Any:
            set_random_seed(seed)
            return prober.run(protocol, 0)

        self.add(row, seed, run)

    def motion_s(self) -> Config:
        """The config with the model in the box."""
        from mmengine.config import Config

        from mmsync.config.load import config_within
        from mmsync.engine.checkpoint import read_checkpoint

        model = config_within(read_checkpoint(BOX), BOX).model.to_dict()
        coords = self.dataset.metainfo.get("num_coords", self.dataset.source.num_coords)
        facts = dict(layout=asdict(self.dataset.layout), num_coords=coords)
        model["data_preprocessor"].update(views=None, programs=0, **facts)
        return Config({**self.cfg.to_dict(), "model": model})

    def cfgs(self, cfg: Config) -> dict[str, Config]:
        from mmsync.protocols import lay_over

        return {protocol.name: lay_over(cfg, protocol) for protocol in self.protocols}

    def add(self, row: str, seed: int, run: Callable[[Protocol], Any]) -> None:
        """Run all protocols; what does not apply to the data is a note."""
        from mmsync.sweep.summary import Result

        scores: dict[str, Scores] = {}
        for protocol in self.protocols:
            try:
                scores[protocol.name] = run(protocol).scores
            except ProtocolError as error:
                self.notes.append(f"{row}, {COLUMNS[protocol.name]}: {str(error).splitlines()[0]}")
        if scores:
            self.results.append(Result("", "", row, seed, scores))


def sizes(dataset: Any) -> dict[str, int]:
    """Numbers of labeled clips and of classes; raises ``DataError`` where there is nothing to compare with."""
    roles, labels = np.array(dataset.roles, dtype=object), dataset.labels
    found = {f"{name} clips": int(((roles == role) & (labels >= 0)).sum()) for role, name in ROLES.items()}
    if missing := [name for name, count in found.items() if not count]:
        text = f"none of the {' and '.join(missing)} has a label, and floors are accuracies of labels"
        raise DataError(
            f"{text}; without labels, tools/benchmarks/label_free.py compares checkpoints (docs/choosing.md)"
        )
    classes = len(np.unique(labels[labels >= 0]))
    if classes == 1:
        raise DataError("all labeled clips are of one class; floors compare at least two")
    return {**found, "classes": classes}


ROLES = {"bank": "training", "query": "test"}


def gains(owns: Sequence[Result], bases: Sequence[Result], protocol: str) -> Optional[tuple[float, float, float]]:
    """By how many points a row is above another one: mean and paired interval over test clips and seeds."""
    from mmsync.evaluation.functional.verification import mean_interval

    found = [one.scores.get(protocol) for one in (*owns, *bases)]
    if None in found:
        return None
    right = [100.0 * (scores.logits.argmax(1) == scores.labels) for scores in found]
    pairs = [own - base for own in right[: len(owns)] for base in right[len(owns) :]]
    return (float(np.mean(pairs)), *mean_interval(np.stack(pairs), np.array(found[0].names)))


def compared(results: Sequence[Result], row: str, base: str) -> str:
    """Whether a row is above another one, in words."""
    owns, bases = ([one for one in results if one.row == name] for name in (row, base))
    found = {name: gain for key, name in COLUMNS.items() if (gain := gains(owns, bases, key))}
    above = {name: mean for name, (mean, low, _) in found.items() if low > 0}
    below = {name: mean for name, (mean, _, high) in found.items() if high < 0}
    texts = []
    for word, own in (("above", above), ("below", below)):
        if len(own) == len(found):
            low, high = min(own.values(), key=abs), max(own.values(), key=abs)
            return f"{word} {the(base)} in every column ({low:+.1f} to {high:+.1f} points)"
        places = listed([f"{name} ({gain:+.1f})" for name, gain in own.items()])
        texts += [f"{word} {the(base)} in {places}"] if own else []
    if not texts:
        return f"not above {the(base)} in any column"
    equal = [name for name in found if name not in {**above, **below}]
    return " and ".join(texts) + (f", no different in {listed(equal)}" if equal else "")


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def the(row: str) -> str:
    """A row with its article."""
    return f"the {row}" if row.endswith("encoder") else row


def capital(text: str) -> str:
    """A text as the beginning of a sentence; names of models stay."""
    return text[0].upper() + text[1:] if text.startswith("the ") else text


def sentence(results: Sequence[Result], rows: Sequence[Mapping[str, Any]]) -> str:
    """What the numbers mean, in plain words."""
    subject, floors = rows[-1]["row"], [row["row"] for row in rows[:-1]]
    text = "; ".join(compared(results, subject, floor) for floor in floors)
    if not floors or subject == TRAINED:
        return f"{capital(the(subject))} is {text}." if floors else f"Only {subject} could be measured."
    best: dict[str, list[str]] = {}
    for key, name in COLUMNS.items():
        found = [(row["accuracy"][key]["mean"], row["row"]) for row in rows if key in row["accuracy"]]
        if found:
            best.setdefault(max(found, key=lambda one: one[0])[1], []).append(name)
    bars = [f"{the(row)} in {listed(names)}" for row, names in best.items()]
    bar = the(next(iter(best))) if len(best) == 1 else listed(bars)
    return f"{capital(the(subject))} is {text}; a training pays only if it passes {bar}."


def cells(rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> list[tuple[str, ...]]:
    """The table, header first."""
    texts = [
        [f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]" if one else "-"
         for one in map(row["accuracy"].get, COLUMNS)]
        for row in rows
    ]  # fmt: skip
    counts = list(map(str, sizes.values()))
    return [("row", *COLUMNS.values(), *sizes), *((row["row"], *text, *counts) for row, text in zip(rows, texts))]


def csv_text(rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> str:
    """A line for each row: accuracy and both ends of its interval by column, the counts and the seeds."""
    file = io.StringIO()
    ends = [f"{name}{end}" for name in COLUMNS.values() for end in ("", " low", " high")]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["row", *ends, *sizes, "seeds"])
    for row in rows:
        found = [row["accuracy"].get(key, {}).get(end) for key in COLUMNS for end in ("mean", "low", "high")]
        numbers = ["" if value is None else f"{value:.2f}" for value in found]
        writer.writerow([row["row"], *numbers, *sizes.values(), " ".join(map(str, row["seeds"]))])
    return file.getvalue()


def config(args: argparse.Namespace) -> tuple[Config, Optional[dict[str, Any]]]:
    """The checked config, and what a checkpoint holds."""
    from mmsync.config import check, load
    from mmsync.config.inputs import check_input, input_record
    from mmsync.engine.checkpoint import read_checkpoint
    from mmsync.protocols.protocol import config_of

    source = config_path(args.source)
    if source.is_dir():
        if (source / "meta.json").is_file():
            store = f"configs/default/default_store.py --cfg-options root={source}"
            raise ConfigError(f"{source} is a store; give a config or a checkpoint, for this store {store}")
        raise ConfigError(f"{source} is a folder; give a config or a checkpoint file")
    content = None
    if source.suffix == ".py":
        if args.config:
            raise ConfigError(f"{source} is a config already; --config is for a checkpoint")
        cfg = load(source, args.cfg_options)
    else:
        cfg = config_of(args.source, args.config, args.cfg_options, args.trust_checkpoint)
        content = read_checkpoint(args.source, trust=args.trust_checkpoint)
        check_input(content.get("meta"), input_record(cfg), args.source, ("test",), allow=args.other_input)
    check(cfg, files=True)
    return cfg, content


def measure(args: argparse.Namespace) -> Floors:
    """All rows."""
    from mmengine.config import Config

    from mmsync.engine.folds import trained_folds
    from mmsync.protocols.floors import start_of

    cfg, content = config(args)
    floors = Floors(cfg, device(args.device))
    print(f"measuring {RAW} ...", flush=True)
    floors.raw()
    plain = Config(start_of(cfg.to_dict())[0])
    rows: list[tuple[str, Callable[[], None]]] = [
        (f"{UNTRAINED}, seed {seed}", lambda seed=seed: floors.encoder(UNTRAINED, plain, None, seed))
        for seed in args.seeds
    ]
    if args.source != BOX:
        rows.append((BOX, lambda: floors.encoder(BOX, floors.motion_s(), BOX)))
    for row, run in rows:
        print(f"measuring {row} ...", flush=True)
        try:
            run()
        except MMSyncError as error:
            floors.notes.append(f"{row}: {str(error).splitlines()[0]}")
    if content is not None:
        more = dict(folds=trained_folds(content), trust=args.trust_checkpoint)
        print(f"measuring {TRAINED} ...", flush=True)
        floors.encoder(TRAINED, cfg, args.source, **more)
    return floors


def main(args: argparse.Namespace) -> None:
    from mmengine.logging import MMLogger

    from mmsync.config import run_name
    from mmsync.protocols.tables import markdown_cells, plain_cells
    from mmsync.sweep.summary import summary

    if min(args.seeds) < 0:
        raise ConfigError(f"--seeds {' '.join(map(str, args.seeds))}: must be 0 or more")
    MMLogger.get_current_instance().setLevel("WARNING")  # a table says it all
    source = config_path(args.source)
    floors = measure(args)
    run = run_name(floors.cfg) if source.suffix == ".py" else f"{source.resolve().parent.name}_{source.stem}"
    if root := args.cfg_options.get("root"):
        run += f"_{Path(root).resolve().name}"
    out = args.out or Path("work_dirs", "floors", run)
    rows = summary(floors.results)
    table, text = cells(rows, floors.sizes), sentence(floors.results, rows)
    notes = "\n".join(f"- {note}" for note in dict.fromkeys(floors.notes))
    write_text(out / "floors.csv", csv_text(rows, floors.sizes))
    write_text(out / "floors.md", f"{markdown_cells(table)}\n{text}\n\n{notes}\n")
    print(f"\naccuracy of test clips in percent, with 95 % intervals over clips\n\n{plain_cells(table)}\n\n{text}\n")
    print(f"{notes}\n\nresults      {out / 'floors.csv'}, floors.md")


if __name__ == "__main__":
    run_tool(main, parse_args())
