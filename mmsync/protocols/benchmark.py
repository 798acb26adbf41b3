"""Evaluation protocols on one checkpoint: which there are, how one is laid over a config, and how it is run.

A protocol is a config file that says how to evaluate and nothing of what: encoder, stream and data are those of the
pretraining. docs/design/0012-protocols.md tells the rules.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from mmsync.apis.cli import build_runner
from mmsync.apis.features import extract_features, init_model
from mmsync.config import check, load
from mmsync.config.load import Notes
from mmsync.config.places import FILE_ARGUMENTS, RUNNER_KEYS
from mmsync.config.signature import default_of
from mmsync.engine.checkpoint import read_checkpoint
from mmsync.engine.folds import check_folds, trained_folds
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError, ConfigError, MMSyncError, ProtocolError, did_you_mean, nearest
from mmsync.evaluation.functional import Scores, class_recall, confusion_matrix, save_confusion
from mmsync.evaluation.metrics import FeatureSet, ProbeMetric
from mmsync.fileio import atomic_path
from mmsync.registry import DATASETS, METRICS, MODELS

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
_DATASET = "dataset"  # options below it are for the variables of the data set to transfer to
_TRAINING = ("train_dataloader", "train_cfg", "val_dataloader", "val_cfg", "val_evaluator")
_OWN = {  # what a protocol brings with it: laid over nothing of the pretraining's
    *("train_cfg", "val_cfg", "test_cfg", "optim_wrapper", "param_scheduler", "val_evaluator", "test_evaluator"),
    *("default_hooks", "custom_hooks", "auto_scale_lr"),
}
_FACTS = ("title", "metric", "best", "seeds", "dataset")


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Attributes:
        name: Stem of its file.
        title: What it is, in a few words, for the tables.
        metric: The result to report: of the last epoch.
        best: The same of the best epoch, if it has epochs.
        seeds: Of its runs; empty if nothing in it is random.
        cfg: The keys of the Runner that it sets.
        dataset: Config file of the data set that it transfers to; ``None`` for the one of the pretraining.
    """

    name: str
    title: str
    metric: str
    best: Optional[str]
    seeds: tuple[int, ...]
    cfg: dict[str, Any]
    dataset: Optional[Path] = None

    @property
    def trains(self) -> bool:
        """Whether it trains the encoder."""
        return "train_cfg" in self.cfg


def list_protocols(folder: Union[str, Path]) -> dict[str, Path]:
    """Protocol name -> file, of all files below a folder."""
    return {path.stem: path for path in sorted(Path(folder).rglob("*.py"))}


def load_protocol(name: str, folder: Union[str, Path]) -> Protocol:
    """Read a protocol.

    Args:
        name: Name of a file below ``folder``, or a path.
        folder: The shipped protocols.

    Raises:
        ProtocolError: There is no such protocol; the message names the nearest.
        ConfigError: Its file is no protocol.
    """
    known = list_protocols(folder)
    path = known.get(name, Path(name))
    if path.suffix != ".py" or not path.is_file():
        hint = did_you_mean(nearest(name, known))
        raise ProtocolError(f"no protocol {name!r}{hint} There are: {', '.join(known) or f'none in {folder}'}")
    cfg = load(path, complete=False)  # a part of a config: its defaults are those of the pretraining
    values = cfg.to_dict()
    facts = values.pop("protocol", None)
    if not isinstance(facts, dict) or not {"title", "metric"} <= set(facts):
        raise ConfigError(f"{path}: a protocol says protocol=dict(title=..., metric=..., best=..., seeds=[...])")
    problems = [f"protocol.{key}: is unknown{did_you_mean(nearest(key, _FACTS))}" for key in facts if key not in _FACTS]
    notes = Notes.of(cfg) or Notes()
    for key in values:
        near = nearest(key, RUNNER_KEYS)
        if key not in RUNNER_KEYS and (near or key in notes.unread):
            problems.append(f"{key}: is no key of the runner{did_you_mean(near)}")
    if problems:
        raise ConfigError("\n  ".join([f"{path} is no protocol:", *problems]), problems)
    own = {key: value for key, value in values.items() if key in RUNNER_KEYS}
    return Protocol(
        name=path.stem,
        title=facts["title"],
        metric=facts["metric"],
        best=facts.get("best"),
        seeds=tuple(facts.get("seeds") or ()),
        cfg=own,
        dataset=path.parent / facts["dataset"] if facts.get("dataset") else None,
    )


# ------------------------------------------------------------------------------------------------ the config to run


def base_config(
    checkpoint: Mapping[str, Any], config: Union[str, Path, None], options: Mapping[str, Any], source: str
) -> Config:
    """The config of a pretraining: the given one, or the one that its checkpoint holds.

    Args:
        checkpoint: As read.
        config: A config file; ``None`` takes the checkpoint's.
        options: Values by dotted key. Those of variables (``data_root``) take effect here.
        source: Name of the checkpoint, for messages.

    Raises:
        CheckpointError: The checkpoint holds no config.
        ConfigError: An option is for a variable of the checkpoint's config that names no file or folder.
    """
    variables = {key: value for key, value in options.items() if key.split(".")[0] not in {*RUNNER_KEYS, _DATASET}}
    if config is not None:
        return load(config, variables)
    text = checkpoint.get("meta", {}).get("cfg")
    if not isinstance(text, str) or not text.strip():
        raise CheckpointError(
            f"{source} holds no config, as files of other projects do; give the one it was trained with: --config FILE"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config_of_the_checkpoint.py"
        file.write_text(text, encoding="utf-8")
        cfg = load(file)
    values = cfg.to_dict()
    for key, new in variables.items():
        old = values.get(key)
        if not (FILE_ARGUMENTS.fullmatch(key) and isinstance(old, str) and isinstance(new, str)):
            raise ConfigError(
                f"--cfg-options {key}=...: the config in {source} is resolved, so that nothing follows from this "
                "variable any more; give the config file it was trained with: --config FILE"
            )
        values = _replace_text(values, old, new)  # a moved data root is worth a search
    return Config(values)


def _replace_text(value: Any, old: str, new: str) -> Any:
    """``value`` with every string that is ``old``, or a path below it, changed to ``new``."""
    if isinstance(value, dict):
        return {key: _replace_text(item, old, new) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replace_text(item, old, new) for item in value)
    if isinstance(value, str) and (value == old or value.startswith(f"{old}/")):
        return new + value[len(old) :]
    return value


def lay_over(base: Config, protocol: Protocol, dataset: Optional[Mapping[str, Any]] = None) -> Config:
    """The config that runs a protocol.

    Schedule, hooks and evaluators are the protocol's; loaders and model are the pretraining's with the protocol's
    changes. A loader whose data set names its ``source`` is another data set: it replaces the pretraining's, and its
    clips are remapped to the layout of the encoder.

    Args:
        base: Config of the pretraining.
        protocol: The protocol.
        dataset: The values of a data set's config, to transfer to; ``None`` for the one of the pretraining.

    Raises:
        ProtocolError: The pretraining has no data or no encoder to take.
    """
    values = copy.deepcopy({key: value for key, value in base.to_dict().items() if key in RUNNER_KEYS})
    values = {key: value for key, value in values.items() if key not in _OWN}
    own = copy.deepcopy(protocol.cfg)
    if dataset is not None:
        for key in LOADERS:
            if key in dataset:
                values[key] = _other_data(dataset[key], values)
    if "test_dataloader" not in values and "val_dataloader" in values:
        values["test_dataloader"] = values["val_dataloader"]
    for key in LOADERS:
        if isinstance(own.get(key, {}).get("dataset"), dict) and "source" in own[key]["dataset"]:
            values[key] = _other_data(own.pop(key), values)
    for key in ("train_dataloader", "test_dataloader") if protocol.trains else ("test_dataloader",):
        if values.get(key) is None:
            raise ProtocolError(f"{protocol.name}: the config of the pretraining has no {key}, which it needs")
    if protocol.trains:
        _make_classifier(values, own, protocol)
    else:
        values = {key: value for key, value in values.items() if key not in _TRAINING}
        values["test_cfg"] = {}
    values.update(resume=False, load_from=None, launcher="none")
    return Config(_merge(values, own))


def _other_data(loader: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A loader of another data set, whose clips come in the layout of the encoder."""
    loader = copy.deepcopy(dict(loader))
    layout = values.get("model", {}).get("encoder", {}).get("backbone", {}).get("layout")
    if layout is None:
        return loader
    data = loader["dataset"]
    source = data.get("source", {})
    kind = DATASETS.find(source.get("type", ""))
    own = source.get("layout") or getattr(kind, "layout", None) or (kind and default_of(kind, "layout"))
    own = getattr(own, "name", own)
    if isinstance(own, str) and own != layout:  # where only the files tell it, the data set remaps by itself
        data["pipeline"] = [dict(type="RemapSkeleton", src=own, dst=layout), *data.get("pipeline", ())]
    data["layout"] = layout
    return loader


def _make_classifier(values: dict[str, Any], own: dict[str, Any], protocol: Protocol) -> None:
    """The pretraining's encoder and preprocessor in the protocol's classifier, and its queries for validation."""
    model = values.pop("model", {})
    if not isinstance(model.get("encoder"), dict):
        raise ProtocolError(
            f"{protocol.name}: model.encoder of the pretraining is no config of an encoder, so there is nothing to "
            f"finetune in a {model.get('type')}; the probes (linear, knn) need none"
        )
    preprocessor = {**model.get("data_preprocessor", {}), "views": None}
    own_views = own["model"].get("data_preprocessor", {}).pop("views", None)
    values["model"] = dict(
        encoder={key: value for key, value in model["encoder"].items() if key != "projector"},
        data_preprocessor={**preprocessor, "views": own_views},
    )
    method = MODELS.get(model["type"])
    values["model"]["load_prefix"] = method.encoder_prefixes(model)[method.encoders[0]]
    val = values.pop("test_dataloader")
    roles = val["dataset"].get("roles")
    if roles is not None:
        val["dataset"]["roles"] = {role: split for role, split in roles.items() if role == "query"}
    values["val_dataloader"] = val
    own.setdefault("val_cfg", {})
    own.pop("test_dataloader", None)


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict) and not new.get("_delete_"):
        merged = {**old, **{key: _merge(old.get(key), value) for key, value in new.items()}}
    else:
        merged = new
    return {k: v for k, v in merged.items() if k != "_delete_"} if isinstance(merged, dict) else merged


def apply_options(cfgs: Mapping[str, Config], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set options of Runner keys in every config that has their place.

    Args:
        cfgs: Protocol name -> config.
        options: Values by dotted key; those of variables are left to :func:`base_config`.

    Returns:
        Protocol name -> the options that changed it.

    Raises:
        ConfigError: No protocol has the place.
    """
    applied: dict[str, dict[str, Any]] = {name: {} for name in cfgs}
    for key, value in options.items():
        if key.split(".")[0] not in RUNNER_KEYS:
            continue
        fitting = [name for name, cfg in cfgs.items() if _has_place(cfg, key.split(".")[:-1] or [key])]
        if not fitting:
            raise ConfigError(f"--cfg-options {key}: none of {', '.join(cfgs)} has {key.rpartition('.')[0] or key!r}")
        for name in fitting:
            cfgs[name].merge_from_dict({key: copy.deepcopy(value)})
            applied[name][key] = value
    return applied


def _has_place(value: Any, parts: Sequence[str]) -> bool:
    for part in parts:
        if isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, (Mapping, Config)) and part in value:
            value = value[part]
        else:
            return False
    return value is not None


# ------------------------------------------------------------------------------------------------ running


class Benchmark:
    """Runs protocols on one checkpoint and keeps their results in a folder; what is there already is not run again.

    Args:
        checkpoint: File of the pretraining.
        protocols: What to run.
        work_dir: Folder of the results: ``<protocol>/seed_<n>/`` holds ``result.json`` and, of what classifies,
            ``scores.npz`` and ``confusion.npz``; ``results.json`` and ``results.md`` hold the tables.
        config: Config file of the pretraining; ``None`` takes the one in the checkpoint.
        options: Settings by dotted key.
        dataset: Config file of a data set to transfer to.
        seeds: Instead of the protocols' own.
        device: Where features and probes are computed; finetuning runs where MMEngine finds best.
        force: Run again what has a result.
        trust: Let the checkpoint run code while it loads.

    Raises:
        ConfigError: Everything that is wrong with the first config that has a problem, before anything runs.
        CheckpointError: The checkpoint is missing or damaged, or holds no config.
    """

    def __init__(
        self,
        checkpoint: Union[str, Path],
        protocols: Sequence[Protocol],
        work_dir: Union[str, Path],
        config: Union[str, Path, None] = None,
        options: Optional[Mapping[str, Any]] = None,
        dataset: Union[str, Path, None] = None,
        seeds: Optional[Sequence[int]] = None,
        device: str = "cpu",
        force: bool = False,
        trust: bool = False,
    ) -> None:
        self.checkpoint, self.work_dir, self.device = str(checkpoint), Path(work_dir), device
        self.seeds, self.force, self.trust = seeds, force, trust
        content = read_checkpoint(checkpoint, trust=trust)
        self.epoch, self.folds = content.get("meta", {}).get("epoch"), trained_folds(content)
        self.digest = _digest_file(self.checkpoint)
        base = base_config(content, config, options or {}, self.checkpoint)
        init_default_scope(base.get("default_scope", "mmsync"))
        self.protocols = list(protocols)
        of_dataset = {
            key[len(_DATASET) + 1 :]: v for key, v in (options or {}).items() if key.startswith(f"{_DATASET}.")
        }
        self.cfgs = {}
        transfers = {protocol.name for protocol in protocols if dataset or protocol.dataset}
        for protocol in protocols:
            file = dataset or protocol.dataset
            other = None if file is None else load(file, of_dataset).to_dict()
            self.cfgs[protocol.name] = lay_over(base, protocol, other)
        self.changes = apply_options(self.cfgs, options or {})
        for name, cfg in self.cfgs.items():
            cfg.setdefault("default_scope", "mmsync")
            try:
                check(cfg, files=True)
            except ConfigError as error:
                # the variable that sets the folder of all loaders at once is not in the config that is checked
                place = f"{_DATASET}.data_root" if name in transfers else "data_root"
                text = re.sub(r"(--cfg-options )\S+\.(data_root|root)=", rf"\g<1>{place}=", str(error))
                raise ConfigError(f"protocol {name}: {text}", error.problems) from error
        self._features: dict[str, FeatureSet] = {}
        self.failures: dict[str, MMSyncError] = {}
        """Why the protocols without a result have none."""

    def run(self) -> list[dict[str, Any]]:
        """Run what has no result yet. A protocol that fails does not keep the others from theirs; see ``failures``.

        Returns:
            One row a protocol that has a result, as in ``results.json``.
        """
        rows = []
        self.failures = {}
        for protocol in self.protocols:
            try:
                results = [self._run_seed(protocol, seed) for seed in self._seeds(protocol)]
            except MMSyncError as error:
                self.failures[protocol.name] = error
                print_log(f"{protocol.name}: {type(error).__name__}: {error}", logger="current", level=logging.ERROR)
                continue
            rows.append(self._row(protocol, results))
            print_log(f"{protocol.name}: {value_text(rows[-1])}", logger="current")
            self._write(rows)
        return rows

    def _seeds(self, protocol: Protocol) -> list[int]:
        if not protocol.seeds:
            return [0]  # nothing in it is random
        return list(self.seeds if self.seeds else protocol.seeds)

    def _run_seed(self, protocol: Protocol, seed: int) -> dict[str, Any]:
        folder = self.work_dir / protocol.name / f"seed_{seed}"
        cfg = copy.deepcopy(self.cfgs[protocol.name])
        text = json.dumps([self.digest, seed, cfg.to_dict()], sort_keys=True, default=repr)
        fingerprint = hashlib.sha1(text.encode()).hexdigest()
        file = folder / "result.json"
        former = {} if self.force else _read_json(file, {})
        if former.get("fingerprint") == fingerprint and protocol.metric in former.get("metrics", ()):
            print_log(f"{protocol.name}, seed {seed}: done before, {file}", logger="current")
            return former
        folder.mkdir(parents=True, exist_ok=True)
        if protocol.trains:
            metrics, scores, names = self._finetune(protocol, cfg, seed, folder, fingerprint)
        else:
            metrics, scores, names = self._probe(protocol, cfg, seed)
        if protocol.metric not in metrics:
            raise ProtocolError(
                f"{protocol.name}: protocol.metric={protocol.metric!r}, but the evaluation gives {', '.join(metrics)}"
            )
        result = dict(fingerprint=fingerprint, seed=seed, metrics=metrics)
        if scores is not None:
            result["class_recall"] = _keep_scores(folder, scores, names)
        write_json(file, result)
        return result

    # ------------------------------------------------------------------------------------------ probes

    def _probe(self, protocol: Protocol, cfg: Config, seed: int) -> tuple[dict[str, float], Optional[Scores], Any]:
        evaluator = dict(cfg.test_evaluator)
        for probe in ("linear", "mlp"):
            if evaluator.get(probe) is not None and protocol.seeds:
                evaluator[probe] = {**evaluator[probe], "seed": seed}
        metric = METRICS.build({**evaluator, "device": self.device})
        if not isinstance(metric, ProbeMetric):
            raise ProtocolError(
                f"{protocol.name}: test_evaluator is a {type(metric).__name__}; a probe is a ProbeMetric"
            )
        data, names = self._features_of(cfg)
        metrics = metric.compute_metrics([data])
        return metrics, metric.scores.get(protocol.metric.split("/")[0]), names

    def _features_of(self, cfg: Config) -> tuple[FeatureSet, Any]:
        """The features of a config's test data, extracted once for all protocols that share model and data."""
        key = _key(cfg)
        if key not in self._features:
            joints = any(
                (other.get("test_evaluator") or {}).get("mlp") is not None
                for other in self.cfgs.values()
                if "train_cfg" not in other and _key(other) == key
            )
            loader = MotionRunner.build_dataloader(cfg.test_dataloader.to_dict())
            check_folds(self.folds, [loader.dataset])
            model = init_model(cfg, self.checkpoint, self.device, trust=self.trust)
            names = getattr(loader.dataset, "metainfo", {}).get("classes")
            self._features[key] = (extract_features(model, loader, joints=joints), names)
        return self._features[key]

    # ------------------------------------------------------------------------------------------ finetuning

    def _finetune(
        self, protocol: Protocol, cfg: Config, seed: int, folder: Path, fingerprint: str
    ) -> tuple[dict[str, float], Optional[Scores], Any]:
        data = cfg.train_dataloader.dataset
        if data.get("subset") is not None:
            data.subset.seed = seed
        train, val = (_dataset(cfg[key].dataset) for key in ("train_dataloader", "val_dataloader"))
        if data.get("subset") is not None:
            with atomic_path(folder / "labelled.txt") as temporary:
                temporary.write_text("\n".join(train.names) + "\n", encoding="utf-8")
        if cfg.model.head.get("num_classes") is None:
            cfg.model.head.num_classes = max(d.metainfo["num_classes"] for d in (train, val))
        fit_batch(cfg.train_dataloader, len(train))
        cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed}
        cfg.work_dir, cfg.load_from = str(folder), self.checkpoint
        started = folder / "started.json"
        if not self.force and _read_json(started, "") == fingerprint:
            if (folder / "last_checkpoint").is_file():
                cfg.load_from, cfg.resume = None, True
        else:
            (folder / "last_checkpoint").unlink(missing_ok=True)
        write_json(started, fingerprint)
        runner = build_runner(cfg, self.trust)
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
        return metrics, metric.scores, val.metainfo.get("classes")

    # ------------------------------------------------------------------------------------------ tables

    def _row(self, protocol: Protocol, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        values = [result["metrics"][protocol.metric] for result in results]
        best = [result["metrics"][protocol.best] for result in results] if protocol.best else None
        return dict(
            protocol=protocol.name,
            title=protocol.title,
            changes=self.changes[protocol.name],
            data=_describe_data(self.cfgs[protocol.name]),
            metric=protocol.metric,
            **spread(values),
            best=None if best is None else float(np.mean(best)),
            epoch_rule="last" if best else "none",
            seeds=[result["seed"] for result in results] if protocol.seeds else [],
            checkpoint=self.checkpoint,
            epoch=self.epoch,
            runs=[{key: result[key] for key in ("seed", "metrics")} for result in results],
        )

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Both tables; rows of former calls on the same checkpoint stay."""
        file = self.work_dir / "results.json"
        former = _read_json(file, [])
        kept = {row["protocol"]: row for row in former if row["checkpoint"] == self.checkpoint}
        kept.update({row["protocol"]: row for row in rows})
        write_json(file, list(kept.values()))
        with atomic_path(self.work_dir / "results.md") as temporary:
            temporary.write_text(markdown_table(list(kept.values())), encoding="utf-8")


def fit_batch(loader: Any, size: int) -> None:
    """Let a training loader use all of a small set: a batch no larger than it, and no last batch of one clip.

    Args:
        loader: Config of the loader; changed.
        size: Clips of its data set.
    """
    loader.batch_size = min(loader.batch_size, size)
    loader.drop_last = size % loader.batch_size == 1 and size > 1  # one clip has no batch statistics


def _dataset(cfg: Mapping[str, Any]) -> Any:
    """The data set without its packed clips: for names and counts."""
    cfg = copy.deepcopy(dict(cfg))
    if "cache" in cfg:
        cfg["cache"] = False
    return DATASETS.build(cfg)


def _key(cfg: Config) -> str:
    """What features depend on."""
    return json.dumps([cfg.get("model"), cfg.get("test_dataloader")], sort_keys=True, default=repr)


def _keep_scores(folder: Path, scores: Scores, names: Optional[Sequence[str]]) -> list[Optional[float]]:
    """Write scores and confusion matrix; the recall of each class, None where it has no clip."""
    classes = max(scores.logits.shape[1], int(scores.labels.max()) + 1)
    matrix = confusion_matrix(scores.labels, scores.logits.argmax(axis=1), classes)
    scores.save(folder / "scores.npz")
    named = list(names) if names is not None and len(names) >= classes else [str(i) for i in range(classes)]
    save_confusion(folder / "confusion.npz", matrix, named[:classes])
    return [None if np.isnan(value) else float(value) for value in class_recall(matrix)]


def _digest_file(path: str) -> str:
    digest = hashlib.sha1()
    if "://" in path:
        return path
    with open(Path(path).expanduser(), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _describe_data(cfg: Config) -> str:
    """Source and splits, training before test."""
    loaders = [cfg.get(key) for key in LOADERS]
    datasets = [loader.dataset for loader in loaders if loader is not None]
    source = datasets[-1].get("source", {})
    name = str(source.get("type", datasets[-1].get("type"))).replace("Source", "")
    if name == "Store":  # one class for all that was converted: the folder tells which
        name = Path(source.root).name
    roles = datasets[-1].get("roles") or {}
    train = datasets[0].get("split") if len(datasets) > 1 else roles.get("bank")
    test = roles.get("query", datasets[-1].get("split"))
    subset = datasets[0].get("subset")
    share = f" ({subset.share:.0%} {subset.get('rule', 'stratified')})" if subset and "share" in subset else ""
    return f"{name} {_split_text(train)}{share} / {_split_text(test)}"


def _split_text(split: Any) -> str:
    return split if isinstance(split, str) else "all" if split is None else str(dict(split))


def spread(values: Sequence[float]) -> dict[str, Optional[float]]:
    """``mean`` and ``std``, the sample's standard deviation; ``None`` of a single value."""
    return dict(mean=float(np.mean(values)), std=float(np.std(values, ddof=1)) if len(values) > 1 else None)


def value_text(row: Mapping[str, Any]) -> str:
    """``mean ± std (best b)``, as far as ``row`` has them."""
    std = "" if row["std"] is None else f" ± {row['std']:.2f}"
    best = "" if row.get("best") is None else f" (best {row['best']:.2f})"
    return f"{row['mean']:.2f}{std}{best}"


_HEADER = ("Protocol", "What", "Data: train / test", "Top-1 %", "Epoch", "Seeds", "Checkpoint")


def table_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The cells of the table, header first."""
    cells = [_HEADER]
    for row in rows:
        path = Path(row["checkpoint"])
        checkpoint = f"{path.parent.name}/{path.name}" + (f", epoch {row['epoch']}" if row["epoch"] else "")
        seeds = ", ".join(map(str, row["seeds"])) or "-"
        rule = {"last": "last", "none": "-"}[row["epoch_rule"]]
        # what differs from the shipped protocol must not hide behind its name
        what = "; ".join([row["title"], *(f"{key}={value}" for key, value in row.get("changes", {}).items())])
        cells.append((row["protocol"], what, row["data"], value_text(row), rule, seeds, checkpoint))
    return cells


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The results as a markdown table; mean ± standard deviation over the seeds, last epoch first."""
    return markdown_cells(table_rows(rows))


def plain_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The results in aligned columns."""
    return plain_cells(table_rows(rows))


def markdown_cells(cells: Sequence[tuple[str, ...]]) -> str:
    """A markdown table of cells, header first."""
    head, *body = cells
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines) + "\n"


def plain_cells(cells: Sequence[tuple[str, ...]]) -> str:
    """Cells, header first, in aligned columns."""
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _read_json(path: Path, default: Any) -> Any:
    """The content of a file; ``default`` if there is none, or one that is damaged or of another type, which is said."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, type(default)):
            raise ValueError(f"it holds a {type(value).__name__}")
    except FileNotFoundError:
        return default
    except ValueError as error:  # also of the decoders of JSON and UTF-8
        print_log(f"{path} is damaged and is made anew: {error}", logger="current", level=logging.WARNING)
        return default
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def default_device() -> str:
    """``'cuda'`` where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
