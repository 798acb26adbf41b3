"""Augmentations of the joints of sequences: CASA's on joints instead of body models, and rotation.

CASA's noise in the latent space of a pose prior (VPoser) is left out: its weights come under a license of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops.sequence_augment import correlated_noise, moving_average, turn_limbs, turn_points
from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout
from mmsync.views.augmentation import Draws, in_range, interval, uniform, whole
from mmsync.views.sequence.augmentation import Align, JointAugmentation


@TRANSFORMS.register_module()
class SequenceAngleNoise(JointAugmentation):
    """Turn limbs of joints ``(T, V, C)`` a little and smoothly, then normalize again (after CASA's noise on angles).

    Each joint with joints below it, roots aside, turns them by a rotation vector (in 2D by an angle). Over the L valid
    frames its numbers are Gaussian with covariance ``variance * (1 - |i - j| / (2 L))``, then a moving average of
    ``width`` frames, smaller at the ends, where zeros are averaged in. Bones keep their lengths.

    Args:
        variance: Variance in square degrees before smoothing, of each component.
        width: Frames of the moving average.
        casa_compat: Draw the noise but do not add it, as the released code does.
        prob: Probability per sequence.
    """

    def __init__(self, variance: float = 10.0, width: int = 10, casa_compat: bool = False, prob: float = 0.3) -> None:
        super().__init__(prob)
        self.variance, self.width = in_range(self, "variance", variance), whole(self, "width", width)
        self.casa_compat = casa_compat

    def _turning(self) -> list[int]:
        parents = self._known_layout().parents
        return sorted({parent for parent in parents if parents[parent] != parent})

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        numbers = len(self._turning()) * (1 if self._known_joints()[1] == 2 else 3)

        def normal(*shape: int) -> Tensor:
            return torch.randn(len(x), *shape, generator=generator, device=x.device, dtype=x.dtype)

        return {"white": normal(x.shape[1], 2, numbers), "level": normal(numbers)}

    def move(self, x: Tensor, valid: Tensor, draws: Draws) -> Tensor:
        turning = self._turning()
        if self.casa_compat or not turning:
            return x
        noise = moving_average(correlated_noise(draws["white"], draws["level"], valid, self.variance), self.width)
        noise = noise.unflatten(2, (len(turning), -1)) * (math.pi / 180)
        rotation = x.new_zeros(*x.shape[:3], noise.shape[-1]).index_copy_(
            2, torch.tensor(turning, device=x.device), noise
        )
        return self._aligned(turn_limbs(x, rotation, self._known_layout().parents), valid)


@TRANSFORMS.register_module()
class SequenceFlip(JointAugmentation):
    """Reflect joints ``(T, V, C)``, x to -x, then normalize again (CASA).

    Args:
        swap_lr: Exchange left and right joints of the layout as well, so that a left hand is reflected to a right one.
            ``False``: as in CASA.
        prob: Probability per sequence.

    Raises:
        LayoutError: ``swap_lr``, and the layout has no left and right joints.
    """

    def __init__(self, swap_lr: bool = False, prob: float = 0.3) -> None:
        super().__init__(prob)
        self.swap_lr = swap_lr

    def bind(
        self,
        layout: Optional[SkeletonLayout] = None,
        joints: Optional[tuple[int, int]] = None,
        align: Optional[Align] = None,
    ) -> SequenceFlip:
        super().bind(layout, joints, align)
        if self.swap_lr and layout is not None and not layout.left:
            raise LayoutError(f"SequenceFlip: layout {layout.name!r} has no left and right joints; give swap_lr=False")
        return self

    def move(self, x: Tensor, valid: Tensor, draws: Draws) -> Tensor:
        sign = x.new_ones(x.shape[-1])
        sign[0] = -1
        x = x[:, :, list(self._known_layout().flip_index)] if self.swap_lr else x
        return self._aligned(x * sign, valid)


@TRANSFORMS.register_module()
class JointNoise(JointAugmentation):
    """Add white Gaussian noise to joints ``(T, V, C)`` (CASA's noise_translation; padding gets none here).

    Args:
        std: Standard deviation, in the unit of the coordinates.
        per_frame_offset: One offset for all joints of a frame, a translation. ``False``: one for each joint (CASA).
        prob: Probability per sequence.
    """

    def __init__(self, std: float = 0.1, per_frame_offset: bool = False, prob: float = 0.3) -> None:
        super().__init__(prob)
        self.std, self.per_frame_offset = in_range(self, "std", std), per_frame_offset

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        joints, channels = self._known_joints()
        shape = (len(x), x.shape[1], 1 if self.per_frame_offset else joints, channels)
        return {"noise": torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)}

    def move(self, x: Tensor, valid: Tensor, draws: Draws) -> Tensor:
        return x + self.std * draws["noise"]


@TRANSFORMS.register_module()
class SequenceRotate(JointAugmentation):
    """Turn and scale joints ``(T, V, C)`` about the origin, all frames of a sequence alike.

    Args:
        max_degrees: The angle is uniform in [-max_degrees, max_degrees]; 180 for a body that may face any way.
        axis: The vertical axis of 3D joints, 0 for x; 2 after CASA's normalization. 2D joints turn in the plane.
        scale: The factor is uniform in this range.
        prob: Probability per sequence.
    """

    def __init__(
        self, max_degrees: float = 15.0, axis: int = 2, scale: Sequence[float] = (1.0, 1.0), prob: float = 1.0
    ) -> None:
        super().__init__(prob)
        self.max_degrees, self.axis = in_range(self, "max_degrees", max_degrees), whole(self, "axis", axis, 0)
        self.scale = interval(self, "scale", scale, above=True)
        if axis > 2:
            raise ConfigError(f"SequenceRotate: axis={axis}; give 0, 1 or 2")

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        degrees = uniform(x, -self.max_degrees, self.max_degrees, (), generator)
        return {"degrees": degrees, "factor": uniform(x, *self.scale, (), generator)}

    def move(self, x: Tensor, valid: Tensor, draws: Draws) -> Tensor:
        angle = draws["degrees"] * (math.pi / 180)
        flat = x.shape[-1] == 2
        rotation = x.new_zeros(len(x), 1, 1, 1 if flat else 3)
        rotation[:, 0, 0, 0 if flat else self.axis] = angle
        return turn_points(x, rotation) * draws["factor"][:, None, None, None]
