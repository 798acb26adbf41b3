"""Forward kinematics of a 25-joint body, numbered as in NTU RGB+D from 0; x points to its left, y up, z forward."""

from __future__ import annotations

import numpy as np

(
    SPINE_BASE, SPINE_MID, NECK, HEAD,
    LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_HAND,
    RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, RIGHT_HAND,
    LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, LEFT_FOOT,
    RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, RIGHT_FOOT,
    SPINE_SHOULDER, LEFT_TIP, LEFT_THUMB, RIGHT_TIP, RIGHT_THUMB,
) = range(25)  # fmt: skip

# Joint -> (parent, offset from it at zero angles as a share of the stature); left side, the right one is its mirror.
# Lengths after the segment table of Drillis and Contini (1966), rounded.
_TREE: dict[int, tuple[int, tuple[float, float, float]]] = {
    SPINE_BASE: (-1, (0, 0, 0)),
    SPINE_MID: (SPINE_BASE, (0, 0.150, 0)),
    SPINE_SHOULDER: (SPINE_MID, (0, 0.138, 0)),
    NECK: (SPINE_SHOULDER, (0, 0.045, 0)),
    HEAD: (NECK, (0, 0.085, 0.010)),
    LEFT_SHOULDER: (SPINE_SHOULDER, (0.115, -0.010, 0)),
    LEFT_ELBOW: (LEFT_SHOULDER, (0, -0.172, 0)),
    LEFT_WRIST: (LEFT_ELBOW, (0, -0.146, 0)),
    LEFT_HAND: (LEFT_WRIST, (0, -0.050, 0)),
    LEFT_TIP: (LEFT_HAND, (0, -0.050, 0)),
    LEFT_THUMB: (LEFT_WRIST, (0, -0.030, 0.030)),
    LEFT_HIP: (SPINE_BASE, (0.055, -0.020, 0)),
    LEFT_KNEE: (LEFT_HIP, (0, -0.240, 0)),
    LEFT_ANKLE: (LEFT_KNEE, (0, -0.235, 0)),
    LEFT_FOOT: (LEFT_ANKLE, (0, -0.035, 0.070)),
}
MIRROR = np.array([0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22])
for _left, (_parent, (_x, _y, _z)) in list(_TREE.items()):
    if MIRROR[_left] != _left:
        _TREE[int(MIRROR[_left])] = (int(MIRROR[_parent]), (-_x, _y, _z))

PARENTS = np.array([_TREE[joint][0] for joint in range(25)])
OFFSETS = np.array([_TREE[joint][1] for joint in range(25)])
OFFSETS.flags.writeable = PARENTS.flags.writeable = MIRROR.flags.writeable = False

_DEPTH = np.zeros(25, dtype=int)
for _joint, (_parent, _) in _TREE.items():  # parents come first
    _DEPTH[_joint] = 0 if _parent < 0 else _DEPTH[_parent] + 1
LEVELS = [np.flatnonzero(level == _DEPTH) for level in range(1, _DEPTH.max() + 1)]


def euler_matrix(angles: np.ndarray) -> np.ndarray:
    """Rotations ``Rz Rx Ry (..., 3, 3)`` of column vectors by angles ``(..., 3)`` about x, y and z, radians."""
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = (
        (cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy),
        (sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy),
        (-cx * sy, sx, cx * cy),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def forward_kinematics(angles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Joint positions ``(..., 25, 3)``, meters, of angles ``(..., 25, 3)`` as in :func:`euler_matrix` and offsets."""
    rotation = euler_matrix(angles)
    position = np.zeros(angles.shape)
    offsets = np.broadcast_to(offsets, angles.shape)
    for joints in LEVELS:
        parents = PARENTS[joints]
        turned = rotation[..., parents, :, :]
        position[..., joints, :] = position[..., parents, :] + (turned @ offsets[..., joints, :, None])[..., 0]
        rotation[..., joints, :, :] = turned @ rotation[..., joints, :, :]
    return position
