"""Boxes ``x1 y1 x2 y2`` in pixels, the last axis; a side is ``x2 - x1``, without the +1 of some old code."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ENLARGE_MODES = ("side", "area")


def area(boxes: Tensor) -> Tensor:
    """Areas ``(...)`` of boxes ``(..., 4)``; 0 for boxes turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def intersection(a: Tensor, b: Tensor) -> Tensor:
    """Area ``(...)`` that two boxes ``(..., 4)`` share, broadcast: ``a[:, None]`` and ``b`` give all pairs."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    return (high - low).clamp(min=0).prod(-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union ``(...)`` in [0, 1] of boxes ``(..., 4)``, broadcast; 0 where both are empty."""
    shared = intersection(a, b)
    return _share(shared, area(a) + area(b) - shared)


def coverage(found: Tensor, truth: Tensor) -> Tensor:
    """Share ``(...)`` of the true box ``(..., 4)`` that the found one covers; 0 where the truth is empty."""
    return _share(intersection(found, truth), area(truth))


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Part divided by whole, also of integers; 0 where the whole is 0."""
    return part / whole.masked_fill(whole == 0, 1)


def enlarge(boxes: Tensor, share: float = 0.2, mode: str = "side") -> Tensor:
    """Enlarge sides or area (``mode``) of boxes ``(..., 4)`` by ``share``; a ValueError if nothing is left."""
    if mode not in ENLARGE_MODES or share <= -1:
        raise ValueError(f"enlarge(share={share}, mode={mode!r}): mode is one of {ENLARGE_MODES}, share above -1")
    factor = 1 + share if mode == "side" else math.sqrt(1 + share)
    center, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) * (factor / 2)
    return torch.cat([center - half, center + half], -1)
