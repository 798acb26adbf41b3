"""Postures of an arm: a library, and those that bring the hand to a place, as where it touches the body."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.worlds import kinematics as body

# Raised forward, twisted and raised outward in the shoulder, bent in the elbow; radians.
ARM_POSES = torch.tensor([
    [0.05, 0, 0.1, 0.2], [0.7, 0, 0.1, 0.3], [1.5, 0, 0.1, 0.1], [2.0, 0, 0.1, 0.6], [2.9, 0, 0.2, 0.2],
    [0, 0, 1.5, 0.1], [1.3, 0, 0.8, 0.2], [-0.7, 0, 0.15, 0.3], [0.3, 0, 0.1, 1.5], [0.8, 0.3, 0.2, 2.2],
    [1.2, -0.2, 0.7, 2.3], [-0.4, 0.3, 0.6, 1.4], [0.9, 0.8, 0, 1.3], [0.4, -1.2, 1.4, 1.6], [0.5, 0.6, 0.2, 1.7],
])  # fmt: skip
"""Common postures, ``(15, 4)``."""

# Where the left hand touches the body, as shares of the stature from the pelvis (to the left, up, forward), and the
# twist of the upper arm.
TOUCHES = {
    "mouth": (0.01, 0.40, 0.10, -1.2),
    "ear": (0.06, 0.42, 0.03, -1.0),
    "crown": (0.03, 0.50, 0.03, -0.9),
    "nape": (0.03, 0.37, -0.06, -0.8),
    "hip": (0.12, 0.02, 0.06, -1.2),
    "chest": (-0.02, 0.24, 0.10, -1.05),
    "other shoulder": (-0.10, 0.28, 0.09, -0.8),
    "belly": (0.01, 0.09, 0.11, -1.2),
    "other elbow": (-0.10, 0.15, 0.14, -1.2),
    "other hand": (0.00, 0.18, 0.20, -0.8),
    "other hand, high": (0.00, 0.55, 0.12, -0.4),
}
_SHOULDER = torch.tensor(body.OFFSETS[[body.SPINE_MID, body.SPINE_SHOULDER, body.LEFT_SHOULDER]].sum(0))
_UPPER = float(-body.OFFSETS[body.LEFT_ELBOW, 1])
_LOWER = float(-body.OFFSETS[[body.LEFT_WRIST, body.LEFT_HAND], 1].sum())


def reach(target: Tensor, twist: Tensor) -> Tensor:
    """Posture of the left arm whose hand is at a place, in closed form; the nearest one in its direction if too far.

    The elbow's bend follows from the law of cosines. A twisted arm then has to be raised forward and outward until the
    hand points to the target; of the two solutions the one with the hand on the target's side of the shoulder's height.

    Args:
        target: ``(..., 3)`` shares of the stature from the pelvis: to the left, up, forward.
        twist: ``(...)`` of the upper arm about its axis, radians; negative turns the forearm inward.

    Returns:
        Tensor: ``(..., 4)`` radians: forward, twist, out, bend.
    """
    away = target - _SHOULDER.to(target)
    distance = torch.linalg.vector_norm(away, dim=-1).clamp(0.06, 0.99 * (_UPPER + _LOWER))
    away = torch.nn.functional.normalize(away, dim=-1) * distance[..., None]
    bend = ((distance**2 - _UPPER**2 - _LOWER**2) / (2 * _UPPER * _LOWER)).clamp(-1, 1).acos()
    # the hand after bending the elbow and twisting
    down, front = -_UPPER - _LOWER * bend.cos(), _LOWER * bend.sin()
    side, front = front * twist.sin(), front * twist.cos()
    length = torch.hypot(down, front)
    height = (length**2 - away[..., 2] ** 2).clamp(min=0).sqrt() * torch.where(away[..., 1] > 0, 1.0, -1.0)
    forward = torch.atan2(front, -down) - torch.atan2(away[..., 2], -height)
    out = torch.atan2(away[..., 0], -away[..., 1]) - torch.atan2(side, -height)
    forward, out = -forward, torch.remainder(out + torch.pi, 2 * torch.pi) - torch.pi
    forward = torch.remainder(forward + torch.pi / 2, 2 * torch.pi) - torch.pi / 2
    return torch.stack([forward, twist.expand_as(forward), out, bend], dim=-1)


def touch_poses(device: torch.device) -> Tensor:
    """Postures ``(11, 4)`` of the left arm for :data:`TOUCHES`."""
    places = torch.tensor(list(TOUCHES.values()), device=device)
    return reach(places[:, :3], places[:, 3])
