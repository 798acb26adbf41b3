"""Feature maps of persons, as a backbone gives them."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from mmsync.ops.persons import pack_persons
from mmsync.structures import FeatureMap, View


def feature_map(data: Tensor, present: Optional[Tensor] = None, skip_absent: bool = True) -> FeatureMap:
    """The map of persons with maps ``(N, M, ...)``."""
    rows, owner, present = pack_persons(data, present, skip_absent)
    return FeatureMap(rows, owner, len(data), present)


def person_maps(backbone, data: Tensor, present: Optional[Tensor] = None) -> Tensor:
    """Maps ``(N, M, ...)`` of skeletons, zero for absent persons."""
    found = backbone(View(data, present))
    n, m = data.shape[:2]
    if present is None or len(found.data) == n * m:
        return found.data.unflatten(0, (n, m))
    out = found.data.new_zeros(n, m, *found.data.shape[1:])
    out[present] = found.data
    return out


def video_map(data: Tensor) -> FeatureMap:
    """The map ``(N, D, T', H', W')`` of plain clips."""
    return FeatureMap(data, torch.arange(len(data)), len(data), axes="DTHW")
