"""From a batch of sound to the views that a method compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, check_finite


@MODELS.register_module()
class AudioPreprocessor(ViewPreprocessor):
    """Make the views of a batch of waveforms ``(N, C, S)`` or spectrograms ``(N, 1, F, T)`` on the training device.

    Args:
        views: View name -> configs of batched augmentations of sound. ``None``: training sees the one view of
            evaluation.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A transform in ``views`` that is not a batched augmentation of sound.
    """

    modality = "audio"

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Sound, or a DataError; samples of 16 bits become floats in [-1, 1)."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        x = view.data
        coded = x.dtype == torch.int16 and x.dim() == 3
        if not coded and not (x.is_floating_point() and x.dim() in (3, 4)):
            raise DataError(
                f"sound is {x.dtype} {tuple(x.shape)}; give waveforms (N, C, S) or spectrograms (N, 1, F, T)"
            )
        if not coded:
            check_finite(x, samples)
        view = self.cast_data(view)
        return view._replace(data=view.data.float() / 2**15) if coded else view
