"""Gaussian noise on the coordinates of skeletons, and Gaussian blur over their frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops.time_maps import TimeMatrix, blur_matrix
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, uniform
from mmsync.views.skeleton.augmentation import SkeletonAugmentation


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
        self.std, self.keep_absent = std, keep_absent

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
        self,
        sigma: Sequence[float] = (0.1, 2.0),
        taps: int = 15,
        normalize: bool = True,
        keep_absent: bool = True,
        prob: float = 0.5,
    ) -> None:
        super().__init__(prob)
        if taps < 1 or taps % 2 == 0:
            raise ConfigError(f"GaussianBlur: taps={taps}; give an odd number, so that the filter has a middle")
        low, high = sigma
        if not 0 < low <= high:
            raise ConfigError(f"GaussianBlur: sigma={tuple(sigma)}; give (low, high) with 0 < low <= high")
        self.sigma, self.taps, self.normalize, self.keep_absent = (low, high), taps, normalize, keep_absent

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"sigma": uniform(x, *self.sigma, (), generator)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        matrix = blur_matrix(draws["sigma"], x.shape[2], self.taps, self.normalize)
        return [TimeMatrix(matrix, draws.get("apply"), self.keep_absent, moves=False)]
