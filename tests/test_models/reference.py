"""Reads reference state dicts into mmsync's modules."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def tensors(archive, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of an archive whose name begins with ``prefix``, without it."""
    return {k[len(prefix) :]: torch.from_numpy(np.array(archive[k])) for k in archive.files if k.startswith(prefix)}


def to_mmsync(x: torch.Tensor) -> torch.Tensor:
    """``(N, C, T, V, M)`` to ``(N, M, T, V, C)``."""
    return x.permute(0, 4, 2, 3, 1).contiguous()


def encoder_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Reference encoder names to those of ``Encoder(STGCN, MLPProjector)``."""
    return {f"projector.layers.{k[3:]}" if k.startswith("fc.") else f"backbone.{k}": v for k, v in state.items()}


def method_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Reference MoCo names to those of ``SkeletonCLR`` and ``AimCLR``."""
    out = {"queue.keys": state["queue"], "queue.pointer": state["queue_ptr"]}
    for theirs, ours in (("encoder_q.", "encoder."), ("encoder_k.", "key_encoder.module.")):
        part = {k[len(theirs) :]: v for k, v in state.items() if k.startswith(theirs)}
        out.update({ours + k: v for k, v in encoder_state(part).items()})
    return out


def load_strictly(module: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Loads a state in which nothing but the preprocessor's generator may be missing."""
    result = module.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert all(k.startswith("data_preprocessor.") for k in result.missing_keys), result.missing_keys
