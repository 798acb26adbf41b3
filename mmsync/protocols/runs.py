"""Runs one protocol: a probe on features that are extracted once, or a finetuning of the encoder."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from mmengine.config import Config

from mmsync.apis.cli import build_runner
from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.engine.folds import check_folds
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ProtocolError
from mmsync.evaluation.functional import Scores
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.fileio import write_text
from mmsync.protocols.protocol import Protocol
from mmsync.protocols.tables import read_json, write_json
from mmsync.registry import DATASETS, METRICS, MODELS
from mmsync.structures import FeatureTable


class Outcome(NamedTuple):
    """The outcome of one run of a protocol."""

    metrics: dict[str, float]  # results by name
    scores: Optional[Scores]  # those of the classifier whose result is reported
    curves: dict[str, list[float]]  # values after each epoch by name, of a probe that trains
    class_names: Optional[Sequence[str]]


@dataclass
class Prober:
    """Runs probes on the features of a checkpoint, which are extracted once for all that share model and data."""

    cfgs: Mapping[str, Config]  # by the name of the protocol
    checkpoint: Optional[str]  # ``None`` for an encoder as it is initialized
    folds: Sequence[str]  # of the data that it was trained on
    device: str
    encoder: Optional[str] = None  # whose features are judged; ``None`` for the first
    trust: bool = False  # let the checkpoint run code while it loads
    _features: dict[str, tuple[FeatureTable, Optional[Sequence[str]]]] = field(default_factory=dict, init=False)

    def run(self, protocol: Protocol, seed: int) -> Outcome:
        """Run a protocol; the seed is for probes that have one, if the protocol names seeds."""
        metric = self._metric(protocol.name)
        return judge(metric, protocol, seed, *self._features_of(self.cfgs[protocol.name]))

    def _metric(self, name: str) -> FeatureMetric:
        cfg = self.cfgs[name]
        evaluator = cfg.test_evaluator
        metric = METRICS.build({**evaluator, "device": self.device}) if isinstance(evaluator, Mapping) else evaluator
        if not isinstance(metric, FeatureMetric):
            raise ProtocolError(f"{name}: test_evaluator is a {type(metric).__name__}; probes run in a FeatureMetric")
        column = feature_column(MODELS.get(cfg.model.type), self.encoder)
        for probe in metric.probes.values():
            if probe.column == "feature":
                probe.column = column
        return metric

    def _features_of(self, cfg: Config) -> tuple[FeatureTable, Optional[Sequence[str]]]:
        key = _key(cfg)
        if key not in self._features:
            sharing = [name for name, other in self.cfgs.items() if _key(other) == key]
            joints = any("joints" in self._metric(name).columns() for name in sharing)
            loader = MotionRunner.build_dataloader(cfg.test_dataloader.to_dict())
            check_folds(self.folds, [loader.dataset])
            model = init_model(cfg, self.checkpoint, self.device, trust=self.trust, other_input=True)  # checked before
            names = getattr(loader.dataset, "metainfo", {}).get("classes")
            table = extract_features(model, loader, joints=joints, encoder=self.encoder)
            self._features[key] = (table, names)
        return self._features[key]


def judge(
    metric: FeatureMetric, protocol: Protocol, seed: int, table: FeatureTable, names: Optional[Sequence[str]] = None
) -> Outcome:
    """Run the probes of a protocol on features; the seed is for probes that have one, if the protocol names seeds."""
    for probe in metric.probes.values():
        if protocol.seeds and hasattr(probe, "seed"):
            probe.seed = seed
    metric.dataset_meta = {"classes": names}  # results of classes and activities have their names
    metrics = metric.compute_metrics([table])
    found = metric.found.get(protocol.metric.split("/")[0])
    return Outcome(metrics, found.scores if found else None, found.curves if found else {}, names)


def _key(cfg: Config) -> str:
    """Everything that the features depend on, as text."""
    return json.dumps([cfg.get("model"), cfg.get("test_dataloader")], sort_keys=True, default=repr)


def finetune(
    cfg: Config, checkpoint: str, seed: int, folder: Path, fingerprint: str, force: bool = False, trust: bool = False
) -> Outcome:
    """Train and evaluate a config, which is changed; resume a run of the same fingerprint, unless forced."""
    data = cfg.train_dataloader.dataset
    if data.get("subset") is not None:
        data.subset.seed = seed
    sets = (copy.deepcopy(dict(cfg[key].dataset)) for key in ("train_dataloader", "val_dataloader"))
    # for names and counts, without packed clips
    train, val = (DATASETS.build({**one, **({"cache": False} if "cache" in one else {})}) for one in sets)
    if data.get("subset") is not None:
        write_text(folder / "labeled.txt", "\n".join(train.names) + "\n")
    if cfg.model.head.get("num_classes") is None:
        cfg.model.head.num_classes = max(d.metainfo["num_classes"] for d in (train, val))
    fit_batch(cfg.train_dataloader, len(train))
    cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed}
    cfg.work_dir, cfg.load_from, cfg.other_input = str(folder), checkpoint, True  # the benchmark has compared it
    started = folder / "started.json"
    if not force and read_json(started, "") == fingerprint and (folder / "last_checkpoint").is_file():
        cfg.load_from, cfg.resume = None, True
    cfg.overwrite = not cfg.get("resume")
    write_json(started, fingerprint)
    runner = build_runner(cfg, trust)
    runner.train()
    (metric,) = runner.val_loop.evaluator.metrics
    if metric.scores is None:  # a run that was killed after its last epoch
        runner.val_loop.run()
    metrics = {}
    for name, buffer in runner.message_hub.log_scalars.items():
        if name.startswith("val/accuracy/"):
            history = np.asarray(buffer.data[0], dtype=float)
            metrics[name[4:]] = float(history[-1])
            metrics[f"{name[4:]}_best"] = float(history.max())
    return Outcome(metrics, metric.scores, {}, val.metainfo.get("classes"))


def fit_batch(loader: Any, size: int) -> None:
    """Let a training loader use all ``size`` clips of a small set: no larger batch, and no last batch of one clip."""
    loader.batch_size = min(loader.batch_size, size)
    loader.drop_last = size % loader.batch_size == 1 and size > 1  # one clip has no batch statistics
