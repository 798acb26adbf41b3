"""The offset between two streams, from distances of embeddings of their windows (Chung and Zisserman, 2016)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Offset(NamedTuple):
    """The offset of the second stream.

    Attributes:
        offset: Steps by which the second stream is early: its step ``t`` shows what the first one shows at ``t +
            offset``. As in SyncNet's public code, a positive number means that the sound runs ahead of the picture.
        confidence: Median less least mean distance; 0 if no shift stands out.
        distance: Least mean distance.
        curve: ``(2 R + 1,)``, mean distance at each offset, from R down to -R.
    """

    offset: int
    confidence: float
    distance: float
    curve: Tensor


def shifted_distances(first: Tensor, second: Tensor, reach: int, edge: Literal["mask", "zeros"] = "mask") -> Tensor:
    """Distances ``(T, 2 reach + 1)`` of step i of ``first (T, D)`` to step ``i + k - reach`` of ``second (T, D)``.

    Beyond the ends of ``second`` distances are NaN (``'mask'``), or those to a vector of zeros, which may be nearer
    than any true one (``'zeros'``, as in SyncNet's public code). Cost ``O(T R D)``.

    Raises:
        ValueError: Streams of other shapes than ``(T, D)`` with the same D.
    """
    if first.dim() != 2 or second.dim() != 2 or first.shape[1] != second.shape[1] or not len(first):
        raise ValueError(f"streams of embeddings are {tuple(first.shape)} and {tuple(second.shape)}; wanted (T, D)")
    steps = min(len(first), len(second))
    padded = F.pad(second[:steps], (0, 0, reach, reach))
    windows = padded.unfold(0, 2 * reach + 1, 1).transpose(1, 2)  # (T, 2 R + 1, D)
    found = F.pairwise_distance(first[:steps, None], windows)
    if edge == "mask":
        at = torch.arange(steps, device=found.device)[:, None] + torch.arange(-reach, reach + 1, device=found.device)
        found = found.masked_fill((at < 0) | (at >= steps), torch.nan)
    return found


def framewise_confidence(distances: Tensor, offset: int, size: int = 9) -> Tensor:
    """Confidence of an offset at each step, ``(T,)``: as SyncNet's public code shows where someone speaks.

    The median of the mean distances at all shifts less the step's distance at ``offset``, of :func:`shifted_distances`
    ``(T, 2 R + 1)``; then a median filter of ``size`` steps, an odd number, with zeros beyond the ends. It is 0 where
    ``offset`` leads beyond the end of a masked stream.

    Raises:
        ValueError: An even size, or an offset beyond the shifts.
    """
    reach = distances.shape[1] // 2
    if size < 1 or size % 2 == 0 or abs(offset) > reach:
        raise ValueError(f"framewise_confidence: {size=}, {offset=}: give an odd size, and an offset within {reach}")
    found = (distances.nanmean(0).median() - distances[:, reach - offset]).nan_to_num(0.0)
    return F.pad(found, (size // 2, size // 2)).unfold(0, size, 1).median(1).values


def estimate_offset(first: Tensor, second: Tensor, reach: int = 15, edge: Literal["mask", "zeros"] = "mask") -> Offset:
    """Find the shift at which the mean distance over all steps is least, within ``reach`` steps either way.

    Raises:
        ValueError: As :func:`shifted_distances`; or with ``'mask'`` no more than ``reach`` steps.
    """
    distances = shifted_distances(first, second, reach, edge)
    if edge == "mask" and len(distances) <= reach:
        raise ValueError(f"{len(distances)} steps are too few for offsets up to {reach}; give longer streams")
    curve = distances.nanmean(0)
    best = int(curve.argmin())
    return Offset(reach - best, float(curve.median() - curve[best]), float(curve[best]), curve)
