"""Augmentations of skeleton batches, each clip with its own parameters, as linear maps that are fused before they run.

All but noise and joint masks are linear and act on one axis only: time, joints, or the coordinates of a point. Maps of
different axes commute and maps of one axis compose, so a whole chain of them costs one gather and one 3x3 product. An
augmentation therefore says *which map* it is (the small tuples below), and :func:`augment` runs a list of maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import torch
from torch import Tensor


@dataclass(frozen=True)
class TimeIndex:
    """Output frame t is input frame ``index[n, t]``; ``(N, T')`` int64."""

    index: Tensor


@dataclass(frozen=True)
class TimeMatrix:
    """Output frames are mixtures of input frames; ``matrix (N, T', T)``.

    ``apply (N,)`` bool leaves other clips as they are (then T' is T). With ``keep_absent`` all-zero frames stay zero.
    """

    matrix: Tensor
    apply: Optional[Tensor] = None
    keep_absent: bool = False


@dataclass(frozen=True)
class JointIndex:
    """Output joint v is input joint ``index[n, v]``; ``(N, V)`` int64."""

    index: Tensor


@dataclass(frozen=True)
class PointMap:
    """A point's first k channels p become ``factor[n] @ p``; ``(N, k, k)``, or ``(N, k)`` for a diagonal one."""

    factor: Tensor


@dataclass(frozen=True)
class JointKeep:
    """Joints to keep; the others become zero. ``(N, T, V)`` or ``(N, 1, V)`` bool."""

    keep: Tensor


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise on the first ``num_coords`` channels of the clips in ``apply (N,)`` bool (``None``: all).

    The values come from a generator seeded with ``seed``, or are given: ``value (N, M, T, V, num_coords)``. With
    ``keep_absent`` absent persons and all-zero frames stay zero.
    """

    std: float
    num_coords: int
    apply: Optional[Tensor] = None
    seed: Optional[Tensor] = None
    value: Optional[Tensor] = None
    keep_absent: bool = True


Map = Union[TimeIndex, TimeMatrix, JointIndex, PointMap, JointKeep, Noise]


# ---- from parameters to maps ----------------------------------------------------------------------------------------


def shear_matrix(amount: Tensor) -> Tensor:
    """Shear matrices ``[[1, a1, b1], [a2, 1, b2], [a3, b3, 1]]``.

    Args:
        amount: ``(N, 6)``, in the order a1, a2, a3, b1, b2, b3.

    Returns:
        ``(N, 3, 3)``.
    """
    a1, a2, a3, b1, b2, b3 = amount.unbind(1)
    one = torch.ones_like(a1)
    return torch.stack([one, a1, b1, a2, one, b2, a3, b3, one], dim=1).view(-1, 3, 3)


def rotation_matrix(angle: Tensor) -> Tensor:
    """Rotations of the coordinate system about x, then y, then z: ``R = Rz @ Ry @ Rx``.

    The single rotations are passive (the axes turn, so a point appears to turn the other way): about x
    ``[[1, 0, 0], [0, c, s], [0, -s, c]]``, about y ``[[c, 0, -s], [0, 1, 0], [s, 0, c]]``, about z
    ``[[c, s, 0], [-s, c, 0], [0, 0, 1]]``.

    Args:
        angle: ``(N, 3)`` in radians, about x, y and z.

    Returns:
        ``(N, 3, 3)``.
    """
    (cx, cy, cz), (sx, sy, sz) = angle.cos().unbind(1), angle.sin().unbind(1)
    rows = [
        cz * cy, cz * sy * sx + sz * cx, sz * sx - cz * sy * cx,
        -sz * cy, cz * cx - sz * sy * sx, cz * sx + sz * sy * cx,
        sy, -cy * sx, cy * cx,
    ]  # fmt: skip
    return torch.stack(rows, dim=1).view(-1, 3, 3)


def crop_index(start: Tensor, frames: int, pad: int) -> Tensor:
    """Frames of a crop out of the clip mirrored at both ends, the end frames being repeated.

    Args:
        start: ``(N,)`` int64 in ``[0, 2 * pad]``, where the crop begins in the padded clip.
        frames: Number T of frames of the clip, and of the crop.
        pad: Mirrored frames on each side, at most T.

    Returns:
        ``(N, T)`` int64.
    """
    index = start[:, None] - pad + torch.arange(frames, device=start.device)
    index = torch.where(index < 0, -1 - index, index)
    return torch.where(index >= frames, 2 * frames - 1 - index, index)


def blur_matrix(sigma: Tensor, frames: int, taps: int = 15, normalize: bool = True) -> Tensor:
    """Gaussian filters over time as banded matrices.

    Args:
        sigma: ``(N,)``, standard deviation in frames, positive.
        frames: Number T of frames.
        taps: Width of the filter in frames, odd.
        normalize: Rows sum to 1, also at the ends of the clip. ``False``: taps ``exp(-k^2 / 2 sigma^2)`` and zeros
            beyond the ends, which amplifies a clip by up to ``sigma * sqrt(2 pi)`` and fades its ends.

    Returns:
        ``(N, T, T)``.
    """
    time = torch.arange(frames, device=sigma.device)
    lag = (time[:, None] - time).abs()
    taps_at = torch.arange(taps // 2 + 1, device=sigma.device, dtype=sigma.dtype)
    kernel = torch.exp(-(taps_at**2) / (2 * sigma[:, None] ** 2))
    kernel = torch.cat([kernel, kernel.new_zeros(len(kernel), 1)], dim=1)  # the last entry serves all longer lags
    matrix = kernel[:, lag.clamp(max=taps // 2 + 1)]
    return matrix / matrix.sum(2, keepdim=True) if normalize else matrix


# ---- running maps ---------------------------------------------------------------------------------------------------


def _compose(after: Tensor, before: Optional[Tensor]) -> Tensor:
    """Product of two point maps, each full ``(N, k, k)`` or diagonal ``(N, k)``."""
    if before is None:
        return after
    if after.dim() == 2:
        return after * before if before.dim() == 2 else after[:, :, None] * before
    return after * before[:, None, :] if before.dim() == 2 else after @ before


class _Persons:
    """The persons of a batch that are really there, packed to ``(P, T, V, C)``, and the maps not yet run on them."""

    def __init__(self, x: Tensor, mask: Optional[Tensor]) -> None:
        n, m = x.shape[:2]
        if mask is None:
            self.slot = torch.arange(m, device=x.device).repeat_interleave(n)
            self.clip = torch.arange(n, device=x.device).repeat(m)
        else:
            # Slot by slot, so that the noise of first persons does not depend on how many second ones there are.
            self.slot, self.clip = mask.T.nonzero(as_tuple=True)
        self.shape = x.shape
        self.data = x.flatten(0, 1)
        self.row: Optional[Tensor] = self.clip * m + self.slot  # the packing itself is pending
        self.time: Optional[Tensor] = None
        self.joint: Optional[Tensor] = None
        self.point: Optional[Tensor] = None

    def flush(self) -> None:
        """Run what is pending: one gather of frames, one of joints, one point map."""
        y = self.data
        if self.time is not None:
            row = torch.arange(len(y), device=y.device) if self.row is None else self.row
            index = row[:, None] * y.shape[1] + self.time[self.clip]
            y = y.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, index.shape)
        elif self.row is not None:
            y = y.index_select(0, self.row)
        if self.joint is not None:
            channel = torch.arange(y.shape[3], device=y.device)
            index = (self.joint[:, :, None] * y.shape[3] + channel).flatten(1)[self.clip]
            y = y.flatten(2).gather(2, index[:, None].expand(-1, y.shape[1], -1)).view_as(y)
        if self.point is not None:
            factor = self.point.to(y.dtype)[self.clip]
            coords = y[..., : factor.shape[1]]
            if factor.dim() == 2:
                coords.mul_(factor[:, None, None])
            elif coords.shape == y.shape:
                y = (y.flatten(1, 2) @ factor.transpose(1, 2)).view_as(y)
            else:
                coords.copy_(torch.einsum("ptvc,pdc->ptvd", coords, factor))
        self.data, self.row, self.time, self.joint, self.point = y, None, None, None, None

    def add(self, op: Map) -> None:
        if isinstance(op, TimeIndex):
            self.time = op.index if self.time is None else self.time.gather(1, op.index)
        elif isinstance(op, JointIndex):
            self.joint = op.index if self.joint is None else self.joint.gather(1, op.index)
        elif isinstance(op, PointMap):
            self.point = _compose(op.factor, self.point)
        else:
            self.flush()
            if isinstance(op, TimeMatrix):
                self._mix(op)
            elif isinstance(op, JointKeep):
                self.data.mul_(op.keep[self.clip][..., None])
            else:
                self._add_noise(op)

    def _chosen(self, apply: Optional[Tensor]) -> Optional[Tensor]:
        return None if apply is None else apply[self.clip].nonzero().flatten()

    def _mix(self, op: TimeMatrix) -> None:
        chosen = self._chosen(op.apply)
        y = self.data if chosen is None else self.data.index_select(0, chosen)
        clip = self.clip if chosen is None else self.clip[chosen]
        frames = y.flatten(2)
        mixed = op.matrix.to(y.dtype)[clip] @ frames
        if op.keep_absent:
            mixed.mul_(_occupied(frames))
        mixed = mixed.unflatten(2, y.shape[2:])
        self.data = mixed if chosen is None else self.data.index_copy_(0, chosen, mixed)

    def _add_noise(self, op: Noise) -> None:
        y, k = self.data, op.num_coords
        generator = torch.Generator(y.device)
        if op.seed is not None:
            generator.manual_seed(int(op.seed))
        chosen = self._chosen(op.apply)
        if chosen is None:
            chosen = torch.arange(len(y), device=y.device)
        for slot in range(self.shape[1]):
            rows = chosen[self.slot[chosen] == slot]
            if op.value is None:
                noise = torch.randn((len(rows), *y.shape[1:3], k), generator=generator, device=y.device, dtype=y.dtype)
                noise.mul_(op.std)
            else:
                noise = op.value.to(y.dtype)[self.clip[rows], slot]
            clean = y.index_select(0, rows)
            if op.keep_absent:
                noise.mul_(_occupied(clean.flatten(2))[..., None])
            clean[..., :k] += noise
            y.index_copy_(0, rows, clean)

    def unpack(self) -> Tensor:
        self.flush()
        n, m = self.shape[:2]
        out = self.data.new_zeros(n * m, *self.data.shape[1:])
        out.index_copy_(0, self.clip * m + self.slot, self.data)
        return out.unflatten(0, (n, m))


def _occupied(frames: Tensor) -> Tensor:
    """Frames ``(P, T, V*C)`` that are not all zero, as ``(P, T, 1)`` bool."""
    return torch.linalg.vector_norm(frames, dim=2, keepdim=True) > 0


def augment(x: Tensor, mask: Optional[Tensor], maps: Sequence[Map]) -> Tensor:
    """Run a list of maps, in order, on a batch of clips.

    Consecutive maps are fused, and absent persons are not computed; they come out exactly zero, unless a map is a
    :class:`Noise` with ``keep_absent=False``, which fills them as well.

    Args:
        x: ``(N, M, T, V, C)``; not changed.
        mask: ``(N, M)`` bool, True where a person is there; ``None``: everywhere.
        maps: What to do, each with its per-clip parameters.

    Returns:
        ``(N, M, T', V, C)``.
    """
    if any(isinstance(op, Noise) and not op.keep_absent for op in maps):
        mask = None
    persons = _Persons(x, mask)
    for op in maps:
        persons.add(op)
    return persons.unpack()
