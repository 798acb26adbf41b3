"""Linear resampling of clips in time, each clip with its own window."""

from __future__ import annotations

import torch
from torch import Tensor


def resample_matrix(start: Tensor, length: Tensor, frames: int, size: int) -> Tensor:
    """Matrices ``(N, T', T)`` that cut a window out of each clip and resample it linearly.

    Output frame i shows ``start + (i + 0.5) * length / size - 0.5`` (half-pixel centres), clamped to the window, as
    ``F.interpolate(mode='linear', align_corners=False)`` does on the cut-out clip. No low-pass filter.

    Args:
        start: ``(N,)``, first frame of each window, may be fractional, ``0 <= start``.
        length: ``(N,)``, length of each window in frames, at least 1, ``start + length <= frames``.
        frames: Number T of frames of the clips.
        size: Number T' of frames to make.
    """
    start, length = start[:, None], length[:, None]
    centre = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    position = start + centre * (length / size) - 0.5
    position = torch.minimum(torch.maximum(position, start), start + length - 1).clamp(0, frames - 1)
    lower = position.floor().clamp(max=max(frames - 2, 0))
    weight = (position - lower)[..., None]
    lower = lower.long()[..., None]
    matrix = start.new_zeros(start.shape[0], size, frames)
    matrix.scatter_(2, lower, 1 - weight)
    if frames > 1:
        matrix.scatter_(2, lower + 1, weight)
    return matrix


def resample(x: Tensor, size: int) -> Tensor:
    """Resample clips ``(N, M, T, V, C)`` to ``size`` frames, linearly with half-pixel centres."""
    frames = x.shape[2]
    if frames == size:
        return x
    matrix = resample_matrix(x.new_zeros(1), x.new_full((1,), float(frames)), frames, size)[0]
    return (matrix @ x.flatten(3)).unflatten(-1, x.shape[3:])
