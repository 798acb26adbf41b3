"""Weights of images for videos (Carreira and Zisserman, 2017, Quo Vadis, Action Recognition?, section 2.4)."""

from __future__ import annotations

from torch import Tensor


def inflate(weight: Tensor, frames: int) -> Tensor:
    """Repeat a 2D kernel over time: ``(O, I, kh, kw) -> (O, I, frames, kh, kw)``; a still video is as its image."""
    return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
