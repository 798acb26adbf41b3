"""Which scenes of a batch are compared, and means over those who are present."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor


def other_scenes(mask: Tensor, moments: Optional[Tensor]) -> tuple[Tensor, Tensor]:
    """The scene that each of N scenes is compared with ``(N,)``, and whether there is one ``(N,)`` bool.

    The next one; with ``moments (N, K, 3)`` the next one of another video, else that of another time of the video.
    """
    n, k = mask.shape
    ahead = (torch.arange(n, device=mask.device) - torch.arange(n, device=mask.device)[:, None]) % n
    together = ahead == 0
    same = together.clone()
    if moments is not None:
        video, start, stop = moments.flatten(0, 1).unbind(-1)
        one = (video == video[:, None]) & mask.flatten() & mask.flatten()[:, None]
        overlap = one & (start < stop[:, None]) & (start[:, None] < stop)
        same, overlap = (x.view(n, k, n, k).any(3).any(1) for x in (one, overlap))
        together = together | overlap
    other = (ahead + n * same + 2 * n * together).argmin(1)
    return other, ~together.gather(1, other[:, None])[:, 0]


def mean_of_present(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over axis 1 of ``x (N, R, ...)`` where ``mask (N, R)``; 0 if nothing is present."""
    weight = mask.to(x.dtype).view(*mask.shape, *[1] * (x.dim() - 2))
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
