"""What a method sees of a sample: one view, with the mask of what is really there."""

from __future__ import annotations

from typing import NamedTuple, Optional

from torch import Tensor


class View(NamedTuple):
    """One view of a batch.

    Attributes:
        data: Skeletons ``(N, M, T, V, C)``; sequences ``(N, T, D)``; video ``(N, C, T, H, W)``; audio ``(N, 1, F, T)``.
        mask: Skeletons ``(N, M)`` bool, True where a person is there; sequences ``(N, T)`` bool, True for valid
            frames; ``None`` where everything is valid.
    """

    data: Tensor
    mask: Optional[Tensor] = None
