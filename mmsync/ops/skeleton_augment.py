"""Augmentations of skeleton batches, each clip with its own parameters, as linear maps that are fused before they run.

Most are linear and act on one axis only: time, joints, or the coordinates of a point. Maps of different axes commute
and maps of one axis compose, so a whole chain of them costs one gather and one 3x3 product. Noise, joint masks, shifts,
perspective and what differs from frame to frame are steps of their own, run in their place. An augmentation says *which
map* it is (the small classes below), and :func:`augment` runs a list of maps: their ``run`` takes the persons
``y (P, T, V, C)`` in place ``slot`` of the clips ``clip (P,)``, and may write to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.time_maps import TimeIndex, TimeMatrix, occupied


@dataclass(frozen=True)
class JointIndex:
    """Output joint v is input joint ``index[n, v]``; ``(N, V)`` int64."""

    index: Tensor


@dataclass(frozen=True)
class PointMap:
    """A point's first k channels p become ``factor[n] @ p``; ``(N, k, k)``, or ``(N, k)`` for a diagonal one."""

    factor: Tensor


@dataclass(frozen=True)
class JointMap:
    """As :class:`PointMap`, but another one for each joint; ``factor (N, V, k, k)``."""

    factor: Tensor

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        k = self.factor.shape[2]
        points = y[..., :k].transpose(1, 2)  # one product for each joint
        y[..., :k] = (points @ self.factor.to(y.dtype)[clip].transpose(2, 3)).transpose(1, 2)
        return y


@dataclass(frozen=True)
class FrameMap:
    """As :class:`PointMap`, but another one in each frame; ``factor (N, T, k, k)``."""

    factor: Tensor

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        k = self.factor.shape[2]
        y[..., :k] = y[..., :k] @ self.factor.to(y.dtype)[clip].transpose(2, 3)
        return y


@dataclass(frozen=True)
class Shift:
    """Take ``offset (N, 1 or T, k)`` from the first k channels; all-zero frames stay zero.

    With ``origin``, a joint's index, the place of this joint is taken away too, for all persons and frames of the clip
    the one of the first person present, in the first frame in which it is seen. ``apply (N,)`` bool leaves other
    clips as they are.
    """

    offset: Tensor
    origin: Optional[int] = None
    apply: Optional[Tensor] = None


@dataclass(frozen=True)
class Perspective:
    """Scale each point p by ``camera / depth``, with ``depth = camera + distance + direction . p``.

    Depths below a tenth of ``camera`` count as that.

    ``distance (N, 1 or T)``; ``direction (N, 1 or T, k)`` of unit length; ``apply (N,)`` bool as in :class:`Shift`.
    """

    camera: float
    distance: Tensor
    direction: Tensor
    apply: Optional[Tensor] = None

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        direction = self.direction.to(y.dtype)[clip]
        points = y[..., : direction.shape[2]]
        depth = points @ direction[..., None] + (self.camera + self.distance.to(y.dtype)[clip, :, None, None])
        scale = self.camera / depth.clamp_(min=self.camera / 10)
        points *= scale if self.apply is None else torch.where(self.apply[clip, None, None, None], scale, 1.0)
        return y


@dataclass(frozen=True)
class JointKeep:
    """Joints to keep; the others become zero. ``(N, T, V)`` or ``(N, 1, V)`` bool."""

    keep: Tensor

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        return y.mul_(self.keep[clip][..., None])


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise on ``num_coords`` channels of clips in ``apply (N,)`` bool (``None``: all).

    From ``generator``, or ``value (N, M, T, V, num_coords)``; with ``keep_absent`` absent persons and frames stay 0.
    """

    std: float
    num_coords: int
    apply: Optional[Tensor] = None
    generator: Optional[torch.Generator] = None
    value: Optional[Tensor] = None
    keep_absent: bool = True

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        chosen = torch.arange(len(y), device=y.device) if self.apply is None else self.apply[clip].nonzero().flatten()
        clean = y.index_select(0, chosen)
        if self.value is None:
            shape = (*clean.shape[:3], self.num_coords)
            noise = y.new_empty(shape).normal_(0, self.std, generator=self.generator)
        else:
            noise = self.value.to(y.dtype)[clip[chosen], slot]
        if self.keep_absent:
            noise.mul_(occupied(clean.flatten(2))[..., None])
        clean[..., : self.num_coords] += noise
        return y.index_copy_(0, chosen, clean)


Map = Union[TimeIndex, TimeMatrix, JointIndex, PointMap, JointMap, FrameMap, Shift, Perspective, JointKeep, Noise]


def shear_matrix(amount: Tensor) -> Tensor:
    """Shear matrices ``[[1, a1, b1], [a2, 1, b2], [a3, b3, 1]]`` of ``(N, 6)`` a1, a2, a3, b1, b2, b3."""
    a1, a2, a3, b1, b2, b3 = amount.unbind(1)
    one = torch.ones_like(a1)
    return torch.stack([one, a1, b1, a2, one, b2, a3, b3, one], dim=1).view(-1, 3, 3)


def rotation_matrix(angle: Tensor) -> Tensor:
    """Rotations ``Rz @ Ry @ Rx (N, 3, 3)`` of the coordinate system by ``angle (N, 3)`` radians about x, y and z.

    They are passive: the axes turn, so a point appears to turn the other way.
    """
    (cx, cy, cz), (sx, sy, sz) = angle.cos().unbind(1), angle.sin().unbind(1)
    rows = [
        cz * cy, cz * sy * sx + sz * cx, sz * sx - cz * sy * cx,
        -sz * cy, cz * cx - sz * sy * sx, cz * sx + sz * sy * cx,
        sy, -cy * sx, cy * cx,
    ]  # fmt: skip
    return torch.stack(rows, dim=1).view(-1, 3, 3)


def view_matrix(angle: Tensor, as_printed: bool = False) -> Tensor:
    """Rotations ``Rx(alpha) @ Ry(beta) @ Rz(gamma)`` of the coordinates (Gao et al., 2020) by ``(..., 3)`` radians.

    The paper prints a rotation about z for Ry in eq. 3; ``as_printed`` takes it: ``Rx(alpha) @ Rz(beta + gamma)``.
    """
    alpha, beta, gamma = angle.unbind(-1)
    if as_printed:
        beta, gamma = torch.zeros_like(beta), beta + gamma
    # the inverse, which is the transpose, of the rotations back in the other order
    back = rotation_matrix(-torch.stack([alpha, beta, gamma], dim=-1).view(-1, 3))
    return back.transpose(1, 2).view(*angle.shape, 3)


CHUNK = 2**18
"""Numbers worked on at a time on a CPU: they stay in its cache, and their memory is reused instead of mapped anew."""


@dataclass
class _Fused:
    """Consecutive maps of frames, joints and points, at most one of each: those of different axes commute."""

    time: Optional[Tensor] = None
    joint: Optional[Tensor] = None
    point: Optional[Tensor] = None

    def add(self, op: Union[TimeIndex, JointIndex, PointMap]) -> None:
        if isinstance(op, TimeIndex):
            self.time = op.index if self.time is None else self.time.gather(1, op.index)
        elif isinstance(op, JointIndex):
            self.joint = op.index if self.joint is None else self.joint.gather(1, op.index)
        else:
            self.point = op.factor if self.point is None else _product(op.factor, self.point)

    def prepare(self, x: Tensor) -> None:
        joints, channels = x.shape[3:]
        if self.joint is not None:
            number = torch.arange(channels, device=x.device)
            self.joint = (self.joint[:, :, None] * channels + number).flatten(1)[:, None]
        if self.point is not None:
            block = next(size for size in (5, 4, 3, 2, 1) if joints % size == 0)
            self.point = _frame_factor(self.point.to(x.dtype), joints, channels, block)

    def run(self, y: Tensor, clip: Tensor, slot: int, row: Optional[Tensor] = None) -> Tensor:
        """Map persons ``y[row]`` (all for ``None``) of the clips ``clip`` to ``(P, T', V, C)``."""
        shape = y.shape[2:]
        if self.time is not None:
            row = torch.arange(len(y), device=y.device) if row is None else row
            index = row[:, None] * y.shape[1] + self.time[clip]
            y = y.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, index.shape)
        elif row is not None:
            y = y.index_select(0, row)
        y = y.flatten(2)
        if self.joint is not None:
            y = y.gather(2, self.joint[clip].expand(-1, y.shape[1], -1))
        if self.point is not None:
            factor = self.point[clip]
            if factor.shape[1] == 1:
                y.mul_(factor)
            else:
                width = factor.shape[1]
                y = (y.view(len(y), y.shape[1] * y.shape[2] // width, width) @ factor).view_as(y)
        return y.unflatten(2, shape)


class _Shifted:
    """Runs a :class:`Shift`; persons have to come in their order, as the first of a clip sets its origin."""

    def __init__(self, op: Shift, x: Tensor) -> None:
        self.op = op
        self.offset = op.offset.to(x.dtype)
        self.origin = self.offset.new_zeros(len(x), self.offset.shape[2])
        self.known = torch.zeros(len(x), 1, dtype=torch.bool, device=x.device)

    def run(self, y: Tensor, clip: Tensor, slot: int) -> Tensor:
        joints, channels = y.shape[2:]
        frames = y.flatten(2)
        seen = occupied(frames)
        offset = self.offset[clip]
        k = offset.shape[2]
        if self.op.origin is not None:
            first = seen.squeeze(2).byte().argmax(1)
            place = y[torch.arange(len(y), device=y.device), first, self.op.origin, :k]
            known = self.known[clip]
            origin = torch.where(known, self.origin[clip], place)
            self.origin[clip], self.known[clip] = origin, known | seen.any(1)
            offset = offset + origin[:, None]
        if self.op.apply is not None:
            offset = offset * self.op.apply[clip, None, None]
        offset = F.pad(offset, (0, channels - k)).repeat(1, 1, joints)
        return frames.addcmul_(seen.to(y.dtype), offset, value=-1).unflatten(2, (joints, channels))


def _product(after: Tensor, before: Tensor) -> Tensor:
    """Product of two point maps, each full ``(N, k, k)`` or diagonal ``(N, k)``."""
    if after.dim() == 2:
        return after * before if before.dim() == 2 else after[:, :, None] * before
    return after * before[:, None, :] if before.dim() == 2 else after @ before


_Step = Union[_Fused, _Shifted, TimeMatrix, JointMap, FrameMap, Perspective, JointKeep, Noise]


def _fuse(maps: Sequence[Map], x: Tensor) -> tuple[_Fused, list[_Step]]:
    """The same maps in fewer steps, the first one and the rest."""
    first = last = _Fused()
    steps: list[_Step] = []
    for op in maps:
        if isinstance(op, (TimeIndex, JointIndex, PointMap)):
            last.add(op)
        else:
            last = _Fused()
            steps += [_Shifted(op, x) if isinstance(op, Shift) else op, last]
    return first, steps


def _frame_factor(factor: Tensor, joints: int, channels: int, block: int) -> Tensor:
    """A point map as a factor of a frame's numbers: ``(N, 1, V*C)``, or block-diagonal ``(N, block*C, block*C)``."""
    n, k = factor.shape[:2]
    if factor.dim() == 2:
        whole = factor.new_ones(n, channels)
        whole[:, :k] = factor
        return whole.repeat(1, joints)[:, None]
    whole = torch.eye(channels, dtype=factor.dtype, device=factor.device).repeat(n, 1, 1)
    whole[:, :k, :k] = factor
    blocks = factor.new_zeros(n, block, channels, block, channels)
    blocks.diagonal(dim1=1, dim2=3).copy_(whole.transpose(1, 2)[..., None])  # transposed: points are rows
    return blocks.view(n, block * channels, block * channels)


def augment(x: Tensor, mask: Optional[Tensor], maps: Sequence[Map]) -> Tensor:
    """Run a list of maps, in order, on a batch of clips; consecutive maps are fused.

    Args:
        x: ``(N, M, T, V, C)``; it is not changed.
        mask: ``(N, M)`` bool, who is there; ``None``: all. Absent persons are not computed and come out exactly zero,
            unless a map is a :class:`Noise` with ``keep_absent=False``, which fills them as well.
        maps: In their order.

    Returns:
        Tensor: ``(N, M, T', V, C)`` in memory of its own; T' is that of the last map of frames.
    """
    n, m, frames = x.shape[:3]
    for op in maps:
        if isinstance(op, (TimeIndex, TimeMatrix)):
            frames = (op.index if isinstance(op, TimeIndex) else op.matrix).shape[1]
    out = x.new_zeros(n * m, frames, *x.shape[3:])
    if any(isinstance(op, Noise) and not op.keep_absent for op in maps):
        mask = None
    first, steps = _fuse(maps, x)
    for step in (first, *steps):
        if isinstance(step, _Fused):
            step.prepare(x)
    persons = x.flatten(0, 1)
    size = max(1, CHUNK // max(1, persons[0].numel())) if x.device.type == "cpu" else n
    everyone = torch.arange(n, device=x.device)
    # First persons come first, so that their noise does not depend on who else is present.
    for slot in range(m):
        for clip in (everyone if mask is None else mask[:, slot].nonzero().flatten()).split(size):
            row = clip * m + slot
            y = first.run(persons, clip, slot, row)
            for step in steps:
                y = step.run(y, clip, slot)
            out.index_copy_(0, row, y)
    return out.unflatten(0, (n, m))
