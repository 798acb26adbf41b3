"""Frames that two views of a sequence share, and samples of a view that are replaced."""

from __future__ import annotations

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ContractError
from mmsync.structures import View
from mmsync.views.sequence.augmentation import all_valid


def shared_frames(first: View, second: View) -> Tensor:
    """How many valid frames of the first view have an ``index`` that the second has too, ``(N,)`` int64.

    Sorts one and searches in it for the other, ``O(T log T)`` instead of all pairs.
    """
    index = _index(second).masked_fill(~all_valid(second), math.inf).sort(1).values
    wanted = _index(first).contiguous()
    at = torch.searchsorted(index, wanted).clamp_(max=index.shape[1] - 1)
    return ((index.gather(1, at) == wanted) & all_valid(first)).sum(1)


def put_rows(view: View, rows: Tensor, new: View) -> View:
    """A copy of the view ``(N, T, ...)`` with other samples in ``rows``, padded to the longer of the two."""
    frames = max(view.data.shape[1], new.data.shape[1])

    def put(old: Tensor, values: Tensor) -> Tensor:
        out = _padded(old, frames)
        return out.index_copy(0, rows, _padded(values, frames))

    index = None if view.index is None else put(view.index, _index(new))
    return View(put(view.data, new.data), view.present, put(all_valid(view), all_valid(new)), index)


def _padded(x: Tensor, frames: int) -> Tensor:
    return F.pad(x, (0, 0) * (x.dim() - 2) + (0, frames - x.shape[1]))


def _index(view: View) -> Tensor:
    index: Optional[Tensor] = view.index
    if index is None:
        raise ContractError("a view of a sequence has no index, so frames cannot be matched; keep view.index")
    return index
