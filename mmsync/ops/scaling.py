"""Scales of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

Standardize = Union[bool, Literal["whiten"]]


class Scaling(NamedTuple):
    """A linear preparation of features, fitted on a bank, by which all directions count alike.

    ``True`` brings each feature to zero mean and unit variance. ``'whiten'`` does so along the principal axes, so that
    features that say the same do not count twice: an axis of variance v is divided by ``(v + s m) ** power``, where m
    is the mean variance of the axes that the bank has. The shrinkage s keeps axes that hold little but noise small.
    Axes are those of 4096 samples at most, evenly spaced in the bank; beyond the ``num_axes`` of largest variance, v
    counts as 0. A power of 0.5 is whitening, 0 none.
    """

    mean: Tensor  # (D,)
    scale: Tensor  # (D,) or (), factor of each feature
    axes: Tensor  # (D, R), principal axes, empty unless whitened
    gain: Tensor  # (R,), what is added to the factor along each

    @classmethod
    def of(
        cls, bank: Tensor, how: Standardize, shrinkage: float = 1.0, most: int = 4096, power: float = 0.5,
        num_axes: Optional[int] = None,
    ) -> Scaling:  # fmt: skip
        """Fit on a bank ``(B, D)``; ``False`` leaves features as they are."""
        none = bank.new_zeros(bank.shape[1], 0), bank.new_zeros(0)
        if how != "whiten":
            mean, std = mean_and_std(bank) if how else (torch.zeros_like(bank[0]), torch.ones_like(bank[0]))
            return cls(mean, 1 / std, *none)
        mean = bank.mean(0)
        x = (bank[:: -(-len(bank) // most)] - mean).double()
        wide = x.shape[1] > len(x)
        value, vector = torch.linalg.eigh((x @ x.T if wide else x.T @ x) / len(x))
        known = value > 1e-6 * value.amax()  # no axes that rounding alone makes
        value, axes = value[known], (x.T @ vector if wide else vector)[:, known]
        noise = shrinkage * value.mean() if len(value) else value.new_ones(())
        kept = slice(None if num_axes is None else max(len(value) - num_axes, 0), None)  # they come in ascending order
        scale = noise**-power
        parts = (scale, F.normalize(axes[:, kept], dim=0), (value[kept] + noise) ** -power - scale)
        return cls(mean, *(part.to(bank.dtype) for part in parts))

    def linear(self, x: Tensor) -> Tensor:
        """Scale ``(N, D)``, which is a product with a symmetric matrix."""
        return x * self.scale + x @ self.axes * self.gain @ self.axes.T

    def __call__(self, x: Tensor) -> Tensor:
        """Prepare features ``(N, D)``."""
        return self.linear(x - self.mean)


def side_by_side(parts: Sequence[Tensor], weight: Union[float, Tensor] = 1.0) -> Tensor:
    """Features ``(N, E)``, if any, and ``(N, D)``, of length ``D ** 0.5``; the last times ``weight`` beside them."""
    *given, last = (F.normalize(part.float(), dim=1) * parts[-1].shape[1] ** 0.5 for part in parts)
    return torch.cat([*given, weight * last], 1) if given else last


def mean_and_std(bank: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``(D,)`` of features ``(B, D)``, the latter at least 1e-6."""
    return bank.mean(0), bank.std(0, unbiased=False).clamp_min(1e-6)
