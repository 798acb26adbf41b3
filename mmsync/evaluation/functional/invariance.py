"""How far features move when the motion is changed: what an encoder is blind to."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ProtocolError


class Displacement(NamedTuple):
    """How far the features of clips are moved by a change."""

    moved: float  # distance to the changed clip over that to other clips: 0 is invariant, 1 as far as another clip
    nearest: float  # share of clips to which the changed clip is nearer than any other clip, in [0, 1]


@torch.no_grad()
def displacement(features: Tensor, changed: Tensor, chunk_size: int = 512) -> Displacement:
    """Compare features of clips with those of the same clips after a change, such as a reflection.

    Distances are those of vectors of unit length. Both means are taken over all clips, so that clips that stand apart
    from all others do not weigh more.

    Args:
        features: ``(N, D)``, N at least 2.
        changed: ``(N, D)``, of the same clips in the same order.
        chunk_size: Clips that are compared at a time, with ``chunk_size * N`` floats of working space.

    Returns:
        How far they moved, and how often the changed clip is the nearest; NaN if all features are the same.

    Raises:
        ProtocolError: Fewer than two clips, or tables of different shapes.
    """
    if features.shape != changed.shape or len(features) < 2:
        shapes = f"{tuple(features.shape)} and {tuple(changed.shape)}"
        raise ProtocolError(f"displacement compares two or more clips with the same ones after a change, not {shapes}")
    x, y = (F.normalize(part.double(), dim=1) for part in (features, changed))
    own = (x - y).norm(dim=1)
    total, nearest = x.new_zeros(()), x.new_zeros(())
    for start in range(0, len(x), chunk_size):
        rows = slice(start, start + chunk_size)
        distance = torch.cdist(x[rows], x, compute_mode="donot_use_mm_for_euclid_dist")
        total += distance.sum()
        distance[torch.arange(len(distance)), torch.arange(len(distance)) + start] = torch.inf
        nearest += (own[rows] < distance.amin(1)).sum()
    others = total / (len(x) * (len(x) - 1))
    return Displacement((own.mean() / others).item() if others > 0 else float("nan"), nearest.item() / len(x))
