"""Crops of pictures, and the optical flow in them, scaled into the middle of a square canvas."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn.functional import interpolate

from mmsync.ops.video_augment import FLOW_ZERO

NEUTRAL = 127  # of the canvas; after x * 2 / 255 - 1 it is nearly 0


def whole_pixels(boxes: np.ndarray, width: ArrayLike, height: ArrayLike) -> np.ndarray:
    """The pixels of a picture that boxes touch.

    Args:
        boxes: ``(..., 4)`` float, ``x1 y1 x2 y2``.
        width: Of the picture; or ``(...)``, one for each box.
        height: The same.

    Returns:
        ``(..., 4)`` int64; ``x2 <= x1`` or ``y2 <= y1`` for boxes beyond the picture.
    """
    boxes = np.round(np.asarray(boxes, dtype=np.float64), 3)  # float32 round-off must not add a pixel
    low, high = np.floor(boxes[..., :2]).clip(0), np.ceil(boxes[..., 2:])
    return np.concatenate([low, np.minimum(high, np.stack([width, height], -1))], -1).astype(np.int64)


def cut_out(picture: np.ndarray, box: np.ndarray, out: np.ndarray) -> None:
    """Scale a part of a picture to the size of a canvas, keep its aspect, put it into the middle.

    The longer side gets the canvas's length exactly, the shorter one is rounded down; bilinear, with antialiasing where
    it is made smaller.

    Args:
        picture: ``(H, W, 3)`` uint8.
        box: ``(4,)`` whole pixels inside of it, as of :func:`whole_pixels`; an empty one leaves the canvas neutral.
        out: ``(S, S, 3)`` uint8, the canvas to fill.
    """
    out[...] = NEUTRAL
    scaled = _scaled(picture, box, len(out))
    if scaled is not None:
        out[_middle(scaled, len(out))] = scaled


def cut_flow(pictures: np.ndarray, box: np.ndarray, out: np.ndarray, method: str, speed: float) -> None:
    """Optical flow inside a box, in pixels of the canvas; both pictures are cut by the same box.

    Args:
        pictures: ``(H, W, 2)`` uint8, grey, one after the other.
        box: As in :func:`cut_out`.
        out: ``(S, S, 2)`` uint8, the canvas to fill; beyond the box nothing moves.
        method: See :func:`mmsync.media.flow.flow_algorithm`.
        speed: What the flow is multiplied by.
    """
    from mmsync.media.flow import encode_flow, optical_flow

    out[...] = FLOW_ZERO
    scaled = _scaled(pictures, box, len(out))
    if scaled is not None:
        rows, columns = middle = _middle(scaled, len(out))
        # repeat the edge up to that of the canvas: a border of another colour would hold back motion beside it
        edges = [(part.start, len(out) - part.stop) for part in (rows, columns)]
        first, second = np.pad(scaled, [*edges, (0, 0)], mode="edge").transpose(2, 0, 1)
        out[middle] = encode_flow(optical_flow(first, second, method)[middle] * speed)


def _scaled(picture: np.ndarray, box: np.ndarray, size: int) -> Optional[np.ndarray]:
    """The box's part of a picture ``(H, W, C)``, its longer side ``size``; ``None`` for an empty box."""
    x1, y1, x2, y2 = box.tolist()
    width, height = x2 - x1, y2 - y1
    if width <= 0 or height <= 0:
        return None
    longer = max(width, height)
    h, w = max(1, size * height // longer), max(1, size * width // longer)
    part = torch.from_numpy(np.ascontiguousarray(picture[y1:y2, x1:x2])).permute(2, 0, 1)[None]
    return interpolate(part, (h, w), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def _middle(part: np.ndarray, size: int) -> tuple[slice, slice]:
    """Rows and columns of a part in the middle of a canvas."""
    top, left = ((size - length) // 2 for length in part.shape[:2])
    return slice(top, top + part.shape[0]), slice(left, left + part.shape[1])
