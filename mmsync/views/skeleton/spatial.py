"""Augmentations of skeletons in space: shear, rotation, scale, reflection, masks of axes and joints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops import skeleton_augment as ops
from mmsync.registry import TRANSFORMS
from mmsync.structures import View
from mmsync.views.augmentation import Draws, in_range, interval, normal, uniform, where_applied, whole
from mmsync.views.skeleton.augmentation import LayoutConfig, SkeletonAugmentation


@TRANSFORMS.register_module()
class Shear(SkeletonAugmentation):
    """Shear every point of a clip ``(M, T, V, C)`` by one random matrix about the origin (Guo et al., AimCLR, 2022).

    Args:
        amplitude: The six off-diagonal entries are uniform in [-amplitude, amplitude].
        prob: Probability per clip.
    """

    def __init__(self, amplitude: float = 0.5, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.amplitude = in_range(self, "amplitude", amplitude)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"amount": uniform(x, -self.amplitude, self.amplitude, (6,), generator)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        amount = draws["amount"]
        matrix = ops.shear_matrix(where_applied(draws, amount, 0.0))
        return [ops.PointMap(matrix[:, : self.num_coords, : self.num_coords])]


@TRANSFORMS.register_module()
class SpatialFlip(SkeletonAugmentation):
    """Exchange left and right joints of a clip ``(M, T, V, C)``, coordinates as they are (Guo et al., AimCLR, 2022).

    The body is turned inside out rather than reflected; for a reflection use ``Mirror``.

    Args:
        layout: Name or dict of the layout; the data preprocessor's where it is not given.
        prob: Probability per clip.

    Raises:
        LayoutError: The layout has no left and right joints, so that there is nothing to exchange.
    """

    def __init__(self, layout: Optional[LayoutConfig] = None, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.bind(layout)

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> SpatialFlip:
        super().bind(layout, num_coords)
        if self.layout is not None and not self.layout.left:
            raise LayoutError(
                f"{type(self).__name__}: layout {self.layout.name!r} has no left and right joints to exchange; name "
                "them in the layout (left=[...], right=[...]), or leave this augmentation out"
            )
        return self

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        flip = torch.tensor(self._known_layout().flip_index, device=x.device).expand(len(x), -1)
        return [ops.JointIndex(where_applied(draws, flip, torch.arange(flip.shape[1], device=x.device)))]


@TRANSFORMS.register_module()
class Mirror(SpatialFlip):
    """Reflect a clip ``(M, T, V, C)``: exchange left and right joints and negate one axis.

    Args:
        axis: The axis to negate, 0 for x; it should run across the body.
        layout: Name or dict of the layout; the data preprocessor's where it is not given.
        prob: Probability per clip.

    Raises:
        ConfigError: The data have no such axis.
        LayoutError: The layout has no left and right joints.
    """

    def __init__(self, axis: int = 0, layout: Optional[LayoutConfig] = None, prob: float = 0.5) -> None:
        self.axis = whole(self, "axis", axis, 0)
        super().__init__(layout, prob)

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> Mirror:
        super().bind(layout, num_coords)
        if self.axis >= self.num_coords:
            raise ConfigError(f"Mirror: axis={self.axis}, but the data have axes 0 to {self.num_coords - 1}")
        return self

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        sign = torch.ones(len(x), self.num_coords, device=x.device)
        sign[:, self.axis] = -1
        return [*super().maps(x, draws), ops.PointMap(where_applied(draws, sign, 1.0))]


@TRANSFORMS.register_module()
class Rotate(SkeletonAugmentation):
    """Rotate a clip ``(M, T, V, C)`` about one main axis, a little about the others (Guo et al., AimCLR, 2022).

    Angles are positive only and the rotation is about the origin. Of 2D data it takes the orthographic view.

    Args:
        main_degrees: The angle about the main axis, itself uniform in {x, y, z}, is uniform in [0, main_degrees].
        other_degrees: The same for the two other axes.
        prob: Probability per clip.
    """

    def __init__(self, main_degrees: float = 30.0, other_degrees: float = 1.0, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.main_degrees = in_range(self, "main_degrees", main_degrees)
        self.other_degrees = in_range(self, "other_degrees", other_degrees)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        main = torch.randint(0, 3, (len(x), 1), generator=generator, device=x.device)
        high = x.new_full((len(x), 3), self.other_degrees).scatter_(1, main, self.main_degrees)
        return {"degrees": uniform(x, 0, 1, (3,), generator) * high}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        degrees = where_applied(draws, draws["degrees"], 0.0)
        matrix = ops.rotation_matrix(degrees * (math.pi / 180))
        return [ops.PointMap(matrix[:, : self.num_coords, : self.num_coords])]


@TRANSFORMS.register_module()
class RandomRotation(Rotate):
    """Rotate a clip ``(M, T, V, C)`` about x, y and z by independent angles of either sign, about the origin.

    Args:
        max_degrees: For x, y and z: the angle is uniform in [-max, max]. ``(0, 60, 0)`` turns about a vertical y only;
            ``(17.2, 17.2, 17.2)`` is the rotation of CTR-GCN (Chen et al., 2021).
        prob: Probability per clip.
    """

    def __init__(self, max_degrees: Sequence[float] = (0.0, 60.0, 0.0), prob: float = 1.0) -> None:
        SkeletonAugmentation.__init__(self, prob)
        if len(max_degrees) != 3:
            raise ConfigError(f"RandomRotation: max_degrees={max_degrees}; give three angles, about x, y and z")
        self.max_degrees = tuple(in_range(self, "max_degrees", angle) for angle in max_degrees)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"degrees": uniform(x, -1, 1, (3,), generator) * x.new_tensor(self.max_degrees)}


@TRANSFORMS.register_module()
class RandomScale(SkeletonAugmentation):
    """Scale a clip ``(M, T, V, C)`` about the origin.

    Args:
        scale: The factor is uniform in this range.
        per_axis: One factor for each axis instead of one for all.
        prob: Probability per clip.
    """

    def __init__(self, scale: Sequence[float] = (0.8, 1.2), per_axis: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.scale, self.per_axis = interval(self, "scale", scale, above=True), per_axis

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        factor = uniform(x, *self.scale, (self.num_coords if self.per_axis else 1,), generator)
        return {"factor": factor.expand(-1, self.num_coords)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        return [ops.PointMap(where_applied(draws, draws["factor"], 1.0))]


@TRANSFORMS.register_module()
class AxisMask(SkeletonAugmentation):
    """Set one random axis of a clip ``(M, T, V, C)`` to zero (Guo et al., AimCLR, 2022).

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"axis": torch.randint(0, self.num_coords, (len(x),), generator=generator, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        axis = draws["axis"][:, None]
        keep = (axis != torch.arange(self.num_coords, device=axis.device)).float()
        return [ops.PointMap(where_applied(draws, keep, 1.0))]


@TRANSFORMS.register_module()
class JointMask(SkeletonAugmentation):
    """Set random joints of a clip ``(M, T, V, C)`` to zero.

    Args:
        ratio: Share of the joints, in [0, 1); ``floor(ratio * V)`` joints, drawn without replacement.
        per_frame: Other joints in each frame.
        prob: Probability per clip.
    """

    def __init__(self, ratio: float = 0.1, per_frame: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.ratio, self.per_frame = in_range(self, "ratio", ratio, 0, 1), per_frame
        if ratio == 1:
            raise ConfigError("JointMask: ratio=1 masks all joints; give a share below 1")

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        frames, joints = x.shape[2:4]
        order = torch.rand(len(x), frames if self.per_frame else 1, joints, generator=generator, device=x.device)
        masked = order.argsort(dim=2)[..., : int(self.ratio * joints)]
        return {"keep": torch.ones_like(order, dtype=torch.bool).scatter_(2, masked, False)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        return [ops.JointKeep(where_applied(draws, draws["keep"], True))]


@TRANSFORMS.register_module()
class JointOffset(SkeletonAugmentation):
    """Move each joint of a clip ``(M, T, V, C)`` by an offset that stays for the clip: other bodies, other sensors.

    Args:
        std: Standard deviation of the offsets, in the unit of the coordinates.
        prob: Probability per clip.
    """

    def __init__(self, std: float = 0.03, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.std = in_range(self, "std", std)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"offset": normal(x, (x.shape[3], self.num_coords), generator) * self.std}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        offset = where_applied(draws, draws["offset"], 0.0)[:, None, None]
        value = offset.expand(-1, x.shape[1], x.shape[2], -1, -1)
        return [ops.Noise(self.std, self.num_coords, value=value)]


@TRANSFORMS.register_module()
class JointFreeze(SkeletonAugmentation):
    """Hold random joints of a clip ``(M, T, V, C)`` at their mean place, as a sensor does that has lost them.

    Args:
        ratio: Probability in [0, 1] that a joint is held, drawn for each joint.
        prob: Probability per clip.
    """

    def __init__(self, ratio: float = 0.05, prob: float = 0.4) -> None:
        super().__init__(prob)
        self.ratio = in_range(self, "ratio", ratio, 0, 1)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"held": uniform(x, 0, 1, (x.shape[3],), generator) < self.ratio}

    def apply(self, view: View, draws: Draws) -> View:
        held = where_applied(draws, draws["held"], False)[:, None, None, :, None]
        return view._replace(data=torch.where(held, view.data.mean(2, keepdim=True), view.data))
