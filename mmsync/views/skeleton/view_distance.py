"""The view and distance augmentation: a clip as another camera would have recorded it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops import skeleton_augment as ops
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, in_range, uniform
from mmsync.views.skeleton.augmentation import LayoutConfig, SkeletonAugmentation

Values = Union[float, Sequence[float], Mapping[str, float]]
SIX_ANGLES = (0, 60, 120, 180, 240, 300)


class _Uniform:
    """A uniform draw from what an option says: a number, a set of numbers, or a range ``dict(low=..., high=...)``."""

    def __init__(self, option: str, values: Values) -> None:
        self.range = isinstance(values, Mapping)
        try:
            if isinstance(values, str) or (isinstance(values, Mapping) and set(values) != {"low", "high"}):
                raise ValueError
            listed = [values["low"], values["high"]] if isinstance(values, Mapping) else values
            self.values = [float(v) for v in (listed if isinstance(listed, Sequence) else [listed])]
            ordered = not self.range or self.values[0] <= self.values[1]
            if not self.values or not all(map(math.isfinite, self.values)) or not ordered:
                raise ValueError
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"ViewDistance: {option}={values!r}; give a number, a list or dict(low=, high=)"
            ) from error

    def draw(self, x: Tensor, shape: Sequence[int], generator: Generator) -> Tensor:
        if self.range:
            low, high = self.values
            return uniform(x, low, high, shape, generator)
        index = torch.randint(0, len(self.values), (len(x), *shape), generator=generator, device=x.device)
        return x.new_tensor(self.values)[index]


@TRANSFORMS.register_module()
class ViewDistance(SkeletonAugmentation):
    """Look at a clip ``(M, T, V, C)`` from another direction and distance (Gao, Yang and Du, 2020, eq. 1-4).

    First the origin o is set, for all persons and frames of a clip: a joint of the first person present, where it
    is in the first frame. Then ``v' = R (v - d)``, with the rotation ``R = Rx(alpha) Ry(beta) Rz(gamma)`` of the
    coordinate system and ``d = k * unit * u``, all drawn per clip, or per frame, independently of each other. With
    ``distance_mode='perspective'`` it is ``v' = w * c / (c + k * unit + u . w)`` instead, ``w = R v``: a camera c away
    moves off along u, and what is at the origin keeps its size at k = 0. Absent persons and all-zero frames stay zero.

    Angles and k take a number (fixed), a list (uniform in the set) or ``dict(low=..., high=...)`` (uniform in the
    range). So ``dict(type='ViewDistance', gamma=0)`` leaves out one axis, and ``angles=0`` leaves the distance alone.
    A shift changes neither the size of a body nor bones and motion, and recentring undoes it. Mask joints afterwards.

    Args:
        angles: Values of every angle that is not given on its own, in degrees.
        alpha: Values of the angle about x in degrees.
        beta: Of the angle about y.
        gamma: Of the angle about z.
        rotation: ``'corrected'``, or ``'as_printed'``: Ry is a rotation about z too, as eq. 3 has it.
        level: ``'sequence'``: one draw for a clip; ``'frame'``: one for each of its frames.
        distance: Values of k; ``None``: no distance.
        unit: Length of a step of k, in the unit of the coordinates, positive.
        distance_axis: u is ``'x'``, ``'y'``, ``'z'`` or ``'random'``, any direction; ``'xyz'``: the axes have a k each.
        distance_mode: ``'translate'`` or ``'perspective'``.
        camera_distance: c, in the unit of the coordinates, positive; only for ``'perspective'``.
        origin_joint: Name or index of the joint, ``'center'`` being the layout's. ``None``: the origin stays.
        layout: Name or dict of the layout; the data preprocessor's where it is not given.
        prob: Probability per clip; the others stay as they are, with the origin they have.

    Raises:
        ConfigError: An option has no such value, or the data are 2D.
        LayoutError: The layout has no such joint.
    """

    def __init__(
        self, angles: Values = SIX_ANGLES, alpha: Optional[Values] = None, beta: Optional[Values] = None,
        gamma: Optional[Values] = None, rotation: Literal["corrected", "as_printed"] = "corrected",
        level: Literal["sequence", "frame"] = "sequence", distance: Optional[Values] = (0, 1, 2, 3, 4, 5),
        unit: float = 1.0, distance_axis: Literal["x", "y", "z", "random", "xyz"] = "z",
        distance_mode: Literal["translate", "perspective"] = "translate", camera_distance: float = 3.0,
        origin_joint: Union[int, str, None] = "center", layout: Optional[LayoutConfig] = None, prob: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(prob)
        for option, value, names in (
            ("rotation", rotation, ("corrected", "as_printed")),
            ("level", level, ("sequence", "frame")),
            ("distance_axis", distance_axis, ("x", "y", "z", "random", "xyz")),
            ("distance_mode", distance_mode, ("translate", "perspective")),
        ):
            if value not in names:
                raise ConfigError(f"ViewDistance: {option}={value!r}; there are {', '.join(map(repr, names))}")
        for option, length in (("unit", unit), ("camera_distance", camera_distance)):
            in_range(self, option, length, above=True)
        if distance_mode == "perspective" and distance_axis == "xyz":
            raise ConfigError("ViewDistance: a camera looks one way; give distance_axis='x', 'y', 'z' or 'random'")
        self.angles = [
            _Uniform("angles", angles) if own is None else _Uniform(option, own)
            for option, own in (("alpha", alpha), ("beta", beta), ("gamma", gamma))
        ]
        self.distance = None if distance in (None, (), []) else _Uniform("distance", distance)
        self.rotation, self.level, self.unit, self.origin_joint = rotation, level, unit, origin_joint
        self.distance_axis, self.distance_mode, self.camera_distance = distance_axis, distance_mode, camera_distance
        self.bind(layout)

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> ViewDistance:
        super().bind(layout, num_coords)
        if self.num_coords != 3:
            raise ConfigError(f"ViewDistance needs 3D data, not {self.num_coords} coordinates; use Rotate or Shear")
        if self.layout is not None and self.origin_joint is not None:
            self.layout.joint(self.origin_joint)
        return self

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        each = (x.shape[2],) if self.level == "frame" else (1,)
        draws = {"degrees": torch.stack([angle.draw(x, each, generator) for angle in self.angles], dim=2)}
        if self.distance is not None:
            draws["steps"] = self.distance.draw(x, (*each, 3 if self.distance_axis == "xyz" else 1), generator)
            if self.distance_axis == "random":
                normal = torch.randn((len(x), *each, 3), generator=generator, device=x.device, dtype=x.dtype)
                draws["direction"] = normal / torch.linalg.vector_norm(normal, dim=2, keepdim=True)
        return draws

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        degrees, apply = draws["degrees"], draws.get("apply")
        if apply is not None:
            degrees = degrees * apply[:, None, None]
        matrix = ops.view_matrix(degrees * (math.pi / 180), self.rotation == "as_printed")
        turn = ops.PointMap(matrix[:, 0]) if self.level == "sequence" else ops.FrameMap(matrix)
        origin = None if self.origin_joint is None else self._known_layout().joint(self.origin_joint)
        offset, perspective = torch.zeros_like(degrees), []
        if self.distance is not None:
            along = degrees.new_tensor([axis in self.distance_axis for axis in "xyz"]).expand_as(degrees)
            direction, distance = draws.get("direction", along), draws["steps"] * self.unit
            if self.distance_mode == "translate":
                offset = direction * distance
            else:
                perspective = [ops.Perspective(self.camera_distance, distance[..., 0], direction, apply)]
        moved = origin is not None or (self.distance is not None and self.distance_mode == "translate")
        return [*([ops.Shift(offset, origin, apply)] if moved else []), turn, *perspective]
