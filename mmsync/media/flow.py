"""Optical flow between two pictures, and its codes of 8 bits."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mmsync.errors import ConfigError, DependencyError, did_you_mean, nearest
from mmsync.ops.video_augment import FLOW_BOUND, FLOW_ZERO

METHODS = ("dis", "tvl1")


@cache
def flow_algorithm(method: str) -> Any:
    """The OpenCV object of a method; it keeps no state between calls.

    Args:
        method: ``'dis'`` (Kroeger et al., 2016), or ``'tvl1'`` (Zach et al., 2007), by which I3D's flow was made.

    Raises:
        ConfigError: No such method.
        DependencyError: OpenCV was built without it.
    """
    import cv2

    if method not in METHODS:
        hint = did_you_mean(nearest(method, METHODS)) or ";"
        raise ConfigError(f"no optical flow {method!r}{hint} choose from {', '.join(METHODS)}")
    if method == "dis":
        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if not hasattr(cv2, "optflow"):
        raise DependencyError(
            "flow='tvl1' needs cv2.optflow, which is in OpenCV's contributed modules: python -m pip install "
            "--force-reinstall --no-deps opencv-contrib-python; flow='dis' needs no extra module"
        )
    return cv2.optflow.DualTVL1OpticalFlow_create()


def optical_flow(first: np.ndarray, second: np.ndarray, method: str = "dis") -> np.ndarray:
    """Displacement of each pixel from a picture to the next.

    Args:
        first: ``(H, W)`` uint8, grey; both sides 16 or more.
        second: ``(H, W)`` uint8.
        method: See :func:`flow_algorithm`.

    Returns:
        ``(H, W, 2)`` float32, pixels to the right and down.
    """
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # a thread pool does not survive a fork, and forked workers would wait for it
    try:
        return flow_algorithm(method).calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
    finally:
        cv2.setNumThreads(threads)


def encode_flow(flow: np.ndarray) -> np.ndarray:
    """Flow to codes, ``127 + 127 * flow / 20``: limited to 20 pixels, at most 0.079 pixels off, 0 and signs exact.

    Args:
        flow: ``(..., 2)`` pixels.

    Returns:
        ``(..., 2)`` uint8 from 0 to 254.
    """
    share = np.clip(flow / FLOW_BOUND, -1, 1)
    return (np.rint(share * FLOW_ZERO) + FLOW_ZERO).astype(np.uint8)
