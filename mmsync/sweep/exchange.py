"""The config of a method on other data, and for another length of training."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from mmengine.config import Config

from mmsync.config import load
from mmsync.config.load import Notes
from mmsync.config.places import RUNNER_KEYS, registry_of
from mmsync.config.signature import accepted
from mmsync.errors import ConfigError
from mmsync.ops.streams import parse_stream
from mmsync.registry import BACKBONES

_OF_DATA = ("val_dataloader", "val_cfg", "val_evaluator", "test_dataloader", "test_cfg", "test_evaluator")
_EPOCHS = {"param_scheduler": ("milestones", "T_max", "begin", "end"), "model": ("start_epoch",)}


def read_part(file: Union[str, Path], options: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """A config file without defaults, with those options that set variables of it, and the names of these options."""
    notes = Notes.of(load(file, complete=False))
    known = notes.variables if notes is not None else set()
    own = {key: value for key, value in options.items() if key.split(".")[0] in known}
    return load(file, own, complete=False).to_dict(), set(own)


def exchange(
    method: Mapping[str, Any], data: Mapping[str, Any], dataset: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The config of a method with the data of another, as plain values without defaults; nothing is validated.

    Model, views, schedule and batch size are the method's, the batch at most the whole training data. Layout and
    coordinates follow from the data when the config is loaded; channels of 2D joints from the first clip.

    Args:
        method: A config, read without defaults, so that what follows from its own data is not in it.
        data: A config that has ``train_dataloader`` and ``test_dataloader``.
        dataset: The built data set of the latter, whose role ``bank`` is what the method trains on.
        options: Further settings by dotted key.
    """
    values = copy.deepcopy({key: value for key, value in method.items() if key in RUNNER_KEYS - {*_OF_DATA}})
    for key in ("train_dataloader", "train_cfg", "model"):
        if not isinstance(values.get(key), dict):
            raise ConfigError(f"{key}: not set, but training needs it")
    size, batch = len(dataset.items("bank")), values["train_dataloader"].get("batch_size", 1)
    own = dict(num_workers=0, persistent_workers=False)  # their CPU time would not count
    values["train_dataloader"] = {**copy.deepcopy(data["train_dataloader"]), **own, "batch_size": min(batch, size)}
    values["test_dataloader"] = {**copy.deepcopy(data["test_dataloader"]), **own}
    values["test_evaluator"] = copy.deepcopy(data["test_evaluator"])
    _fit_channels(values["model"], dataset)
    holder = Config(values)
    holder.merge_from_dict({key: value for key, value in options.items() if key.split(".")[0] in RUNNER_KEYS})
    return holder.to_dict()


def _fit_channels(model: dict[str, Any], dataset: Any) -> None:
    """Fill in the channels of 2D joints, which may have a score: few sources know before they are read."""
    preprocessor = model.get("data_preprocessor", {})
    coords = dataset.metainfo.get("num_coords", 3)
    if coords == 3 or preprocessor.get("body_frame"):  # which is 3D
        return
    preprocessor.setdefault("num_coords", coords)
    channels = dataset[0]["inputs"]["skeleton"].data.shape[-1] * len(parse_stream(preprocessor.get("stream", "joint")))
    for keys, part in _dicts(model, ("model",)):
        kind = BACKBONES.find(part["type"]) if "type" in part and registry_of(keys) is BACKBONES else None
        if kind is not None and "in_channels" in accepted(kind).annotations:
            part.setdefault("in_channels", channels)


def shortened(cfg: Mapping[str, Any], epochs: int, length: int, checkpoints: int = 4) -> dict[str, Any]:
    """A config that trains for other ``epochs`` of ``length`` iterations, and records its CPU time.

    Schedules, and all else that counts epochs or iterations, are stretched in proportion. A training by iterations
    stays one.
    """
    values = copy.deepcopy(dict(cfg))
    loop = values["train_cfg"]
    by_epoch = isinstance(loop.get("max_epochs"), int)
    unit, number = ("max_epochs", epochs) if by_epoch else ("max_iters", epochs * length)
    if not isinstance(loop.get(unit), int):
        raise ConfigError("train_cfg: sets neither max_epochs nor max_iters")
    factor = number / loop[unit]
    for part, names in _EPOCHS.items():
        for _, owner in _dicts(values.get(part), ()):
            owner.update({name: _scaled(owner[name], factor) for name in names if name in owner})
    loop.update({unit: number, "val_interval": number})
    hooks = values.setdefault("default_hooks", {})
    kept = dict(interval=max(1, number // checkpoints), max_keep_ckpts=1, by_epoch=by_epoch)
    hooks["checkpoint"] = dict(type="CheckpointHook", **kept)
    values["custom_hooks"] = [*(values.get("custom_hooks") or ()), dict(type="CPUTimeHook")]
    return values


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, (list, tuple)):
        return [_scaled(item, factor) for item in value]
    return round(value * factor) if isinstance(value, int) else value


def _dicts(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(value, dict):
        yield keys, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        yield from _dicts(item, (*keys, str(key)))
