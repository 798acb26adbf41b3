"""Whitening that follows from the training data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from mmsync.engine.buffers import synchronize_buffers
from mmsync.errors import ConfigError
from mmsync.models.necks import Whitening
from mmsync.registry import HOOKS


@HOOKS.register_module()
class FitWhiteningHook(Hook):
    """Fit each :class:`~mmsync.models.necks.Whitening` of the model to features of training clips, without labels.

    It does so before a validation or a checkpoint, and at the end of training. Every rank sees the same clips, without
    the augmentation of views. A fit costs their features once, and ``O(clips^3)``.

    Args:
        clips: Number of training clips at most, evenly spaced.

    Raises:
        ConfigError: The model has no ``Whitening``, or its predictions on training clips use none.
    """

    priority = "NORMAL"

    def __init__(self, clips: int = 1024) -> None:
        self.clips = clips

    def before_train(self, runner: Any) -> None:
        """Find the modules."""
        self.modules = [module for module in runner.bare_model.modules() if isinstance(module, Whitening)]
        if not self.modules:
            text = "the model has no Whitening; set whitening of its encoder, or drop the hook"
            raise ConfigError(f"FitWhiteningHook: {text}")

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Fit, if what follows is counted in iterations."""
        if self._due(runner, False, self.every_n_train_iters, self.is_last_train_iter):
            self.fit(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Fit, if what follows is counted in epochs."""
        if self._due(runner, True, self.every_n_epochs, self.is_last_train_epoch):
            self.fit(runner)

    def _due(self, runner: Any, by_epoch: bool, every: Callable[..., bool], last: Callable[..., bool]) -> bool:
        """Whether training ends here, or a checkpoint or a validation follows."""
        saving = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and hook.by_epoch == by_epoch]
        if any(every(runner, hook.interval) for hook in saving):
            return True
        if isinstance(runner.train_loop, IterBasedTrainLoop) == by_epoch:
            return False  # the loop counts otherwise
        return last(runner) or (runner.val_loop is not None and every(runner, runner.val_interval))

    @torch.no_grad()
    def fit(self, runner: Any) -> None:
        """Extract features as for a test, and fit to what the modules get."""
        model, loader = runner.bare_model, runner.train_dataloader
        synchronize_buffers(model)
        seen: dict[Whitening, list[tuple]] = {module: [] for module in self.modules}
        handles = [module.register_forward_pre_hook(lambda m, args: seen[m].append(args)) for module in self.modules]
        places = np.unique(np.linspace(0, len(loader.dataset) - 1, self.clips).round().astype(int)).tolist()
        size, workers = loader.batch_size or 64, loader.num_workers
        model.eval()
        batches = DataLoader(loader.dataset, size, sampler=places, num_workers=workers, collate_fn=loader.collate_fn)
        try:
            with runner.training_rng_kept():
                for batch in batches:
                    model.test_step(batch)
        finally:
            model.train()
            for handle in handles:
                handle.remove()
        if not any(seen.values()):
            raise ConfigError("FitWhiteningHook: features of training clips pass through no Whitening of the model")
        for module, calls in seen.items():
            if calls:  # a momentum encoder has a copy that predicts nothing
                module.fit(*(torch.cat(parts) for parts in zip(*calls) if parts[0] is not None))
