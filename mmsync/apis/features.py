"""Models and features in a few lines of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mmsync.config import load
from mmsync.engine.checkpoint import load_weights, read_checkpoint
from mmsync.evaluation.metrics import FeatureSet
from mmsync.registry import MODELS


def init_model(
    config: Union[str, Path, Config],
    checkpoint: Union[str, Path, None] = None,
    device: str = "cpu",
    cfg_options: Optional[dict[str, Any]] = None,
    trust: bool = False,
) -> nn.Module:
    """Build a config's model, ready for evaluation.

    Args:
        config: A config file, or a config.
        checkpoint: Weights; ``None`` leaves those of the initialisation.
        device: Where the model goes.
        cfg_options: Settings that replace those of the config file.
        trust: Let the checkpoint run code while it loads.

    Returns:
        The model in eval mode; ``model.cfg`` is the config.

    Raises:
        CheckpointError: The weights are damaged, unsafe or of another model.
    """
    cfg = config if isinstance(config, Config) else load(config, cfg_options)
    init_default_scope(cfg.get("default_scope", "mmsync"))
    model = MODELS.build(cfg.model)
    if checkpoint is None:
        model.init_weights()
    else:
        load_weights(model, read_checkpoint(checkpoint, trust=trust)["state_dict"], str(checkpoint))
    model.cfg = cfg
    return model.to(device).eval()


@torch.no_grad()
def extract_features(model: nn.Module, dataloader: DataLoader, progress: bool = True) -> FeatureSet:
    """Extract the features of all samples of a data loader.

    Args:
        model: A method; it is put into eval mode.
        dataloader: Gives batches as for ``model.test_step``.
        progress: Show a bar, if standard error is a terminal.

    Returns:
        Features ``(N, D)`` with labels, roles and names, in the order of the data set.
    """
    model.eval()
    batches = tqdm(dataloader, desc="features", disable=None if progress else True)
    return FeatureSet.cat([FeatureSet.of([s.to_dict() for s in model.test_step(batch)]) for batch in batches])
