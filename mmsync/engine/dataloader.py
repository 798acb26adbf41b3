"""Defaults of data loaders that follow from their data set."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.utils.data import DataLoader, IterableDataset

from mmsync.errors import ConfigError


def complete_dataloader(loader: DataLoader, config: Any, seed: Optional[int]) -> None:
    """Set the data set's own ``collate``, unless the config names a ``collate_fn``, and the seeds of workers.

    Args:
        loader: A data loader.
        config: The config that it was built from; the loader itself, if it was built elsewhere, stays as it is.
        seed: Seed of the run.

    Raises:
        ConfigError: The data set is empty, or smaller than a batch with ``drop_last=True``.
    """
    if loader is not config and loader.generator is None:
        # worker seeds come from here: opening an iterator must not advance the generator of the model
        loader.generator = torch.Generator().manual_seed(seed or 0)
    if loader is not config and "collate_fn" not in config and hasattr(loader.dataset, "collate"):
        loader.collate_fn = loader.dataset.collate
    if not isinstance(loader.dataset, IterableDataset) and len(loader) == 0:
        size = len(loader.sampler or loader.dataset)  # type: ignore[arg-type]
        batch_size = getattr(loader.batch_sampler, "batch_size", "?")
        raise ConfigError(
            f"batch_size={batch_size} is larger than the {size} samples that this process sees in an epoch, and "
            f"drop_last=True leaves no batch: lower batch_size to at most {size}, or set drop_last=False"
            if size
            else f"the data set of type {type(loader.dataset).__name__} is empty: check its split and data root"
        )
