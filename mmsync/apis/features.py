"""Models and features in a few lines of Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mmsync.apis.cli import device as usable
from mmsync.config import load
from mmsync.config.inputs import PURPOSES, check_input, input_record
from mmsync.config.load import config_within
from mmsync.engine.checkpoint import load_weights, read_checkpoint
from mmsync.errors import DataError, ProtocolError, did_you_mean, nearest
from mmsync.fileio import is_config
from mmsync.models.methods import SelfSupervisedModel
from mmsync.models.necks.pool import joint_features
from mmsync.registry import MODELS
from mmsync.structures import FeatureTable


def init_model(
    config: Union[str, Path, Config], checkpoint: Union[str, Path, None] = None, device: str = "cpu",
    cfg_options: Optional[dict[str, Any]] = None, trust: bool = False, other_input: bool = False,
) -> nn.Module:  # fmt: skip
    """Build a config's model, ready for evaluation.

    Args:
        config: A config, its file or the name of a shipped one; or a checkpoint alone, which holds the config that it
            was trained with.
        checkpoint: Weights; ``None`` leaves those of the initialization, if a config is given.
        device: Where the model goes.
        cfg_options: Settings that replace those of the config file.
        trust: Let the checkpoint run code while it loads.
        other_input: Accept a checkpoint that was trained with another input (stream, layout, pipeline, window), as
            ``other_input=True`` in the config does; the differences are logged.

    Returns:
        The model in eval mode, with the config as ``model.cfg``.

    Raises:
        CheckpointError: The weights are damaged, unsafe, of another model or of another input.
        ConfigError: The device is not there.
    """
    if isinstance(config, Config):
        cfg = config
    elif checkpoint is None and not is_config(config):
        cfg, checkpoint = config_within(read_checkpoint(config, trust=trust), str(config), cfg_options, trust), config
    else:
        cfg = load(config, cfg_options)
    device = usable(device)
    init_default_scope(cfg.get("default_scope", "mmsync"))
    model = MODELS.build(cfg.model)
    if checkpoint is None:
        with quiet():  # else there are two lines for each weight
            model.init_weights()
    else:
        content, own, source = read_checkpoint(checkpoint, trust=trust), input_record(cfg), str(checkpoint)
        purposes = [name for name in PURPOSES[:2] if own and name in own["data"]][:1]
        allow = other_input or cfg.get("other_input", False)
        check_input(content.get("meta"), own, source, purposes, allow=allow)
        load_weights(model, content["state_dict"], source, partial=cfg.get("load_partial", False), evaluate=True)
    model.cfg = cfg
    return model.to(device).eval()


def read_array(x: Any) -> np.ndarray:
    """An array, a tensor, or what an ``.npy`` file holds; a DataError if it cannot be read."""
    if isinstance(x, torch.Tensor):
        return x.detach().cpu().numpy()
    try:
        return np.load(x, allow_pickle=False) if isinstance(x, (str, Path)) else np.asarray(x)
    except (OSError, ValueError) as error:
        raise DataError(f"{x if isinstance(x, (str, Path)) else type(x).__name__} cannot be read: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep notes of MMEngine's logger from users of Python; warnings are shown."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def encoder_of(method: Any, encoder: Optional[str] = None) -> str:
    """Name of an encoder of a method, the first by default; raises ``ProtocolError`` if it has no such encoder."""
    names = list(getattr(method, "encoders", ("encoder",)))
    if encoder is not None and encoder not in names:
        hint = did_you_mean(nearest(encoder, names)) or "."
        raise ProtocolError(f"{method.__name__} has no encoder {encoder!r}{hint} It has: {', '.join(names)}")
    return encoder or names[0]


def feature_column(method: type, encoder: Optional[str] = None) -> str:
    """Name of the column of an encoder's features, for ``None`` the main one; ``ProtocolError`` if there is none."""
    name = encoder_of(method, encoder)
    if encoder is None or (name == encoder_of(method) and not getattr(method, "fuses", False)):
        return "feature"
    views = dict(zip(getattr(method, "encoders", ()), getattr(method, "views_for_features", ())))
    if name not in views:
        raise ProtocolError(f"{method.__name__} predicts no features of its encoder {name!r}")
    return f"feature_{views[name]}"


@torch.no_grad()
def extract_features(
    model: Any, dataloader: DataLoader, progress: bool = True, joints: bool = False, encoder: Optional[str] = None
) -> FeatureTable:
    """Extract the features of all samples of a data loader.

    Args:
        model: A method; it is put into eval mode.
        dataloader: Gives batches as for ``model.test_step``.
        progress: Show a bar, if standard error is a terminal.
        joints: Add ``joints (N, V' * D)``, half-precision features of each joint; then only of one encoder.
        encoder: Name of that encoder; ``None``: the first.

    Returns:
        The columns that the model predicts, such as ``feature (N, D)``, and those of the samples (label, role, name).

    Raises:
        ProtocolError: ``joints``, and the features of the model are not those of a single skeleton encoder.
    """
    model.eval()
    parts = []
    for batch in tqdm(dataloader, desc="features", disable=None if progress else True):
        if joints:
            parts.append(_with_joints(model, batch, encoder))
            continue
        found = model.test_step(batch)
        if not isinstance(found, FeatureTable):  # a model of another project
            found = FeatureTable.of_rows([sample.to_dict() for sample in found])
        parts.append(found.detach())
    return FeatureTable.cat(parts)


def _with_joints(model: Any, batch: Any, name: Optional[str]) -> FeatureTable:
    own = getattr(type(model), "extract_feat", None)
    if own is not SelfSupervisedModel.extract_feat:
        text = "are not the pooled maps of one encoder; use a probe on pooled features"
        raise ProtocolError(f"features of each joint: those of {type(model).__name__} {text}")
    column = feature_column(type(model), name)
    name = encoder_of(type(model), name)
    view = dict(zip(model.encoders, model.views_for_features))[name]
    encoder = model.feature_encoder(name)
    if getattr(encoder, "frozen", None) is not None:
        raise ProtocolError(
            "features of each joint: those of a frozen encoder have none; set model.encoder.frozen=None"
        )
    data = model.data_preprocessor(batch, False)
    feature = encoder.forward_map(data["inputs"][view])
    if feature.axes != "DTV":
        raise ProtocolError(f"features of each joint: the maps of {name!r} have no joints (axes {feature.axes})")
    table = FeatureTable.of_samples(data["data_samples"]).with_columns(**{column: encoder.extract_map(feature)})
    of_joints = joint_features(feature, getattr(encoder.probe_neck, "counts_absent", True))
    # half the memory; what half precision cannot hold stays single
    of_joints = (of_joints.half() if of_joints.abs().max() < 6e4 else of_joints).cpu()
    return table.detach().with_columns(joints=of_joints)
