"""Batches of people in torch: controls of a body over time, such as the bend of an elbow, become joint positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

from mmsync.worlds import kinematics as body
from mmsync.worlds.dice import Dice

# Controls. An arm: raised forward, twisted and raised outward in the shoulder, bent in the elbow, flexed and tilted in
# the wrist. A leg: raised forward and outward, bent in the knee, foot lifted. Left side first; radians.
ARMS = (slice(0, 6), slice(6, 12))
LEGS = (slice(12, 16), slice(16, 20))
TRUNK = slice(20, 23)  # bent forward, twisted and leaning to the left
NECK = slice(23, 26)
# Both legs bent, 1 with level thighs; height over the floor, meters; the whole body tipped forward; turned to the left;
# way forward and to the left, meters, in the body's own directions.
CROUCH, LIFT, TIP, HEADING, FORWARD, ASIDE = range(26, 32)
NUM_CONTROLS = 32
_ARM_LIMITS = ((-1.2, 3.2), (-1.8, 1.6), (-0.9, 2.9), (-0.1, 2.6), (-1.2, 1.2), (-0.6, 0.6))
_LEG_LIMITS = ((-0.9, 2.0), (-0.3, 1.2), (-0.05, 2.4), (-0.7, 0.8))
_TRUNK_LIMITS = ((-0.6, 1.7), (-1.0, 1.0), (-0.7, 0.7), (-0.8, 0.9), (-1.2, 1.2), (-0.7, 0.7))
_BODY_LIMITS = ((0.0, 1.15), (0.0, 0.6), (-1.6, 1.6), *((-100.0, 100.0),) * 3)
LIMITS = torch.tensor((*_ARM_LIMITS * 2, *_LEG_LIMITS * 2, *_TRUNK_LIMITS, *_BODY_LIMITS))
"""Least and largest value of each control, ``(32, 2)``."""

KINECT20 = (0, 1, 20, *range(3, 20))
"""The joints of layout ``kinect20`` among the 25 of the body."""
_RIGHT, _LEFT = [8, 9, 10, 11, 16, 17, 18, 19], [4, 5, 6, 7, 12, 13, 14, 15]
_OFFSETS = torch.tensor(body.OFFSETS, dtype=torch.float32)


def forward_kinematics(angles: Tensor, offsets: Tensor, joints: Optional[Sequence[int]] = None) -> Tensor:
    """Joint positions of a batch; :func:`mmsync.worlds.kinematics.forward_kinematics` in torch.

    Cost: cosines and one 3x3 product for each joint, frame and clip on which another joint hangs.

    Args:
        angles: ``(25, 3, B, T)`` radians, as in :func:`mmsync.worlds.kinematics.euler_matrix`.
        offsets: ``(B, 25, 3)`` meters, of the joints from their parents.
        joints: The joints to return, V of them; ``None``: all.

    Returns:
        Tensor: ``(V, 3, B, T)`` meters.
    """
    joints = range(25) if joints is None else joints
    needed, parents = set(joints), body.PARENTS.tolist()
    for level in reversed(body.LEVELS):
        needed |= {parents[j] for j in level.tolist() if j in needed}
    bearing = sorted({parents[j] for j in needed if parents[j] >= 0})
    row = {joint: i for i, joint in enumerate(bearing)}
    rotation = euler_matrices(angles[bearing])
    position = torch.zeros_like(angles)
    shift = offsets.permute(1, 2, 0)[:, None, ..., None]
    for level in body.LEVELS:
        ends = [j for j in level.tolist() if j in needed]
        turned = rotation[[row[parents[j]] for j in ends]]
        position[ends] = position[[parents[j] for j in ends]] + (turned * shift[ends]).sum(2)
        inner = [i for i, j in enumerate(ends) if j in row]
        if inner:
            at = [row[ends[i]] for i in inner]
            first, second = turned[inner], rotation[at]
            rotation[at] = sum(first[:, :, k, None] * second[:, k, None] for k in range(3))
    return position[list(joints)]


def euler_matrices(angles: Tensor) -> Tensor:
    """Rotations ``Rz Rx Ry (V, 3, 3, ...)`` by angles ``(V, 3, ...)`` about x, y and z, radians."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(1), angles.sin().unbind(1)
    a, b = sz * sx, cz * sx
    return torch.stack([
        cz * cy - a * sy, -sz * cx, cz * sy + a * cy,
        sz * cy + b * sy, cz * cx, sz * sy - b * cy,
        -cx * sy, sx, cx * cy,
    ], 1).unflatten(1, (3, 3))  # fmt: skip


def joint_angles(controls: Tensor) -> Tensor:
    """Angles ``(25, 3, B, T)`` of the body's joints for controls ``(B, 32, T)``."""
    angles = controls.new_zeros(25, 3, len(controls), controls.shape[2])
    controls = controls.transpose(0, 1)
    bend, twist, lean = controls[TRUNK]
    crouch = controls[CROUCH]
    for side, mirror in ((0, 1), (1, -1)):
        forward, turn, out, elbow, flex, tilt = controls[ARMS[side]]
        shoulder, hip = body.LEFT_SHOULDER + 4 * side, body.LEFT_HIP + 4 * side
        _set(angles[shoulder], -forward, mirror * turn, mirror * out)
        angles[shoulder + 1, 0] = -elbow
        angles[shoulder + 2, 0], angles[shoulder + 2, 2] = -flex, mirror * tilt
        forward, out, knee, foot = controls[LEGS[side]]
        angles[hip, 0], angles[hip, 2] = -forward - 1.5 * crouch - 0.6 * bend, mirror * out
        angles[hip + 1, 0], angles[hip + 2, 0] = (knee + 1.6 * crouch).clamp(max=2.5), -foot - 0.1 * crouch
    angles[body.SPINE_BASE, 0] = 0.6 * bend + controls[TIP]
    _set(angles[body.SPINE_MID], 0.4 * bend, twist, -lean)
    _set(angles[body.NECK], *controls[NECK])
    return angles


def _set(angles: Tensor, x: Tensor, y: Tensor, z: Tensor) -> None:
    angles[0], angles[1], angles[2] = x, y, z


def bone_offsets(dice: Dice, count: int) -> Tensor:
    """Offsets ``(B, 25, 3)``, meters, of people of 1.4 to 2.05 m with bones of their own lengths."""
    stature = (1.7 + dice.normal(0.1, count, 1, 1)).clamp(1.4, 2.05)
    share = dice.spread(0.05, count, 25, 1)
    share[:, _RIGHT] = share[:, _LEFT]
    return stature * share * _OFFSETS.to(dice.device)


def perform(controls: Tensor, dice: Dice, load: Tensor, mirrored: Tensor) -> Tensor:
    """Let one random person do each motion.

    The lowest joint is on the floor, or ``LIFT`` above it; the way is walked in the direction of the heading.

    Args:
        controls: ``(B, 32, T)``; values beyond :data:`LIMITS` are cut.
        dice: Draws of the persons.
        load: ``(B, 2)`` how much longer the hands are by what they hold, as a share.
        mirrored: ``(B,)`` bool, of those whose sides are exchanged.

    Returns:
        Tensor: Positions ``(20, 3, B, T)`` of the joints of ``kinect20``, meters; x to the left at heading 0, y up.
    """
    limits = LIMITS.to(controls.device)
    controls = torch.maximum(torch.minimum(controls, limits[:, 1, None]), limits[:, 0, None])
    angles, count = joint_angles(controls), len(controls)
    for joint in (body.SPINE_MID, body.SPINE_SHOULDER):  # habits of posture
        angles[joint] += dice.normal(0.07, 3, count, 1)
    for joint in (body.LEFT_WRIST, body.RIGHT_WRIST):  # and of the way hands are held
        angles[joint] += dice.normal(0.2, 3, count, 1)
    offsets = bone_offsets(dice, count)
    offsets[:, [body.LEFT_HAND, body.RIGHT_HAND]] *= 1 + load[..., None]
    x, y, z = forward_kinematics(angles, offsets, KINECT20).unbind(1)
    y = y + (controls[:, LIFT] - y.amin(0))
    cos, sin = controls[:, HEADING].cos(), controls[:, HEADING].sin()
    aside, forward = controls[:, [ASIDE, FORWARD]].diff(dim=2, prepend=controls[:, [ASIDE, FORWARD], :1]).unbind(1)
    along, across = (cos * aside + sin * forward).cumsum(1), (cos * forward - sin * aside).cumsum(1)
    points = torch.stack([cos * x + sin * z + along, y, cos * z - sin * x + across], 1)
    return torch.where(mirrored[:, None], mirror_points(points), points)


def mirror_points(points: Tensor) -> Tensor:
    """The mirror image of points ``(20, 3, B, T)``: left and right exchanged."""
    order = [*range(4), *range(8, 12), *range(4, 8), *range(16, 20), *range(12, 16)]
    return points[order] * points.new_tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
