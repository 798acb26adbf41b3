"""Maps of time, which choose or mix the frames of clips, and what they do to the source index of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor


@dataclass(frozen=True)
class TimeIndex:
    """Output frame t is input frame ``index[n, t]``; ``(N, T')`` int64."""

    index: Tensor


@dataclass(frozen=True)
class TimeMatrix:
    """Output frames are mixtures of input frames; ``matrix (N, T', T)``.

    ``apply (N,)`` bool leaves other clips as they are (then T' is T). With ``keep_absent`` all-zero frames stay zero.
    ``moves=False`` is a filter about each frame: frame t still shows frame t.
    """

    matrix: Tensor
    apply: Optional[Tensor] = None
    keep_absent: bool = False
    moves: bool = True

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        """Mix the frames of persons ``y (P, T, V, C)`` of the clips ``clip (P,)``."""
        chosen = None if self.apply is None else self.apply[clip].nonzero().flatten()
        frames = (y if chosen is None else y.index_select(0, chosen)).flatten(2)
        mixed = self.matrix.to(y.dtype)[clip if chosen is None else clip[chosen]] @ frames
        if self.keep_absent:
            mixed.mul_(occupied(frames))
        mixed = mixed.unflatten(2, y.shape[2:])
        return mixed if chosen is None else y.index_copy_(0, chosen, mixed)


def occupied(frames: Tensor) -> Tensor:
    """Frames ``(P, T, V*C)`` that are not all zero, as ``(P, T, 1)`` bool."""
    return torch.linalg.vector_norm(frames, dim=2, keepdim=True) > 0


def crop_index(start: Tensor, frames: int, pad: int) -> Tensor:
    """Frames ``(N, T)`` of a crop from ``start (N,)``, in ``[0, 2 * pad]``, of the clip mirrored at both ends."""
    index = start[:, None] - pad + torch.arange(frames, device=start.device)
    index = torch.where(index < 0, -1 - index, index)
    return torch.where(index >= frames, 2 * frames - 1 - index, index)


def blur_matrix(sigma: Tensor, frames: int, taps: int = 15, normalize: bool = True) -> Tensor:
    """Gaussian filters over time as banded matrices.

    Args:
        sigma: Standard deviations ``(N,)`` in frames, above 0.
        frames: Number of frames T.
        taps: Width of the filter in frames, odd; taps beyond T - 1 on either side are left out.
        normalize: Whether rows sum to 1; else tap k is ``exp(-k^2 / 2 sigma^2)``, with zeros beyond the ends.

    Returns:
        Tensor: ``(N, T, T)``; row t has the weights of output frame t.
    """
    reach = min(taps // 2, frames - 1)
    exponent = -(torch.arange(reach + 1, device=sigma.device) ** 2) / (2 * sigma[:, None] ** 2)
    half = exponent.clamp(min=-80).exp()  # smaller weights would be denormal in float32, and products with them slow
    kernel = sigma.new_zeros(len(sigma), 2 * frames - 1)  # by lag, from 1 - frames to frames - 1
    kernel[:, frames - 1 : frames + reach] = half
    kernel[:, frames - 1 - reach : frames] = half.flip(1)
    matrix = kernel.unfold(1, frames, 1).flip(1)  # row t is the kernel from lag -t on
    return matrix / matrix.sum(2, keepdim=True) if normalize else matrix


def all_frames(x: Tensor, frames: int) -> Tensor:
    """The index ``(N, T)`` float32 of clips ``x (N, ...)`` as they are: each frame shows itself."""
    return torch.arange(frames, device=x.device, dtype=torch.float32).expand(len(x), -1)


def follow_frames(
    maps: Sequence[Any], x: Tensor, index: Optional[Tensor], valid: Optional[Tensor], axis: int = 2
) -> tuple[Tensor, Optional[Tensor]]:
    """Source ``index (N, T')`` float and ``valid (N, T')`` bool, or None, of the frames that maps of time give.

    ``index`` and ``valid (N, T)`` are those before the maps, of clips ``x`` with T at ``axis``; None: itself, all.
    """
    index = all_frames(x, x.shape[axis]) if index is None else index
    for op in maps:
        if isinstance(op, TimeIndex):
            index = index.gather(1, op.index)
            valid = None if valid is None else valid.gather(1, op.index)
        elif isinstance(op, TimeMatrix) and op.moves:
            index, valid = _mixed(op, index, valid)
    return index, valid


def _mixed(op: TimeMatrix, index: Tensor, valid: Optional[Tensor]) -> tuple[Tensor, Optional[Tensor]]:
    moved = (op.matrix.to(index.dtype) @ index.unsqueeze(2)).squeeze(2)
    if op.apply is not None:
        moved = torch.where(op.apply.unsqueeze(1), moved, index)
    if valid is None:
        return moved, None
    kept = ~((op.matrix != 0) & ~valid.unsqueeze(1)).any(2)
    return moved, kept if op.apply is None else torch.where(op.apply.unsqueeze(1), kept, valid)


def resample_matrix(start: Tensor, length: Tensor, frames: int, size: int, power: Optional[Tensor] = None) -> Tensor:
    """Matrices ``(N, size, frames)`` that cut ``length (N,)`` frames from ``start (N,)`` and resample them linearly.

    Frame i shows ``start + (i + 0.5) * length / size - 0.5``, clamped to the window, without a low-pass filter. With
    ``power (N,)`` above 0 the share ``(i + 0.5) / size`` of the window is raised to it, so that clips speed up or slow
    down.
    """
    start, length = start[:, None], length[:, None]
    center = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    if power is not None:
        center = (center / size) ** power[:, None] * size
    position = start + center * (length / size) - 0.5
    position = torch.minimum(torch.maximum(position, start), start + length - 1).clamp(0, frames - 1)
    lower = position.floor().clamp(max=max(frames - 2, 0))
    weight = (position - lower)[..., None]
    lower = lower.long()[..., None]
    matrix = start.new_zeros(start.shape[0], size, frames)
    matrix.scatter_(2, lower, 1 - weight)
    if frames > 1:
        matrix.scatter_(2, lower + 1, weight)
    return matrix


def whole_matrix(x: Tensor, frames: int, size: int) -> Tensor:
    """The matrix ``(1, size, frames)``, of the dtype of ``x``, that resamples whole clips; half-pixel centers."""
    return resample_matrix(x.new_zeros(1), x.new_full((1,), float(frames)), frames, size)


def mix_frames(x: Tensor, matrix: Tensor) -> Tensor:
    """Mix the frames of clips ``(N, M, T, V, C)`` by one ``matrix (T', T)``: ``(N, M, T', V, C)``."""
    return (matrix @ x.flatten(3)).unflatten(-1, x.shape[3:])
