"""The body frame: clips of any layout, sensor and length in one form (docs/design/0044)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.precision import in_float32

# joints of kinect20
PELVIS, CHEST = 0, 2
LEFT, RIGHT = [4, 12], [8, 16]  # shoulder and hip of either side
# the bones that give the scale; those of hands and feet are the worst that sensors measure
CHILD = [0, 1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18]
PARENT = [1, 2, 2, 2, 4, 5, 2, 8, 9, 0, 12, 13, 0, 16, 17]

FRAMES = 64
PARTS = 5  # of kinect20: trunk, arms, legs, each of four joints in a row, the one nearest to the trunk first

# rotations that bring the axis -x, x, -y, y, -z or z to y
_UPRIGHT = (
    ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
)


@in_float32
def body_frame(
    x: Tensor, matrix: Tensor, present: Optional[Tensor] = None, valid: Optional[Tensor] = None,
    frames: int = FRAMES,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Bring clips to the body frame.

    Joints are those of ``kinect20``. The frames in which somebody is seen are resampled; a person who is not seen in
    one moves linearly from the frame before to the one after. ``y`` points up, which is the axis along which the trunks
    of a clip stand on average. The unit of length is the mean bone of the persons, of each bone the 90th percentile,
    as bones look shorter in pictures. The origin is the mean place of the pelvis. Each person is turned once about
    ``y``, so that its left side is at ``+x`` on average. 2D joints are those of a picture, with ``y`` down: they get
    depth 0, ``y`` is negated, and nobody is turned; nor in 3D clips without depth, whose ``y`` points up.

    Args:
        x: ``(N, M, T, V, C)`` with C of 2 or 3, in any unit; frames of zeros are those in which a person is not seen.
        matrix: ``(20, V)``, how joints are read as ``kinect20``, from ``mmsync.structures.body_matrix``.
        present: ``(N, M)`` bool, who is there; ``None``: all who are seen.
        valid: ``(N, T)`` bool, which frames count; ``None``: all.
        frames: T', at least 2.

    Returns:
        tuple: ``(N, M, T', 20, 3)`` float; absent persons are zero. ``present (N, M)`` bool, who is seen; and the
        frame ``(N, T')`` float that each frame shows.
    """
    seen = x.flatten(3).ne(0).any(3)
    seen = seen if present is None else seen & present[:, :, None]
    seen = seen if valid is None else seen & valid[:, None]
    x, time = _resample(x, seen, frames)
    present = seen.any(2)
    there = present[:, :, None, None, None]
    matrix = matrix.to(x)
    x = matrix @ x * there
    x = F.pad(x * x.new_tensor([1, -1]), (0, 1)) if x.shape[-1] == 2 else x
    flat = x[..., 2].eq(0).flatten(1).all(1)[:, None, None, None, None]
    x = torch.where(flat, x, _upright(x))
    x = x / _unit(x, there)
    pelvis = x[:, :, :, PELVIS].mean(2).sum(1) / present.sum(1, keepdim=True).clamp(min=1)
    x = x - pelvis[:, None, None, None]
    return torch.where(flat, x, _facing(x)) * there, present, time


def _resample(x: Tensor, seen: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Clips ``(N, M, T', V, C)`` at equal steps from the first seen frame to the last, and their frames ``(N, T')``."""
    size = x.shape[2]
    number = torch.arange(size, device=x.device)
    some = seen.any(1).byte()
    first, last = some.argmax(1, keepdim=True), size - 1 - some.flip(1).argmax(1, keepdim=True)
    step = torch.arange(frames, device=x.device)
    time = first + ((last - first) * step).to(x.dtype) / (frames - 1)  # exact where clips have `frames` frames
    order = torch.where(seen, number, size).sort(2).values  # as cummax and cummin would find them; ONNX has neither
    count = seen.cumsum(2)
    before = torch.where(count > 0, order.gather(2, (count - 1).clamp(min=0)), -1)
    after = torch.where(seen, number, order.gather(2, count.clamp(max=size - 1)))
    shape = (*seen.shape[:2], frames)
    low = before.gather(2, time.floor().long()[:, None].expand(shape))
    high = after.gather(2, time.ceil().long()[:, None].expand(shape))
    low, high = torch.where(low < 0, high, low).clamp(max=size - 1), torch.where(high == size, low, high).clamp(min=0)
    weight = ((time[:, None] - low) / (high - low).clamp(min=1)).clamp(0, 1)
    rows = x.flatten(3)
    low, high = (rows.gather(2, at[..., None].expand(-1, -1, -1, rows.shape[3])) for at in (low, high))
    return low.lerp(high, weight[..., None]).unflatten(3, x.shape[3:]), time


def _upright(x: Tensor) -> Tensor:
    """Turn clips ``(N, M, T, 20, 3)`` by right angles until the mean trunk stands along ``+y``."""
    trunk = (x[:, :, :, CHEST] - x[:, :, :, PELVIS]).mean(2).sum(1)
    axis = trunk.abs().argmax(1, keepdim=True)
    turn = x.new_tensor(_UPRIGHT)[2 * axis[:, 0] + (trunk.gather(1, axis)[:, 0] >= 0)]
    return x @ turn.transpose(1, 2)[:, None, None]


def _unit(x: Tensor, there: Tensor) -> Tensor:
    """Mean length ``(N, 1, 1, 1, 1)`` of the bones of the persons who are there; 1 without any length.

    Bones without length, but for round-off, do not count: there two joints are read from the same place.
    """
    bones = torch.linalg.vector_norm(x[:, :, :, CHILD] - x[:, :, :, PARENT], dim=-1)
    bones = torch.where(there[..., 0], bones, torch.nan).flatten(1, 2).nanquantile(0.9, 1).nan_to_num()
    known = bones > 1e-4 * bones.amax(1, keepdim=True)
    unit = (bones * known).sum(1) / known.sum(1).clamp(min=1)
    return torch.where(unit > 0, unit, 1.0).view(-1, 1, 1, 1, 1)


def _facing(x: Tensor) -> Tensor:
    """Turn each person of ``(N, M, T, 20, 3)`` about ``y`` until its left side is at ``+x`` on average."""
    side = (x[:, :, :, LEFT] - x[:, :, :, RIGHT]).sum(3).mean(2)
    return about_y(x, torch.atan2(side[..., 2], side[..., 0]))


def about_y(x: Tensor, angle: Tensor) -> Tensor:
    """Turn persons ``(N, M, T, V, 3)`` by ``angle (N, M)`` about ``y``, radians, from ``z`` to ``x``."""
    angle = angle[:, :, None, None]
    sine, cosine, (a, y, z) = angle.sin(), angle.cos(), x.unbind(-1)
    return torch.stack([cosine * a + sine * z, y, cosine * z - sine * a], -1)


def part_numbers(x: Tensor) -> Tensor:
    """What a part's token sees of clips ``(P, T, 20, 3)`` in the body frame: ``(P, T, 5, 36)``.

    Places about the pelvis; about the shoulder or hip, or in the trunk the place of the pelvis; and velocities, in
    limbs about the pelvis, in lengths of a bone in four frames.
    """
    velocity = torch.cat([torch.zeros_like(x[:, :1]), x.diff(dim=1)], 1)
    places, moves = x.unflatten(2, (PARTS, -1)), velocity.unflatten(2, (PARTS, -1))
    pelvis, trunk = places[:, :, :1, :1], moves[:, :, :1]
    about = torch.cat([pelvis.expand_as(trunk), (places - places[:, :, :, :1])[:, :, 1:]], 2)
    moves = torch.cat([trunk, moves[:, :, 1:] - trunk[:, :, :, :1]], 2)
    return torch.cat([places - pelvis, about, 4 * moves], -1).flatten(3)
