"""What the preprocessors share: a generator that is a function of (seed, step, rank)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmsync.errors import DataError
from mmsync.structures import View


class ViewPreprocessor(BaseDataPreprocessor):
    """Base of what makes views; ``seed`` and ``step`` are buffers, so that a resumed run draws what the whole one did.

    Args:
        seed: Of the augmentations. ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.
    """

    seed: Tensor
    step: Tensor
    feature_views: Sequence[str] = ("clip",)
    """Names of the views of evaluation; the model sets them to its ``views_for_features``."""

    def __init__(self, seed: Optional[int] = None, non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.register_buffer("seed", torch.tensor(torch.initial_seed() % 2**31 if seed is None else seed))
        self.register_buffer("step", torch.tensor(0))

    def next_generator(self, device: torch.device) -> torch.Generator:
        """The generator of this step; counts the step."""
        key = np.random.SeedSequence((int(self.seed), int(self.step), get_rank())).generate_state(1, np.uint64)
        self.step += 1
        return torch.Generator(device).manual_seed(int(key[0]) >> 1)


def sole_view(inputs: Union[Tensor, View, Mapping[str, Any]]) -> View:
    """The only view of a batch.

    Args:
        inputs: A tensor, a view, or a dict with one of them.

    Raises:
        DataError: The batch has several.
    """
    if isinstance(inputs, Mapping):
        if len(inputs) != 1:
            raise DataError(
                f"the batch has the inputs {', '.join(inputs)}, but this data preprocessor makes views of one; "
                "use ComposedPreprocessor"
            )
        (inputs,) = inputs.values()
    return inputs if isinstance(inputs, View) else View(inputs)
