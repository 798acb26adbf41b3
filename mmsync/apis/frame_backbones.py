"""Networks for the features of frames: timm's, your own, and one without weights."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Optional, Union

import torch
from torch import nn

from mmsync.engine.checkpoint import read_checkpoint, require_checkpoint
from mmsync.errors import CheckpointError, ConfigError, DependencyError

_GRID = 8


class ColorGrid(nn.Module):
    """Mean colors of an 8 x 8 grid: pictures ``(N, 3, H, W)`` to ``(N, 192)``, without weights, for first tries."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(images, _GRID).flatten(1)


def frame_backbone(name: str, checkpoint: Optional[Union[str, Path]] = None, size: int = 224) -> nn.Module:
    """A network that maps pictures ``(N, 3, size, size)`` to features ``(N, D)``.

    Args:
        name: ``'color_grid'``; ``'timm:NAME'``, such as ``timm:vit_giant_patch14_dinov2``; or
            ``'package.module:factory'``, a callable without arguments that gives such a network.
        checkpoint: Weights. timm renames those of DINOv2 as published (``blocks.N.mlp.w12`` and ``w3``, register
            tokens), drops ``mask_token``, and resamples the position embedding to ``size``. Without a checkpoint timm
            downloads its own weights. Those for a factory have to match its network's names, all of them.
        size: Height and width of the pictures.

    Raises:
        CheckpointError: The checkpoint is missing, or does not match.
        ConfigError: There is no such network.
        DependencyError: timm is missing.
    """
    kind, colon, rest = name.partition(":")
    if name == "color_grid":
        if checkpoint is not None:
            raise ConfigError(f"--backbone color_grid has no weights; leave out --checkpoint {checkpoint}")
        return ColorGrid()
    if not colon or not rest:
        raise ConfigError(f"--backbone {name!r}: give color_grid, timm:NAME or package.module:factory")
    return _timm(rest, checkpoint, size) if kind == "timm" else _own(kind, rest, checkpoint)


def _timm(name: str, checkpoint: Optional[Union[str, Path]], size: int) -> nn.Module:
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise DependencyError(f"--backbone timm:{name} needs timm: python -m pip install timm ({error})") from error
    options: dict = {"pretrained": True, "num_classes": 0}
    if checkpoint is not None:
        options["pretrained_cfg_overlay"] = {"file": str(require_checkpoint(checkpoint))}  # before any download
    try:
        try:
            return timm.create_model(name, img_size=size, **options)
        except TypeError:  # convolutional networks take pictures of any size
            return timm.create_model(name, **options)
    except Exception as error:  # unknown names, downloads and weights fail in many ways
        hint = "are these its weights?" if checkpoint is not None else "without network access, give --checkpoint FILE"
        raise ConfigError(f"--backbone timm:{name}: {type(error).__name__}: {error}; {hint}") from error


def _own(module: str, factory: str, checkpoint: Optional[Union[str, Path]]) -> nn.Module:
    if os.getcwd() not in sys.path:  # a script has its own folder there instead
        sys.path.append(os.getcwd())
    try:
        network = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        text = "give package.module:factory, a callable without arguments"
        raise ConfigError(f"--backbone {module}:{factory}: {type(error).__name__}: {error}; {text}") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f"--backbone {module}:{factory} gives a {type(network).__name__}; wanted a torch.nn.Module")
    if checkpoint is not None:
        try:
            network.load_state_dict(read_checkpoint(checkpoint)["state_dict"])
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(f"checkpoint {checkpoint} does not match {module}:{factory}: {error}") from error
    return network
