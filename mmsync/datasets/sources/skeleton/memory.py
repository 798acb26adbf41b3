"""Clips that are in memory already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout


class MemorySource(SkeletonSource):
    """Clips ``(M, T, V, C)`` of a list.

    Args:
        clips: Arrays ``(T, V, C)`` of one person or ``(M, T, V, C)``, zeros where a person or joint is absent.
        layout: Their joints.
        num_coords: The first channels that are coordinates, 2 or 3; ``None``: all. A further one is a score.

    Raises:
        DataError: There is no clip, or an array is no clip of that layout; it is named by its number.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        layout: Union[str, Mapping, SkeletonLayout],
        num_coords: Union[int, None] = None,
    ) -> None:  # fmt: skip
        self.layout = layout if isinstance(layout, SkeletonLayout) else SkeletonLayout.from_config(layout)
        if not len(clips):
            raise DataError("there are no clips")
        self._clips = [self._clip(i, np.asarray(clip)) for i, clip in enumerate(clips)]
        channels = {clip.shape[3] for clip in self._clips}
        if len(channels) > 1:
            raise DataError(f"clips have {' and '.join(map(str, sorted(channels)))} channels; give all the same")
        self.num_channels = channels.pop()
        self.num_coords = min(self.num_channels, 3) if num_coords is None else num_coords
        self.names = [str(i) for i in range(len(self._clips))]
        self.splits = {}

    def _clip(self, index: int, clip: np.ndarray) -> np.ndarray:
        if clip.ndim not in (3, 4) or clip.dtype.kind not in "fiu" or not clip.size:
            text = f"{clip.dtype} {clip.shape}; give numbers (T, V, C) of one person or (M, T, V, C)"
            raise DataError(f"clip {index} is {text}")
        joints, channels = clip.shape[-2:]
        if joints != self.layout.num_joints:
            fits = [name for name in SkeletonLayout.names() if SkeletonLayout.get(name).num_joints == joints]
            hint = f"; layouts with {joints}: {', '.join(fits)}" if fits else "; give a layout of your own"
            raise DataError(
                f"clip {index} has {joints} joints, layout {self.layout.name!r} has {self.layout.num_joints}{hint}"
            )
        if channels not in (2, 3, 4):
            raise DataError(f"clip {index} has {channels} channels; give 2 or 3 coordinates, maybe with a score")
        return clip if clip.ndim == 4 else clip[None]

    def load(self, index: int) -> np.ndarray:
        return self._clips[index]
