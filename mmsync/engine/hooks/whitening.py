"""Whitening that follows from the training data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from mmsync.engine.training_state import get_rng_state, set_rng_state
from mmsync.errors import ConfigError
from mmsync.models.necks import Whitening
from mmsync.registry import HOOKS


@HOOKS.register_module()
class FitWhiteningHook(Hook):
    """Fit each :class:`~mmsync.models.necks.Whitening` of the model to features of training clips, without labels.

    It does so before each validation, before its checkpoint is written, and at the end of training. Every rank sees the
    same clips, without augmentation. A fit costs their features once, and an eigendecomposition ``O(clips^3)``.

    Args:
        clips: Number of training clips at most, evenly spaced.
        batch_size: Clips in a batch.

    Raises:
        ConfigError: The model has no ``Whitening``, or its predictions on training clips use none.
    """

    priority = "NORMAL"

    def __init__(self, clips: int = 1024, batch_size: int = 128) -> None:
        self.clips, self.batch_size = clips, batch_size

    def before_train(self, runner: Any) -> None:
        """Find the modules."""
        self.modules = [module for module in runner.bare_model.modules() if isinstance(module, Whitening)]
        if not self.modules:
            text = "the model has no Whitening; set whitening of its encoder, or drop the hook"
            raise ConfigError(f"FitWhiteningHook: {text}")

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Fit, if training counts iterations and a validation follows."""
        due = self.is_last_train_iter(runner) or self.every_n_train_iters(runner, runner.val_interval)
        if due and isinstance(runner.train_loop, IterBasedTrainLoop):
            self.fit(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Fit, if training counts epochs and a validation follows."""
        due = self.is_last_train_epoch(runner) or self.every_n_epochs(runner, runner.val_interval)
        if due and not isinstance(runner.train_loop, IterBasedTrainLoop):
            self.fit(runner)

    @torch.no_grad()
    def fit(self, runner: Any) -> None:
        """Extract features as for a test, and fit to what the modules get."""
        model, loader, rng = runner.bare_model, runner.train_dataloader, get_rng_state()
        data = loader.dataset
        seen: dict[Whitening, list[tuple]] = {module: [] for module in self.modules}
        handles = [module.register_forward_pre_hook(lambda m, args: seen[m].append(args)) for module in self.modules]
        places = np.unique(np.linspace(0, len(data) - 1, self.clips).round().astype(int))
        model.eval()
        try:
            for batch in DataLoader(data, self.batch_size, sampler=places.tolist(), collate_fn=loader.collate_fn):
                model.test_step(batch)
        finally:
            model.train()
            set_rng_state(rng)
            for handle in handles:
                handle.remove()
        for module, calls in seen.items():
            if not calls:
                raise ConfigError("FitWhiteningHook: features of training clips pass through no Whitening of the model")
            module.fit(*(torch.cat(parts) for parts in zip(*calls) if parts[0] is not None))
