"""From a batch of sequences to the views that a method compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmsync.errors import DataError
from mmsync.ops.time_maps import all_frames
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, check_finite


@MODELS.register_module()
class SequencePreprocessor(ViewPreprocessor):
    """Make the views of a batch of sequences ``(N, T, ...)`` on the training device: joints, frame features, or both.

    Args:
        views: View name -> configs of batched augmentations of sequences. ``None``: training sees the one view of
            evaluation.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A transform in ``views`` that is not a batched augmentation of sequences.
    """

    modality = "sequence"

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Sequences ``(N, T, ...)`` float, or a DataError; ``valid (N, T)`` says which frames are no padding."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        x, valid = view.data, view.valid
        if x.dim() < 3 or not x.is_floating_point():
            raise DataError(f"sequences are {x.dtype} {tuple(x.shape)}; give a float tensor (N, T, ...)")
        if valid is not None and valid.shape != x.shape[:2]:
            raise DataError(f"valid is {tuple(valid.shape)}, but sequences are {tuple(x.shape)}; give (N, T)")
        check_finite(x, samples)
        view = self.cast_data(view)
        return view if view.index is not None else view._replace(index=all_frames(view.data, view.data.shape[1]))
