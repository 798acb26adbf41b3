"""Defaults of data loaders that follow from their data set."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.utils.data import DataLoader, IterableDataset

from mmsync.errors import ConfigError


def set_loader_defaults(loader: DataLoader, config: Any, seed: Optional[int]) -> None:
    """Give a new loader the data set's own ``collate``, if the config names no ``collate_fn``, and worker seeds.

    Args:
        loader: The loader.
        config: The config that it was built from.
        seed: Seed of the run.
    """
    if loader.generator is None:
        # worker seeds come from here: opening an iterator must not advance the generator of the model
        loader.generator = torch.Generator().manual_seed(seed or 0)
    if "collate_fn" not in config and hasattr(loader.dataset, "collate"):
        loader.collate_fn = loader.dataset.collate


def require_batches(loader: DataLoader) -> None:
    """Make sure that a loader gives at least one batch.

    Raises:
        ConfigError: The data set is empty, or smaller than a batch with ``drop_last=True``.
    """
    if isinstance(loader.dataset, IterableDataset) or len(loader) > 0:
        return
    size = len(loader.sampler or loader.dataset)  # type: ignore[arg-type]
    if not size:
        raise ConfigError(
            f"the data set of type {type(loader.dataset).__name__} is empty: check its split and data root"
        )
    raise ConfigError(
        f"batch_size={getattr(loader.batch_sampler, 'batch_size', '?')} is larger than the {size} samples that this "
        f"process sees in an epoch, and drop_last=True leaves no batch: lower batch_size to at most {size}, or set "
        "drop_last=False"
    )
