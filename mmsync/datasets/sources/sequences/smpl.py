"""Joints of SMPL rotations, by its kinematic tree with bone lengths of our own: no model file is needed."""

from __future__ import annotations

import numpy as np

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""The parent of each of the 24 joints, in the order of the layout ``smpl24``."""

_SIDED = {  # joints of the left side: offset from the parent in the rest pose, meters; x to the person's left, y up
    1: (0.09, -0.08, 0.0), 4: (0.02, -0.42, 0.0), 7: (0.0, -0.41, -0.02), 10: (0.02, -0.06, 0.13),
    13: (0.07, 0.08, 0.0), 16: (0.11, 0.02, -0.01), 18: (0.28, 0.0, 0.0), 20: (0.25, 0.0, 0.0), 22: (0.09, 0.0, 0.0),
}  # fmt: skip
_MIDDLE = {3: (0, 0.11, -0.01), 6: (0, 0.14, 0.0), 9: (0, 0.06, 0.0), 12: (0, 0.21, -0.01), 15: (0, 0.09, 0.05)}
_RIGHT = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21, 22: 23}


def _offsets() -> np.ndarray:
    out = np.zeros((24, 3))
    for table in (_MIDDLE, _SIDED, {_RIGHT[joint]: (-x, y, z) for joint, (x, y, z) in _SIDED.items()}):
        for joint, offset in table.items():
            out[joint] = offset
    return out


OFFSETS = _offsets()
"""``(24, 3)``, meters: each joint from its parent in the rest pose, of a person of about 1.7 m with arms spread."""

_DEPTH = np.array([0] * 24)
for _joint in range(1, 24):
    _DEPTH[_joint] = _DEPTH[PARENTS[_joint]] + 1


def rotation_matrices(axis_angle: np.ndarray) -> np.ndarray:
    """Matrices ``(..., 3, 3)`` of rotation vectors ``(..., 3)``, radians (Rodrigues' formula)."""
    vector = np.asarray(axis_angle, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vector.shape, 3)
    # sinc is sin(pi x) / (pi x): no division by an angle of zero
    first, second = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def smpl_joints(pose: np.ndarray) -> np.ndarray:
    """Joints ``(T, 24, 3)`` float32, meters, pelvis at the origin, of rotation vectors ``(T, 72)``, radians.

    A joint's rotation is that of its parent times its own. The tree has nine levels, each of which is one product over
    all frames and joints: time is linear in T, about 15 us a frame.
    """
    turn = rotation_matrices(pose.reshape(len(pose), 24, 3))
    place = np.zeros((len(pose), 24, 3))
    for depth in range(1, int(_DEPTH.max()) + 1):
        own = np.flatnonzero(depth == _DEPTH)
        parent = np.array(PARENTS)[own]
        place[:, own] = place[:, parent] + np.einsum("tjab,jb->tja", turn[:, parent], OFFSETS[own])
        turn[:, own] = turn[:, parent] @ turn[:, own]
    return place.astype(np.float32)


def six_numbers(axis_angle: np.ndarray) -> np.ndarray:
    """Rotation vectors ``(T, K * 3)`` as ``(T, K * 6)`` float32: the first two columns of each matrix.

    Unlike rotation vectors they have no jump at half a turn (Zhou et al., CVPR 2019).
    """
    turn = rotation_matrices(axis_angle.reshape(len(axis_angle), -1, 3))
    return turn[..., :2].swapaxes(-1, -2).reshape(len(axis_angle), -1).astype(np.float32)
