"""Statistics of feature maps over segments of the frames that count, and over groups of places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

STATISTICS = ("mean", "max", "std")


def segment_weights(frames: int, segments: Sequence[int], valid: Optional[Tensor] = None) -> Tensor:
    """Weights of frames in equal segments of the frames that count.

    With L frames that count, segment s of S is the stretch from ``s L / S`` to ``(s + 1) L / S`` of them, in order. A
    frame on its border belongs to it by its share, so that all segments are equally long whatever L is.

    Args:
        frames: T'.
        segments: Numbers of segments; those of further numbers follow, as in a pyramid of 1, 2 and 4.
        valid: ``(N, T')`` bool, which frames count; ``None``: all.

    Returns:
        ``(N, S, T')``, or ``(1, S, T')`` without ``valid``; each row sums to 1, to 0 where no frame counts.
    """
    valid = torch.ones(1, frames, dtype=torch.bool) if valid is None else valid
    rank, count = valid.cumsum(1) - 1.0, valid.sum(1, keepdim=True)
    rows = []
    for number in segments:
        start = torch.arange(number, device=valid.device)[:, None] * (count / number)[:, None]  # (N, number, 1)
        end = start + (count / number)[:, None]
        shared = torch.minimum(rank[:, None] + 1, end) - torch.maximum(rank[:, None], start)
        rows.append(shared.clamp(min=0) * valid[:, None])
    weight = torch.cat(rows, 1)
    weight = weight.masked_fill(weight < 1e-5 * weight.amax(2, keepdim=True), 0)  # what rounding leaves of a border
    return weight / weight.sum(2, keepdim=True).clamp(min=1e-12)


def cell_statistics(
    x: Tensor, weight: Tensor, parts: Sequence[Sequence[int]], statistics: Sequence[str] = ("mean",)
) -> Tensor:
    """Statistics of each cell, a segment of time and a group of places: ``(P, T', V', D)`` to ``(P, S, K, R, D)``.

    Args:
        x: ``(P, T', V', D)``.
        weight: ``(P, S, T')`` or ``(1, S, T')``, of the frames in each segment, from :func:`segment_weights`.
        parts: Places of each of the K groups, which weigh the same.
        statistics: R of ``'mean'``, ``'max'``, of frames with a share in the segment, and ``'std'``, 1e-3 or
            more.

    Returns:
        ``(P, S, K, R, D)``; zero where no frame counts.
    """
    places = x.new_zeros(len(parts), x.shape[2])
    for row, part in zip(places, parts):
        row[list(part)] = 1 / len(part)
    weight = weight.to(x)
    cells = (weight[:, :, None, :, None] * places[:, None]).flatten(1, 2).flatten(2)  # (P, S K, T' V')

    def mean(values: Tensor) -> Tensor:
        return (cells @ values.flatten(1, 2)).unflatten(1, (-1, len(parts)))

    found = {}
    if "mean" in statistics:
        found["mean"] = mean(x)
    if "std" in statistics:
        shifted = (
            x - mean(x).mean((1, 2))[:, None, None]
        )  # any shift will do; this one keeps digits of small deviations
        variance = (mean(shifted.square()) - mean(shifted).square()).clamp(min=1e-6)
        found["std"] = variance.sqrt() * (weight.sum(2) > 0)[:, :, None, None]
    if "max" in statistics:
        by_part = torch.stack([x[:, :, list(part)].amax(2) for part in parts], 2)
        out = (weight == 0)[..., None, None]  # (P, S, T', 1, 1)
        least = torch.finfo(x.dtype).min
        most = torch.stack([by_part.masked_fill(out[:, s], least).amax(1) for s in range(out.shape[1])], 1)
        found["max"] = most.masked_fill(out.all(2), 0)
    return torch.stack([found[name] for name in statistics], 3)
