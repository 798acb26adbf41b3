"""Augmentations that choose and resample the frames of skeletons: crop, window, reversal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops.time_maps import TimeIndex, TimeMatrix, crop_index, resample_matrix
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, uniform, where_applied
from mmsync.views.skeleton.augmentation import SkeletonAugmentation


@TRANSFORMS.register_module()
class TemporalCrop(SkeletonAugmentation):
    """Crop T frames out of a clip ``(M, T, V, C)`` mirrored at both ends (Guo et al., AimCLR, 2022).

    Args:
        ratio: ``T // ratio`` frames are mirrored on each side; a clip shorter than that stays as it is.
        prob: Probability per clip.
    """

    def __init__(self, ratio: int = 6, prob: float = 1.0) -> None:
        super().__init__(prob)
        if ratio < 1:
            raise ConfigError(f"TemporalCrop: ratio={ratio}; give a whole number of at least 1")
        self.ratio = ratio

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        pad = x.shape[2] // self.ratio
        return {"start": torch.randint(0, 2 * pad + 1, (len(x),), generator=generator, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        frames = x.shape[2]
        pad = frames // self.ratio
        start = where_applied(draws, draws["start"], pad)
        return [TimeIndex(crop_index(start, frames, pad))]


@TRANSFORMS.register_module()
class RandomCropResize(SkeletonAugmentation):
    """Cut a random window out of a clip ``(M, T, V, C)`` and resample it linearly.

    Args:
        scale: Range of the window's length as a share of T, in (0, 1].
        size: Frames afterwards; ``None`` keeps T.
        min_frames: Least length of a window in frames (T at most).
        prob: Probability per clip; the others are resampled as a whole.
    """

    def __init__(
        self, scale: Sequence[float] = (0.5, 1.0), size: Optional[int] = None, min_frames: int = 1, prob: float = 1.0
    ) -> None:
        super().__init__(prob)
        low, high = scale
        if not 0 < low <= high <= 1:
            raise ConfigError(f"RandomCropResize: scale={tuple(scale)}; give (low, high) with 0 < low <= high <= 1")
        self.scale, self.size, self.min_frames = (low, high), size, min_frames

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        frames = x.shape[2]
        length = uniform(x, *self.scale, (), generator).mul(frames).clamp(min(self.min_frames, frames), frames)
        start = uniform(x, 0, 1, (), generator) * (frames - length)
        return {"start": start, "length": length}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        start = where_applied(draws, draws["start"], 0.0)
        frames = x.shape[2]
        length = where_applied(draws, draws["length"], float(frames))
        return [TimeMatrix(resample_matrix(start, length, frames, self.frames_out(frames)))]

    def frames_out(self, frames: int) -> int:
        return self.size or frames


@TRANSFORMS.register_module()
class TemporalFlip(SkeletonAugmentation):
    """Reverse a clip ``(M, T, V, C)`` in time (Guo et al., AimCLR, 2022).

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        time = torch.arange(x.shape[2], device=x.device)
        return [TimeIndex(where_applied(draws, time.flip(0).expand(len(x), -1), time))]
