"""Crops of pictures, scaled into the middle of a square canvas, and optical flow, with its codes of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Optional

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn.functional import interpolate

from mmsync.errors import ConfigError, DependencyError, did_you_mean, nearest
from mmsync.ops.video_augment import FLOW_BOUND, FLOW_ZERO

METHODS = ("dis", "tvl1")
NEUTRAL = 127  # of the canvas; after x * 2 / 255 - 1 it is nearly 0


def whole_pixels(boxes: np.ndarray, width: ArrayLike, height: ArrayLike) -> np.ndarray:
    """The pixels ``(..., 4)`` int64 that boxes ``x1 y1 x2 y2`` touch in pictures of these sizes, empty beyond."""
    boxes = np.round(np.asarray(boxes, dtype=np.float64), 3)  # float32 round-off must not add a pixel
    low, high = np.floor(boxes[..., :2]).clip(0), np.ceil(boxes[..., 2:])
    return np.concatenate([low, np.minimum(high, np.stack([width, height], -1))], -1).astype(np.int64)


def cut_out(picture: np.ndarray, box: np.ndarray, out: np.ndarray) -> None:
    """Scale a box of a picture ``(H, W, 3)`` into the middle of a canvas ``(S, S, 3)``, neutral for an empty one."""
    out[...] = NEUTRAL
    scaled = _scaled(picture, box, len(out))
    if scaled is not None:
        out[_middle(scaled, len(out))] = scaled


def cut_flow(pictures: np.ndarray, box: np.ndarray, out: np.ndarray, method: str, speed: float) -> None:
    """Optical flow times ``speed`` inside a box of two grey pictures ``(H, W, 2)``, in pixels of the canvas."""
    out[...] = FLOW_ZERO
    scaled = _scaled(pictures, box, len(out))
    if scaled is not None:
        rows, columns = middle = _middle(scaled, len(out))
        # repeat the edge up to that of the canvas: a border of another color would hold back motion beside it
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


@cache
def flow_algorithm(method: str) -> Any:
    """OpenCV's object, without state, of ``'dis'`` (Kroeger et al., 2016) or ``'tvl1'`` (Zach et al., 2007), I3D's."""
    import cv2

    if method not in METHODS:
        hint = did_you_mean(nearest(method, METHODS)) or ";"
        raise ConfigError(f"no optical flow {method!r}{hint} choose from {', '.join(METHODS)}")
    if method == "dis":
        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if not hasattr(cv2, "optflow"):
        command = "python -m pip install --force-reinstall --no-deps opencv-contrib-python"
        raise DependencyError(f"flow='tvl1' needs cv2.optflow: {command}; flow='dis' needs no extra module")
    return cv2.optflow.DualTVL1OpticalFlow_create()


@contextmanager
def single_threaded() -> Iterator[Any]:
    """OpenCV without its threads, whose pool does not survive a fork: forked workers would wait for it."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield cv2
    finally:
        cv2.setNumThreads(threads)


def optical_flow(first: np.ndarray, second: np.ndarray, method: str = "dis") -> np.ndarray:
    """Displacement ``(H, W, 2)`` float32, pixels to the right and down, between grey pictures ``(H, W)`` uint8."""
    with single_threaded():
        return flow_algorithm(method).calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)


def encode_flow(flow: np.ndarray) -> np.ndarray:
    """Codes ``127 + 127 * flow / 20`` uint8 from 0 to 254 of flow in pixels: limited to 20, at most 0.079 off."""
    return (np.rint(np.clip(flow / FLOW_BOUND, -1, 1) * FLOW_ZERO) + FLOW_ZERO).astype(np.uint8)
