"""Augmentations of the frames of skeletons: crop, window, reversal, blur; and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops.time_maps import TimeIndex, TimeMatrix, blur_matrix, crop_index, resample_matrix
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, in_range, interval, normal, uniform, where_applied, whole
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
        self.ratio = whole(self, "ratio", ratio)

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
        warp: A share s of the window in time becomes ``s ** p``, where log p has this standard deviation.
    """

    def __init__(
        self, scale: Sequence[float] = (0.5, 1.0), size: Optional[int] = None, min_frames: int = 1, prob: float = 1.0,
        warp: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(prob)
        self.warp = in_range(self, "warp", warp)
        self.scale = interval(self, "scale", scale, 0, 1, above=True)
        self.size = None if size is None else whole(self, "size", size)
        self.min_frames = whole(self, "min_frames", min_frames)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        frames = x.shape[2]
        length = uniform(x, *self.scale, (), generator).mul(frames).clamp(min(self.min_frames, frames), frames)
        draws = {"start": uniform(x, 0, 1, (), generator) * (frames - length), "length": length}
        if self.warp:
            draws["power"] = (normal(x, (), generator) * self.warp).exp()
        return draws

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        start = where_applied(draws, draws["start"], 0.0)
        frames = x.shape[2]
        length = where_applied(draws, draws["length"], float(frames))
        power = where_applied(draws, draws["power"], 1.0) if "power" in draws else None
        return [TimeMatrix(resample_matrix(start, length, frames, self.frames_out(frames), power))]

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


@TRANSFORMS.register_module()
class GaussianNoise(SkeletonAugmentation):
    """Add white Gaussian noise to the coordinates of a clip ``(M, T, V, C)`` (Guo et al., AimCLR, 2022).

    Args:
        std: Standard deviation, in the unit of the coordinates.
        keep_absent: Absent persons and all-zero frames stay zero. ``False``: they get noise too, as in the reference.
        prob: Probability per clip.
    """

    def __init__(self, std: float = 0.01, keep_absent: bool = True, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.std, self.keep_absent = in_range(self, "std", std), keep_absent

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        # Only a seed is drawn: values for the clips and persons that need them are made when they are added, so what is
        # drawn afterwards does not depend on who is present. A recorded `value (N, M, T, V, C)` serves in its place.
        return {"seed": torch.randint(0, 2**62, (), generator=generator, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        value, seed = draws.get("value"), draws.get("seed")
        generator = None if seed is None else Generator(seed.device).manual_seed(int(seed))
        return [ops.Noise(self.std, self.num_coords, draws.get("apply"), generator, value, self.keep_absent)]


@TRANSFORMS.register_module()
class GaussianBlur(SkeletonAugmentation):
    """Smooth a clip ``(M, T, V, C)`` over time with a Gaussian filter (Guo et al., AimCLR, 2022).

    Args:
        sigma: The standard deviation in frames is uniform in this range.
        taps: Width of the filter in frames, odd.
        normalize: The weights of each output frame sum to 1. ``False``: as in the released code, where they sum to up
            to 5 (so that the clip is scaled up) and fall off at the ends (zero padding).
        keep_absent: All-zero frames stay zero.
        prob: Probability per clip.
    """

    def __init__(
        self, sigma: Sequence[float] = (0.1, 2.0), taps: int = 15, normalize: bool = True, keep_absent: bool = True,
        prob: float = 0.5,
    ) -> None:  # fmt: skip
        super().__init__(prob)
        if whole(self, "taps", taps) % 2 == 0:
            raise ConfigError(f"GaussianBlur: taps={taps}; give an odd number, so that the filter has a middle")
        self.sigma = interval(self, "sigma", sigma, above=True)
        self.taps, self.normalize, self.keep_absent = taps, normalize, keep_absent

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"sigma": uniform(x, *self.sigma, (), generator)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        matrix = blur_matrix(draws["sigma"], x.shape[2], self.taps, self.normalize)
        return [TimeMatrix(matrix, draws.get("apply"), self.keep_absent, moves=False)]
