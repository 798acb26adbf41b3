"""Cues that reveal the direction of time without any motion of the scene: black borders and the camera's own motion.

Wei et al. (2018, Learning and Using the Arrow of Time, sec. 4.2) find them in 46 and 73 % of their videos.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from mmsync.errors import DataError

_DARK = 12.0  # mean value of 255 below which a row or column is black


def picture_without_borders(pictures: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of pictures ``(T, H, W, 3)`` that are not black in any of five frames, evenly spaced.

    Raises:
        DataError: Everything is black.
    """
    some = pictures[np.linspace(0, len(pictures) - 1, 5).round().astype(int)].astype(np.float32)
    bright = some.mean(-1)
    rows, columns = (bright.mean(axis).min(0) > _DARK for axis in (2, 1))
    if not rows.any() or not columns.any():
        raise DataError("all pictures are black")
    return tuple(slice(int(keep.argmax()), len(keep) - int(keep[::-1].argmax())) for keep in (rows, columns))  # type: ignore[return-value]


def camera_motion(pictures: np.ndarray) -> np.ndarray:
    """Similarities ``(T, 3, 3)`` that carry each picture ``(T, H, W, 3)`` onto the middle one.

    Corners are followed from frame to frame (Lucas and Kanade, 1981), outliers such as people rejected by RANSAC. Steps
    with too few corners, or without a majority for one motion, are interpolated from those beside them.
    """
    import cv2

    grey = [cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in pictures]
    found = [_step(cv2, a, b) for a, b in zip(grey, grey[1:])]
    known = [t for t, step in enumerate(found) if step is not None]
    steps = np.tile(np.eye(3), (len(found), 1, 1))
    if known:
        rows = np.array([found[t].ravel() for t in known])  # type: ignore[union-attr]
        steps = np.stack([np.interp(np.arange(len(found)), known, row) for row in rows.T], 1).reshape(-1, 3, 3)
    middle = len(pictures) // 2
    out = np.tile(np.eye(3), (len(pictures), 1, 1))
    for t in range(middle - 1, -1, -1):
        out[t] = out[t + 1] @ steps[t]
    for t in range(middle + 1, len(pictures)):
        out[t] = out[t - 1] @ np.linalg.inv(steps[t - 1])
    return out


def _step(cv2: Any, first: np.ndarray, second: np.ndarray) -> Optional[np.ndarray]:
    """The similarity ``(3, 3)`` that carries a grey picture onto the next one, or ``None``."""
    corners = cv2.goodFeaturesToTrack(first, 200, 0.01, max(3, min(first.shape) // 30))
    if corners is None or len(corners) < 8:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(15, 15))
    keep = status.ravel() == 1
    if keep.sum() < 8:
        return None
    cv2.setRNGSeed(0)
    matrix, inside = cv2.estimateAffinePartial2D(corners[keep], moved[keep], ransacReprojThreshold=0.3)
    if matrix is None or inside.sum() < 0.3 * keep.sum():
        return None
    return np.vstack([matrix, (0, 0, 1)])


def stabilized(pictures: np.ndarray, motion: Optional[np.ndarray] = None) -> np.ndarray:
    """Pictures ``(T, h, w, 3)`` as a camera at rest would see them, cut to the largest centered box in all frames.

    Args:
        pictures: ``(T, H, W, 3)`` uint8.
        motion: Of :func:`camera_motion`; ``None`` computes it.

    Raises:
        DataError: The camera moves so much that less than a quarter of the picture is left.
    """
    import cv2

    motion = camera_motion(pictures) if motion is None else motion
    height, width = pictures.shape[1:3]
    warped = np.stack([cv2.warpPerspective(p, m, (width, height)) for p, m in zip(pictures, motion)])
    white = np.full((height, width), 255, np.uint8)
    shown = np.min([cv2.warpPerspective(white, m, (width, height)) for m in motion], 0) > 250
    for top in range(height // 2):
        left = top * width // height
        part = slice(top, height - top), slice(left, width - left)
        if shown[part].all():
            if shown[part].size < 0.25 * shown.size:
                break
            return warped[:, part[0], part[1]]
    raise DataError("the camera moves so far that its frames have hardly anything in common")
