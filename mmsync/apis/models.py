"""Models by name: those of the shipped configs, and those whose weights the package ships."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Optional, Union

from torch import nn

from mmsync import fileio
from mmsync.apis.features import init_model
from mmsync.config import load
from mmsync.config.load import config_within
from mmsync.engine.checkpoint import read_checkpoint
from mmsync.errors import CheckpointError, ConfigError, did_you_mean, nearest

TRAININGS = {"motion-s": "motion_s_synthetic"}
"""The config that a model with shipped weights is trained by."""


def list_models(pattern: str = "*") -> list[str]:
    """Names of models that fit a pattern, sorted.

    Args:
        pattern: As of file names: ``*`` any characters, ``?`` one, ``[ab]`` one of these.
    """
    return sorted(name for name in {*_configs(), *_weights()} if fnmatch(name, pattern))


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
    configs, weights = _configs(), _weights()
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


def _configs() -> dict[str, Path]:
    found = fileio.shipped_configs()
    return {**found, **{name: found[stem] for name, stem in TRAININGS.items() if stem in found}}


def _weights() -> list[str]:
    return sorted(path.stem.replace("_", "-") for path in fileio.WEIGHTS.glob("*.pth"))
