"""What the preprocessors share: a generator that is a function of (seed, step, rank)."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.model import BaseDataPreprocessor
from torch import Tensor


class ViewPreprocessor(BaseDataPreprocessor):
    """Base of what makes views; ``seed`` and ``step`` are buffers, so that a resumed run draws what the whole one did.

    Args:
        seed: Of the augmentations. ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.
    """

    seed: Tensor
    step: Tensor

    def __init__(self, seed: Optional[int] = None, non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.register_buffer("seed", torch.tensor(torch.initial_seed() % 2**31 if seed is None else seed))
        self.register_buffer("step", torch.tensor(0))

    def next_generator(self, device: torch.device) -> torch.Generator:
        """The generator of this step; counts the step."""
        key = np.random.SeedSequence((int(self.seed), int(self.step), get_rank())).generate_state(1, np.uint64)
        self.step += 1
        return torch.Generator(device).manual_seed(int(key[0]) >> 1)
