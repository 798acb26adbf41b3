"""Random tensors of one generator, on its device."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


class Dice:
    """Draws of a generator; the last arguments are the shape."""

    def __init__(self, generator: Generator) -> None:
        self.generator, self.device = generator, generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in [low, high)."""
        return low + (high - low) * torch.rand(*shape, generator=self.generator, device=self.device)

    def normal(self, scale: float, *shape: int) -> Tensor:
        """Normal about zero."""
        return scale * torch.randn(*shape, generator=self.generator, device=self.device)

    def spread(self, scale: float, *shape: int) -> Tensor:
        """Log-normal about 1."""
        return self.normal(scale, *shape).exp()

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with a probability, bool."""
        return torch.rand(*shape, generator=self.generator, device=self.device) < probability

    def sign(self, *shape: int) -> Tensor:
        """1 or -1."""
        return 1 - 2 * self.chance(0.5, *shape).float()

    def index(self, size: int, *shape: int) -> Tensor:
        """Integers in [0, size)."""
        return torch.randint(size, shape, generator=self.generator, device=self.device)
