"""Weights of images for videos (Carreira and Zisserman, 2017, Quo Vadis, Action Recognition?, section 2.4)."""

from __future__ import annotations

from torch import Tensor


def inflate(weight: Tensor, frames: int) -> Tensor:
    """A 2D kernel repeated over time and divided by its length, so that a still video gives what the image gives.

    Args:
        weight: ``(O, I, kh, kw)``.
        frames: kt, at least 1.

    Returns:
        Tensor: ``(O, I, kt, kh, kw)``.
    """
    return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
