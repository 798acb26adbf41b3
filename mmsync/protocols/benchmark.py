"""Runs protocols on a checkpoint, or on every n-th checkpoint of a pretraining, and gathers their results."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Mapping, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from mmsync.config import check, load
from mmsync.config.inputs import check_input, input_record
from mmsync.engine.checkpoint import read_checkpoint, require_checkpoint
from mmsync.engine.folds import trained_folds
from mmsync.errors import ConfigError, DependencyError, MMSyncError, ProtocolError
from mmsync.evaluation.functional import Scores, class_recall, confusion_matrix, save_confusion
from mmsync.fileio import write_text
from mmsync.protocols import tables
from mmsync.protocols.protocol import OF_DATASET, Protocol, apply_options, base_config, lay_over
from mmsync.protocols.runs import Prober, finetune
from mmsync.registry import PROBES
from mmsync.visualization.figures import draw_probe_curves


class Benchmark:
    """Runs protocols on one checkpoint and keeps their results in a folder; finished runs are not repeated."""

    def __init__(
        self,
        checkpoint: Union[str, Path],  # file of the pretraining
        protocols: Sequence[Protocol],  # the protocols to run
        work_dir: Union[str, Path],  # ``<protocol>/seed_<n>/`` and the tables ``results.json``, ``results.md``
        config: Union[str, Path, None] = None,  # file of the config of the pretraining; ``None``: the checkpoint's
        options: Optional[Mapping[str, Any]] = None,  # settings by dotted key
        dataset: Union[str, Path, None] = None,  # config file of a data set to transfer to
        seeds: Optional[Sequence[int]] = None,  # seeds in place of the protocols' own
        device: Optional[str] = None,  # where features and probes are computed; ``None`` for a GPU if there is one
        force: bool = False,  # run again what has a result
        trust: bool = False,  # let the checkpoint run code while it loads
        encoder: Optional[str] = None,  # name of the encoder, of a method with several; ``None`` for the first
        other_input: bool = False,  # accept data of another input than the checkpoint was trained with
    ) -> None:
        self.checkpoint, self.work_dir = str(checkpoint), Path(work_dir)
        self.seeds, self.force, self.trust, self.encoder = seeds, force, trust, encoder
        self.protocols, self.dataset = list(protocols), dataset
        content = read_checkpoint(checkpoint, trust=trust)
        self.epoch = content.get("meta", {}).get("epoch")
        self.digest = sha1(require_checkpoint(checkpoint).read_bytes()).hexdigest()
        base = base_config(content, config, options or {}, self.checkpoint, trust)
        init_default_scope(base.default_scope)
        self.cfgs = self._lay_over(base, dataset, options or {})
        for protocol in self.protocols:
            # data to transfer to have a pipeline of their own
            own = () if dataset or protocol.dataset else ("val",) if protocol.trains else ("test",)
            record = input_record(self.cfgs[protocol.name])
            check_input(content.get("meta"), record, self.checkpoint, own, allow=other_input)
        probes = {p.name: self.cfgs[p.name] for p in self.protocols if not p.trains}
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.prober = Prober(probes, self.checkpoint, trained_folds(content), device, encoder, trust)
        self.failures: dict[str, MMSyncError] = {}  # of the protocols that have no result

    def _lay_over(self, base: Config, dataset: Union[str, Path, None], options: Mapping[str, Any]) -> dict[str, Config]:
        of_dataset = {k.partition(".")[2]: v for k, v in options.items() if k.startswith(f"{OF_DATASET}.")}
        cfgs = {}
        for protocol in self.protocols:
            file = dataset or protocol.dataset
            other = None if file is None else load(file, of_dataset).to_dict()
            cfgs[protocol.name] = lay_over(base, protocol, other, self.encoder)
        self.changes = apply_options(cfgs, options)
        transfers = {protocol.name for protocol in self.protocols if dataset or protocol.dataset}
        for name, cfg in cfgs.items():
            try:
                check(cfg, files=True)
            except ConfigError as error:
                # the variable that sets the folder of all loaders at once is not in the config that is checked
                place = f"{OF_DATASET}.data_root" if name in transfers else "data_root"
                text = re.sub(r"(--cfg-options )\S+\.(data_root|root)=", rf"\g<1>{place}=", str(error))
                raise ConfigError(f"protocol {name}: {text}", error.problems) from error
        return cfgs

    def run(self) -> list[dict[str, Any]]:
        """Run the protocols that have no result yet; return the rows of ``results.json``. See also ``failures``."""
        rows = []
        self.failures = {}
        for protocol in self.protocols:
            try:
                seeds = list(self.seeds or protocol.seeds) if protocol.seeds else [0]  # without, nothing is random
                results = [self._run_seed(protocol, seed) for seed in seeds]
            except MMSyncError as error:
                self.failures[protocol.name] = error
                print_log(f"{protocol.name}: {type(error).__name__}: {error}", logger="current", level=logging.ERROR)
                continue
            rows.append(self._row(protocol, results))
            more = self._others(protocol, results)
            print_log("; ".join([f"{protocol.name}: {tables.value_text(rows[-1])}", *more]), logger="current")
            self._write(rows)
        return rows

    def _run_seed(self, protocol: Protocol, seed: int) -> dict[str, Any]:
        folder = self.work_dir / protocol.name / f"seed_{seed}"
        cfg = copy.deepcopy(self.cfgs[protocol.name])
        content = [self.digest, seed, cfg.to_dict(), *([self.encoder] if self.encoder else [])]
        fingerprint = tables.digest(content)
        file = folder / "result.json"
        former = {} if self.force else tables.read_json(file, {})
        if former.get("fingerprint") == fingerprint and protocol.metric in former.get("metrics", ()):
            print_log(f"{protocol.name}, seed {seed}: finished earlier, {file}", logger="current")
            return former
        folder.mkdir(parents=True, exist_ok=True)
        if protocol.trains:
            outcome = finetune(cfg, self.checkpoint, seed, folder, fingerprint, self.force, self.trust)
        else:
            outcome = self.prober.run(protocol, seed)
        if protocol.metric not in outcome.metrics:
            text = f"protocol.metric={protocol.metric!r}, but the evaluation gives {', '.join(outcome.metrics)}"
            raise ProtocolError(f"{protocol.name}: {text}")
        result: dict[str, Any] = dict(fingerprint=fingerprint, seed=seed, metrics=outcome.metrics)
        if outcome.scores is not None:
            result["class_recall"] = _keep_scores(folder, outcome.scores, outcome.class_names)
        if outcome.curves:
            result["curves"] = outcome.curves
            _draw(outcome.curves, folder / "curves.png", f"{protocol.name} seed {seed}")
        tables.write_json(file, result)
        return result

    def _others(self, protocol: Protocol, results: Sequence[Mapping[str, Any]]) -> list[str]:
        """What the other probes report, means over the seeds, as text."""
        evaluator = self.cfgs[protocol.name].get("test_evaluator")
        probes = (evaluator.get("probes") or {}) if isinstance(evaluator, Mapping) else {}
        keys = [f"{name}/{PROBES.get(probe['type']).headline}" for name, probe in probes.items()]
        found = {key: [result["metrics"].get(key, np.nan) for result in results] for key in keys}
        return [f"{key} {np.mean(values):.4g}" for key, values in found.items() if key != protocol.metric]

    def _row(self, protocol: Protocol, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        values = [result["metrics"][protocol.metric] for result in results]
        cfg = self.cfgs[protocol.name]
        best = [result["metrics"][protocol.best] for result in results] if protocol.best else None
        return dict(
            protocol=protocol.name,
            title=protocol.title_on(tables.data_name(cfg) if self.dataset or protocol.dataset else None),
            changes=self.changes[protocol.name],
            data=tables.describe_data(cfg),
            metric=protocol.metric,
            **tables.spread(values),
            best=None if best is None else float(np.mean(best)),
            epoch_rule="last" if best else "none",
            seeds=[result["seed"] for result in results] if protocol.seeds else [],
            checkpoint=self.checkpoint,
            epoch=self.epoch,
            runs=[{key: result[key] for key in ("seed", "metrics", "curves") if key in result} for result in results],
        )

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Both tables; rows of former calls on the same checkpoint stay."""
        file = self.work_dir / "results.json"
        former = tables.read_json(file, [])
        kept = {row["protocol"]: row for row in former if row["checkpoint"] == self.checkpoint}
        kept.update({row["protocol"]: row for row in rows})
        tables.write_json(file, list(kept.values()))
        write_text(self.work_dir / "results.md", tables.markdown_cells(tables.result_cells(list(kept.values()))))


def benchmark_history(
    checkpoints: Sequence[Path], protocols: Sequence[Protocol], work_dir: Union[str, Path], **options: Any
) -> tuple[list[dict[str, Any]], dict[str, MMSyncError]]:
    """Run protocols on checkpoints in order; return rows whose ``epoch`` is the checkpoint's number, and all errors."""
    work_dir = Path(work_dir)
    rows: list[dict[str, Any]] = []
    failures: dict[str, MMSyncError] = {}
    for file in checkpoints:
        benchmark = Benchmark(file, protocols, work_dir / file.stem, **options)
        number = int(file.stem.rpartition("_")[2])
        rows += [{**row, "epoch": number} for row in benchmark.run()]
        failures.update({f"{file.stem} {name}": error for name, error in benchmark.failures.items()})
        tables.write_json(work_dir / "results.json", rows)
    write_text(work_dir / "results.md", tables.markdown_cells(tables.history_cells(rows)))
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        curves.setdefault(row["protocol"], {})[row["epoch"]] = row["mean"]
    if curves:
        _draw(curves, work_dir / "history.png", work_dir.name)
    return rows, failures


def _draw(curves: Mapping[str, Any], path: Path, name: str) -> None:
    try:
        draw_probe_curves(curves, path, name)
    except DependencyError as error:
        print_log(f"{path} is not drawn: {error}", logger="current", level=logging.WARNING)


def _keep_scores(folder: Path, scores: Scores, names: Optional[Sequence[str]]) -> list[Optional[float]]:
    """Write scores and, of classes, the confusion matrix; the recall of each class, None where it has no clip."""
    scores.save(folder / "scores.npz")
    if scores.logits.shape[1] == 1:  # distances of pairs
        return []
    classes = max(scores.logits.shape[1], int(scores.labels.max()) + 1)
    matrix = confusion_matrix(scores.labels, scores.logits.argmax(axis=1), classes)
    named = list(names) if names is not None and len(names) >= classes else [str(i) for i in range(classes)]
    save_confusion(folder / "confusion.npz", matrix, named[:classes])
    return [None if np.isnan(value) else float(value) for value in class_recall(matrix)]
