"""Models and features in a few lines of Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mmsync.config import load
from mmsync.engine.checkpoint import load_weights, read_checkpoint
from mmsync.errors import ProtocolError
from mmsync.evaluation.metrics import FeatureSet
from mmsync.models.modules import Encoder
from mmsync.models.necks.pool import joint_features
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
def extract_features(
    model: nn.Module, dataloader: DataLoader, progress: bool = True, joints: bool = False
) -> FeatureSet:
    """Extract the features of all samples of a data loader.

    Args:
        model: A method; it is put into eval mode.
        dataloader: Gives batches as for ``model.test_step``.
        progress: Show a bar, if standard error is a terminal.
        joints: Keep the features of each joint as well, for the MLP probe: ``V' * D`` half-precision numbers a clip.

    Returns:
        Features ``(N, D)`` with labels, roles and names, in the order of the data set.

    Raises:
        ProtocolError: ``joints``, and the features of the model do not come out of one :class:`Encoder`.
    """
    model.eval()
    parts = []
    with _joints_of(model) if joints else nullcontext([]) as seen:
        for batch in tqdm(dataloader, desc="features", disable=None if progress else True):
            part = FeatureSet.of([s.to_dict() for s in model.test_step(batch)])
            if joints:
                if len(seen) != 1 or len(seen[0]) != len(part.names):
                    raise ProtocolError(
                        f"features of each joint: {type(model).__name__} pools {len(seen)} maps for a prediction, and "
                        "one is wanted; its extract_feat has to call the extract of one Encoder"
                    )
                part = part._replace(joints=seen.pop())
            parts.append(part)
    return FeatureSet.cat(parts)


@contextmanager
def _joints_of(model: nn.Module) -> Iterator[list[Tensor]]:
    """Fills a list with the joint features of every map that an encoder of the model pools.

    What a probe sees is what a method pools, whatever it calls its encoders; so the pooling neck is where to listen.
    """
    seen: list[Tensor] = []

    def keep(neck: nn.Module, inputs: tuple, output: Tensor) -> None:
        features = joint_features(inputs[0], getattr(neck, "counts_absent", True))
        # half the memory; what half precision cannot hold stays single
        seen.append((features.half() if features.abs().max() < 6e4 else features).cpu())

    handles = [m.probe_neck.register_forward_hook(keep) for m in model.modules() if isinstance(m, Encoder)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
