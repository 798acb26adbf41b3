"""Alignment of skeletons to the body: every frame in coordinates of its trunk, in units of its length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import torch
from torch import Tensor

ALIGNMENTS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "body25": dict(z=(1, 8), x=(1, 5)),
    "hands42": dict(z=(0, 1), x=(0, 9)),
    "ikea17": dict(z=(5, 11), x=(5, 6)),
    "ntu25": dict(z=(20, 0), x=(20, 4)),
    "smpl24": dict(z=(12, 0), x=(12, 16)),
}
"""Arguments of :func:`align_frames` by kind: the first three are CASA's, the others have the joints of ``body25``."""


def rotation_between(vector: Tensor, axis: int) -> Tensor:
    """Rotations ``(..., 3, 3)`` that turn ``vector (..., 3)`` into the direction of a coordinate axis, 0 for x.

    The identity for a vector that is parallel to the axis, antiparallel, or zero.
    """
    target = torch.zeros_like(vector)
    target[..., axis] = 1
    normal = torch.linalg.cross(vector, target)
    length = torch.linalg.vector_norm(vector, dim=-1).clamp(min=torch.finfo(vector.dtype).tiny)
    sine_length = torch.linalg.vector_norm(normal, dim=-1)
    # sin and cos without the angle: in float32 an arc cosine near 1 is wrong by up to 3e-4
    sine, cosine = sine_length / length, vector[..., axis] / length
    turns = (normal.abs().sum(-1) >= 1e-6) & (torch.atan2(sine, cosine) >= 1e-6)
    n = normal / torch.where(turns, sine_length, 1.0)[..., None] * turns[..., None]
    zero = torch.zeros_like(n[..., 0])
    a, b, c = n.unbind(-1)
    cross = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=n.dtype, device=n.device)
    return eye + sine[..., None, None] * cross + (1 - cosine)[..., None, None] * (cross @ cross)


def align_frames(joints: Tensor, z: Sequence[int], x: Sequence[int], scale: bool = True) -> Tensor:
    """Put every frame into coordinates of its body (CASA, Kwon et al., 2022).

    The joint z0 moves to the origin; x0 - x1 is turned to +x, then z1 - z0 to +z, so that x is exact only where the two
    are at right angles; lengths are divided by that from z0 to z1, unless it is zero. Cost: one 3x3 product per point.

    Args:
        joints: ``(..., V, 3)``.
        z: Joints (z0, z1), in [0, V).
        x: Joints (x0, x1).
        scale: Whether to divide by the length from z0 to z1.

    Returns:
        Tensor: ``(..., V, 3)``; a frame of zeros stays zero.
    """
    up = joints[..., z[1], :] - joints[..., z[0], :]
    first = rotation_between(joints[..., x[0], :] - joints[..., x[1], :], 0)
    rotation = rotation_between((first @ up[..., None])[..., 0], 2) @ first
    if scale:
        length = torch.linalg.vector_norm(up, dim=-1)
        rotation = rotation / torch.where(length > 0, length, 1.0)[..., None, None]
    return (joints - joints[..., z[0], None, :]) @ rotation.transpose(-1, -2)


def align_frames_2d(
    x: Tensor, hips: Sequence[int], shoulders: Sequence[int], per_frame: bool = False, valid: Optional[Tensor] = None,
) -> Tensor:  # fmt: skip
    """Center every frame on the middle of the hips, and divide by the length of the trunk; nothing is turned.

    Args:
        x: Joints ``(..., T, V, 2)``, or of more coordinates.
        hips: Two joints, in [0, V); their middle is the origin, and one end of the trunk.
        shoulders: Two joints; their middle is the other end.
        per_frame: Divide each frame by its own length. Else all by the mean of the valid frames of the sequence, so
            that a trunk that bends toward the camera does not make the body grow.
        valid: ``(..., T)`` bool, the frames of the mean; ``None``: all.

    Returns:
        Tensor: ``(..., T, V, 2)``; trunks without length divide nothing.
    """
    origin = x[..., list(hips), :].mean(-2, keepdim=True)
    length = torch.linalg.vector_norm(x[..., list(shoulders), :].mean(-2, keepdim=True) - origin, dim=-1, keepdim=True)
    if not per_frame:
        weight = torch.ones_like(length) if valid is None else valid[..., None, None].to(x.dtype)
        length = (length * weight).sum(-3, keepdim=True) / weight.sum(-3, keepdim=True).clamp(min=1)
    return (x - origin) / torch.where(length > 0, length, 1.0)
