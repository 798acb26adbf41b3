"""Evaluation protocols: configs laid over the config of a pretraining, see docs/design/0012-protocols.md."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsync.apis.features import encoder_of
from mmsync.config import load
from mmsync.config.defaults import LOADERS
from mmsync.config.load import Notes, config_within, replace_text
from mmsync.config.places import FILE_ARGUMENTS, RUNNER_KEYS
from mmsync.config.signature import accepted, default_of
from mmsync.engine.checkpoint import read_checkpoint, require_checkpoint
from mmsync.errors import ConfigError, ProtocolError, did_you_mean, nearest
from mmsync.registry import DATASETS, MODELS

OF_DATASET = "dataset"  # options below this key are for the variables of the data set to transfer to
_TRAINING = ("train_dataloader", "train_cfg", "val_dataloader", "val_cfg", "val_evaluator")
_OWN = {  # a protocol brings these with it; nothing of the pretraining's remains
    *("train_cfg", "val_cfg", "test_cfg", "optim_wrapper", "param_scheduler", "val_evaluator", "test_evaluator"),
    *("default_hooks", "custom_hooks", "auto_scale_lr"),
}
_FACTS = ("title", "metric", "best", "seeds", "dataset")


@dataclass(frozen=True)
class Protocol:
    """A protocol."""

    name: str  # stem of its file
    title: str  # for tables, without the data set; see ``title_on``
    metric: str  # name of the result to report, that of the last epoch
    best: Optional[str]  # name of the same result of the best epoch, if it has epochs
    seeds: tuple[int, ...]  # empty if nothing in it is random
    cfg: dict[str, Any]  # the keys of the Runner that it sets
    dataset: Optional[Path] = None  # config file of the data set that it transfers to

    def title_on(self, dataset: Optional[str]) -> str:
        """The title, with the name of the data set that it transfers to, if it does."""
        return self.title if dataset is None else f"transfer to {dataset}: {self.title}"

    @property
    def trains(self) -> bool:
        """Whether it trains the encoder."""
        return "train_cfg" in self.cfg


def list_protocols(folder: Union[str, Path]) -> dict[str, Path]:
    """Protocol name -> file, of all files below a folder."""
    return {path.stem: path for path in sorted(Path(folder).rglob("*.py"))}


def load_protocol(name: str, folder: Union[str, Path]) -> Protocol:
    """Read a protocol by its name in a folder, or by its path."""
    known = list_protocols(folder)
    path = known.get(name, Path(name))
    if path.suffix != ".py" or not path.is_file():
        hint = did_you_mean(nearest(name, known))
        raise ProtocolError(f"no protocol {name!r}{hint} Known protocols: {', '.join(known) or f'none in {folder}'}")
    cfg = load(path, complete=False)  # a part of a config: its defaults are those of the pretraining
    values = cfg.to_dict()
    facts = values.pop("protocol", None)
    if not isinstance(facts, dict) or not {"title", "metric"} <= set(facts):
        raise ConfigError(f"{path}: a protocol needs protocol=dict(title=..., metric=..., best=..., seeds=[...])")
    problems = [f"protocol.{key}: is unknown{did_you_mean(nearest(key, _FACTS))}" for key in facts if key not in _FACTS]
    notes = Notes.of(cfg) or Notes()
    for key in values:
        near = nearest(key, RUNNER_KEYS)
        if key not in RUNNER_KEYS and (near or key in notes.unread):
            problems.append(f"{key}: is no key of the runner{did_you_mean(near)}")
    if problems:
        raise ConfigError("\n  ".join([f"{path} is no protocol:", *problems]), problems)
    own = {key: value for key, value in values.items() if key in RUNNER_KEYS}
    seeds, dataset = tuple(facts.get("seeds") or ()), facts.get("dataset")
    texts = (path.stem, facts["title"], facts["metric"], facts.get("best"))
    return Protocol(*texts, seeds, own, path.parent / dataset if dataset else None)


def base_config(
    checkpoint: Mapping[str, Any],
    config: Union[str, Path, None],
    options: Mapping[str, Any],
    source: str,
    trust: bool = False,
) -> Config:
    """The config of a pretraining, from a file or its checkpoint named ``source``, with the options of variables.

    Raises:
        CheckpointError: The checkpoint has none, or one that could run code and is not trusted.
    """
    variables = {key: value for key, value in options.items() if key.split(".")[0] not in {*RUNNER_KEYS, OF_DATASET}}
    if config is not None:
        return load(config, variables)
    values = config_within(checkpoint, source, trust=trust).to_dict()
    for key, new in variables.items():
        old = values.get(key)
        if not (FILE_ARGUMENTS.fullmatch(key) and isinstance(old, str) and isinstance(new, str)):
            text = f"nothing follows from this variable in the resolved config of {source}"
            raise ConfigError(f"--cfg-options {key}=...: {text}; give the file it was trained with: --config FILE")
        values = replace_text(values, old, new)  # a moved data root is worth a search
    return Config(values)


def config_of(
    checkpoint: str, config: Union[str, Path, None], options: Mapping[str, Any], trust: bool = False
) -> Config:
    """The config of a run, from its file or from its checkpoint, with options of the command line; see `base_config`.

    Raises:
        CheckpointError: There is no such checkpoint, or it holds no config that may be used.
    """
    if config is not None:
        require_checkpoint(checkpoint)
        return load(config, dict(options))
    cfg = base_config(read_checkpoint(checkpoint, trust=trust), None, options, checkpoint, trust)
    cfg.merge_from_dict({key: value for key, value in options.items() if key.split(".")[0] in RUNNER_KEYS})
    return cfg


def build_test_data(cfg: Config, kind: str) -> Any:
    """Build the data set of a config's test loader, of the class named ``kind``, or raise a ``ConfigError``."""
    init_default_scope(cfg.get("default_scope", "mmsync"))
    loader = cfg.get("test_dataloader") or cfg.get("val_dataloader") or {}
    found = (loader.get("dataset") or {}).get("type")
    if found != kind:
        raise ConfigError(f"test_dataloader.dataset is {found}, but this needs a {kind}")
    return DATASETS.build(loader["dataset"])


def build_training_clips(cfg: Config, kind: str, **changes: Any) -> Any:
    """Build the training split of a config as it is evaluated, of the class ``kind``, with ``changes`` of arguments.

    A ConfigError for another class, or a loader without a split.
    """
    init_default_scope(cfg.get("default_scope", "mmsync"))
    train = (cfg.get("train_dataloader") or {}).get("dataset") or {}
    tested = (cfg.get("test_dataloader") or cfg.get("val_dataloader") or {}).get("dataset") or train
    if train.get("type") != kind or tested.get("type") != kind or "split" not in train:
        raise ConfigError(f"train_dataloader.dataset is {train.get('type')}, but this needs a {kind} with a split")
    values = {key: value for key, value in tested.items() if key not in ("split", "roles")}
    return DATASETS.build({**values, "roles": dict(bank=train["split"]), **changes})


def lay_over(
    base: Config, protocol: Protocol, dataset: Optional[Mapping[str, Any]] = None, encoder: Optional[str] = None
) -> Config:
    """The config of a protocol on a pretraining, on ``dataset`` (its source remapped to the layout) if one is given."""
    values = copy.deepcopy({key: value for key, value in base.to_dict().items() if key in RUNNER_KEYS})
    values = {key: value for key, value in values.items() if key not in _OWN}
    own = copy.deepcopy(protocol.cfg)
    name = encoder_of(MODELS.find(str(values.get("model", {}).get("type"))), encoder)
    if dataset is not None:
        for key in LOADERS:
            if key in dataset:
                values[key] = _other_data(dataset[key], values, name)
    if "test_dataloader" not in values and "val_dataloader" in values:
        values["test_dataloader"] = values["val_dataloader"]
    for key in LOADERS:
        if isinstance(own.get(key, {}).get("dataset"), dict) and "source" in own[key]["dataset"]:
            values[key] = _other_data(own.pop(key), values, name)
    for key in ("train_dataloader", "test_dataloader") if protocol.trains else ("test_dataloader",):
        if values.get(key) is None:
            raise ProtocolError(f"{protocol.name}: the config of the pretraining has no {key}, which it needs")
    if protocol.trains:
        _make_classifier(values, own, protocol, name)
    else:
        _give_bank(values)
        values = {key: value for key, value in values.items() if key not in _TRAINING}
        values["test_cfg"] = {}
    values.update(resume=False, load_from=None, launcher="none")
    return Config(_merge(values, own))


def _encoder_config(model: Mapping[str, Any], encoder: str) -> tuple[Any, Mapping[str, Any]]:
    """Configs of an encoder and of its preprocessor; a model of another project has them under its own names."""
    of_method = getattr(MODELS.find(str(model.get("type"))), "encoder_config", None)
    return (model.get(encoder), model.get("data_preprocessor", {})) if of_method is None else of_method(model, encoder)


def _other_data(given: Mapping[str, Any], values: Mapping[str, Any], encoder: str) -> dict[str, Any]:
    loader: dict[str, Any] = copy.deepcopy(dict(given))
    layout = (_encoder_config(values.get("model", {}), encoder)[0] or {}).get("backbone", {}).get("layout")
    if layout is None:
        return loader
    data = loader["dataset"]
    target = DATASETS.find(data.get("type", ""))
    if target is not None and "layout" not in accepted(target).annotations:
        text = f"the encoder takes skeletons, but a {data['type']} has none"
        raise ProtocolError(f"{text}; give a checkpoint of a method on such data, or --encoder NAME")
    source = data.get("source", {})
    kind = DATASETS.find(source.get("type", ""))
    own = source.get("layout") or getattr(kind, "layout", None) or (kind and default_of(kind, "layout"))
    own = getattr(own, "name", own)
    if isinstance(own, str) and own != layout:  # if only the files know it, the data set remaps by itself
        data["pipeline"] = [dict(type="RemapSkeleton", src=own, dst=layout), *data.get("pipeline", ())]
    data["layout"] = layout
    return loader


def _give_bank(values: dict[str, Any]) -> None:
    """Training clips for probes, where the test data are a classifier's, which have queries alone."""
    test, train = (values.get(key, {}).get("dataset", {}) for key in ("test_dataloader", "train_dataloader"))
    if list(test.get("roles") or ()) == ["query"] and isinstance(train.get("split"), str):
        test["roles"] = dict(bank=train["split"], **test["roles"])


def _make_classifier(values: dict[str, Any], own: dict[str, Any], protocol: Protocol, encoder: str) -> None:
    model = values.pop("model", {})
    config, preprocessor = _encoder_config(model, encoder)
    if not isinstance(config, dict):
        text = f"there is nothing to finetune in a {model.get('type')}; the probes (linear, knn) need no encoder"
        raise ProtocolError(f"{protocol.name}: model.{encoder} of the pretraining is no config of an encoder: {text}")
    own_views = own["model"].get("data_preprocessor", {}).pop("views", None)
    values["model"] = dict(
        encoder={key: value for key, value in config.items() if key != "projector"},
        data_preprocessor={**preprocessor, "views": own_views},
        load_prefix=MODELS.get(model["type"]).encoder_prefixes(model)[encoder],
    )
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
    """Set options of Runner keys, by dotted key, in every config (by protocol) that has their place."""
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
