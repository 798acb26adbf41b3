"""Weights of images for videos (Carreira and Zisserman, 2017, Quo Vadis, Action Recognition?, section 2.4)."""

from __future__ import annotations

from torch import Tensor


def inflate(weight: Tensor, frames: int) -> Tensor:
    """Repeat a 2D kernel over time and divide it by its length, so that a still video gives what its image gives.

    Args:
        weight: ``(O, I, kh, kw)``.
        frames: kt, at least 1.

    Returns:
        Tensor: ``(O, I, kt, kh, kw)``.
    """
    return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
