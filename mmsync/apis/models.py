"""Models by name: those of the shipped configs, and those whose weights the package ships."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Optional, Union

from torch import nn

from mmsync import fileio
from mmsync.apis.cli import device as usable
from mmsync.apis.features import init_model
from mmsync.config import load
from mmsync.config.load import config_within
from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.base import BaseSource
from mmsync.engine.checkpoint import read_checkpoint
from mmsync.errors import CheckpointError, ConfigError, did_you_mean, nearest
from mmsync.models.methods.base import ViewModel
from mmsync.registry import Registry
from mmsync.views.augmentation import BatchAugmentation

TRAININGS = {"motion-s": "motion_s_synthetic"}
"""The config that a model with shipped weights is trained by."""


def list_models(pattern: str = "*") -> list[str]:
    """Names of models that fit a pattern, sorted.

    Args:
        pattern: As of file names: ``*`` any characters, ``?`` one, ``[ab]`` one of these.
    """
    return sorted(name for name in {*_configs(), *fileio.shipped_weights()} if fnmatch(name, pattern))


def get_model(
    name: str,
    pretrained: Union[bool, str, Path] = False,
    device: str = "cpu",
    cfg_options: Optional[dict[str, Any]] = None,
) -> nn.Module:
    """Build a model by name, ready for evaluation.

    Args:
        name: One of :func:`list_models`: the name of a config file without its suffix, or ``motion-s``.
        pretrained: Load the weights that the package ships, or those of a checkpoint's path or address; else they are
            as initialized.
        device: Where the model goes.
        cfg_options: Settings that replace those of the model's config, such as
            ``{"model.data_preprocessor.layout": "kinect20"}``: motion-s takes any layout.

    Returns:
        The method in eval mode, with its config as ``model.cfg``; ``model.extract_feat`` gives features of clips.

    Raises:
        ConfigError: There is no such model.
        CheckpointError: Its weights are not shipped, or a checkpoint cannot be loaded.
    """
    configs, weights = _configs(), fileio.shipped_weights()
    if name not in configs and name not in weights:
        known = list_models()
        hint = did_you_mean(nearest(name, known))
        raise ConfigError(f"there is no model {name!r}{hint}; mmsync.apis.list_models() has all {len(known)}")
    if pretrained is True and name not in weights:
        text = f"the package has weights of {', '.join(weights) or 'no model'}, but not of {name}"
        raise CheckpointError(f"{text}; give the path or the address of a checkpoint: pretrained=...")
    cfg = (
        load(configs[name], cfg_options) if name in configs else config_within(read_checkpoint(name), name, cfg_options)
    )
    return init_model(cfg, name if pretrained is True else pretrained or None, device)


def load_model(model: Any, pretrained: Union[str, Path, None] = None, device: str = "cpu") -> nn.Module:
    """A built model, or one by a name with shipped weights, by a checkpoint, or by a config and its checkpoint."""
    if isinstance(model, nn.Module):
        return model.to(usable(device)).eval()
    name, configs = str(model), _configs()
    if pretrained is None and name in fileio.shipped_weights() and not Path(name).exists():
        return get_model(name, pretrained=True, device=device)
    if pretrained is None and (name in configs or Path(name).suffix == ".py"):
        raise ConfigError(f"{name} has no weights of its own; give a checkpoint, as pretrained= or in place of it")
    return init_model(configs.get(name, model), pretrained, device, other_input=True)


def list_components(kind: str, pattern: str = "*") -> list[str]:
    """Names of the registered components of a kind that fit a pattern, sorted.

    Args:
        kind: ``'method'``, ``'augmentation'``, or what a registry holds, such as ``'backbone'``, ``'neck'``,
            ``'loss'``, ``'probe'``, ``'hook'``, ``'transform'`` or ``'source'``.
        pattern: As of :func:`list_models`.

    Raises:
        ConfigError: There is no such kind.
    """
    return sorted(name for name in components_of(kind) if fnmatch(name, pattern))


def components_of(kind: str) -> dict[str, Any]:
    """Registered components by name, of a kind as of :func:`list_components`."""
    kinds = component_kinds()
    word = next((one for one in (kind, kind.lower(), kind.lower().removesuffix("s")) if one in kinds), None)
    if word is None:
        hint = did_you_mean(nearest(kind, kinds)) or ";"
        raise ConfigError(f"there is no kind {kind!r} of components{hint} kinds are {', '.join(kinds)}")
    return kinds[word]


def component_kinds() -> dict[str, dict[str, Any]]:
    """All registered components by name, by their kind."""
    found: dict[str, dict[str, Any]] = {}
    for registry in Registry.instances:
        registry.import_from_location()
        found.update(dict.fromkeys(registry.name.split(" or "), registry.module_dict))
    parts = [("augmentation", "transform", BatchAugmentation), ("method", "model", ViewModel)]
    parts += [("source", "dataset", BaseSource), ("dataset", "dataset", KeyedDataset)]
    for kind, holder, base in parts:
        found[kind] = {k: one for k, one in found[holder].items() if isinstance(one, type) and issubclass(one, base)}
    return {kind: found[kind] for kind in sorted(found) if found[kind]}


def _configs() -> dict[str, Path]:
    found = fileio.shipped_configs()
    return {**found, **{name: found[stem] for name, stem in TRAININGS.items() if stem in found}}
