"""From a batch of sound to the views that a method compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.ops.sound import INT16
from mmsync.registry import MODELS, TRANSFORMS, OptConfig
from mmsync.structures import View
from mmsync.views.audio.frontends import FrontEnd
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, Views, check_finite


@MODELS.register_module()
class AudioPreprocessor(ViewPreprocessor):
    """Make the views of a batch of sound on the training device.

    Waveforms are ``(N, C, S)``, or ``(N, K, C, S)`` of K sounds a sample, float in [-1, 1] or int16; without a front
    end spectrograms ``(N, 1, F, T)`` are passed on too.

    Args:
        frontend: Config of the front end, applied to the augmented waveforms, such as ``dict(type="LogMel")``;
            ``None``: views are what comes in.
        views: View name -> configs of batched augmentations of sound. ``None``: training sees the one view of
            evaluation.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A transform in ``views`` that is not a batched augmentation of sound, or no front end in
            ``frontend``.
    """

    modality = "audio"

    def __init__(
        self, frontend: OptConfig = None, views: Optional[Views] = None, seed: Optional[int] = None,
        non_blocking: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(views, seed, non_blocking)
        self.frontend = None if frontend is None else TRANSFORMS.build(dict(frontend))
        if self.frontend is not None and not isinstance(self.frontend, FrontEnd):
            raise ConfigError(f"AudioPreprocessor: frontend {type(self.frontend).__name__} is no front end of sound")

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Sound, or a DataError; samples of 16 bits become floats in [-1, 1)."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        x = view.data
        coded = x.dtype == torch.int16
        if not (coded or x.is_floating_point()) or x.dim() not in (3, 4):
            wanted = "waveforms (N, C, S) or (N, K, C, S), or spectrograms (N, 1, F, T)"
            raise DataError(f"sound is {x.dtype} {tuple(x.shape)}; give {wanted}")
        if not coded:
            check_finite(x, samples)
        return self.to_view(self.cast_data(view))

    def to_view(self, inputs: Inputs) -> View:
        """What :meth:`prepare` makes of good sound on the device."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        return view._replace(data=view.data.float() / INT16) if view.data.dtype == torch.int16 else view

    def finish(self, view: View) -> View:
        """The front end's result."""
        return view if self.frontend is None else view._replace(data=self.frontend(view.data))
