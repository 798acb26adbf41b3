"""Selection and resampling of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS


def resize_clip(keypoint: np.ndarray, length: int) -> np.ndarray:
    """Resize ``(M, T, V, C)`` linearly to ``(M, length, V, C)``: half-pixel centers, clamped ends, no low pass."""
    frames = keypoint.shape[1]
    if frames == length:
        return keypoint
    position = ((np.arange(length) + 0.5) * (frames / length) - 0.5).clip(0, frames - 1)
    lower = position.astype(np.int64)
    weight = (position - lower).astype(keypoint.dtype)[:, None, None]
    first = keypoint[:, lower]
    return first + weight * (keypoint[:, np.minimum(lower + 1, frames - 1)] - first)


def frames_with_data(keypoint: np.ndarray) -> np.ndarray:
    """The frames of ``(M, T, V, C)`` in which a person was measured, ``(M, T)`` bool."""
    return (keypoint != 0).any(axis=(2, 3))


@TRANSFORMS.register_module()
class ResizeClip(BaseTransform):
    """Resize clips ``(M, T, V, C)`` linearly to ``(M, length, V, C)``.

    Args:
        length: Frames to make, at least 1.
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ConfigError(f"ResizeClip: length={length}; give at least one frame")
        self.length = length

    def transform(self, results: dict) -> dict:
        results["keypoint"] = resize_clip(results["keypoint"], self.length)
        return results


@TRANSFORMS.register_module()
class CropResize(BaseTransform):
    """Crop a part of the valid frames of ``(M, T, V, C)`` and resize it linearly to ``(M, length, V, C)``.

    The rule of the feeder of CTR-GCN (Chen et al., ICCV 2021): as many frames as hold data are taken from the start on;
    put ``TrimEmpty`` before it if clips may begin with empty frames.

    Args:
        length: Frames to make.
        ratio: ``(low, high)``: a random share of the frames at a random place. ``(p,)``: the central share ``p``.
        min_frames: A random crop has at least so many frames, if the clip does.
    """

    def __init__(self, length: int, ratio: Sequence[float] = (0.5, 1.0), min_frames: int = 64) -> None:
        if length < 1 or len(ratio) not in (1, 2) or not 0 < ratio[0] <= ratio[-1] <= 1:
            raise ConfigError(f"CropResize: length={length}, ratio={ratio}; give (p,) or (low, high) within (0, 1]")
        self.length, self.ratio, self.min_frames = length, tuple(ratio), min_frames
        self.random = len(self.ratio) == 2

    def transform(self, results: dict) -> dict:
        keypoint = results["keypoint"]
        valid = max(int(frames_with_data(keypoint).any(0).sum()), 1)
        if self.random:
            share = results["rng"].uniform(*self.ratio)
            size = min(max(int(valid * share), self.min_frames), valid)
            start = int(results["rng"].integers(valid - size + 1))
        else:
            start = int((1 - self.ratio[0]) * valid / 2)
            size = valid - 2 * start
        results["keypoint"] = resize_clip(keypoint[:, start : start + size], self.length)
        return results


@TRANSFORMS.register_module()
class UniformSampleFrames(BaseTransform):
    """Take ``length`` frames of ``(M, T, V, C)``, one from each of ``length`` equal parts (PoseC3D's sampling).

    Shorter clips are repeated from the start.

    Args:
        length: Frames to take.
        random: A random frame of each part (and a random start for shorter clips), else the middle one.
    """

    def __init__(self, length: int, random: bool = True) -> None:
        if length < 1:
            raise ConfigError(f"UniformSampleFrames: length={length}; give at least one frame")
        self.length, self.random = length, random

    def transform(self, results: dict) -> dict:
        frames = results["keypoint"].shape[1]
        if frames < self.length:
            start = int(results["rng"].integers(frames)) if self.random else 0
            index = (start + np.arange(self.length)) % frames
        else:
            edges = np.arange(self.length + 1) * frames // self.length
            low, high = edges[:-1], edges[1:]
            index = results["rng"].integers(low, high) if self.random else (low + high - 1) // 2
        results["keypoint"] = results["keypoint"][:, index]
        return results


@TRANSFORMS.register_module()
class TrimEmpty(BaseTransform):
    """Drop the frames of ``(M, T, V, C)`` in which nobody was seen, at the ends or everywhere.

    Args:
        inner: Also drop empty frames in the middle.
    """

    def __init__(self, inner: bool = False) -> None:
        self.inner = inner

    def transform(self, results: dict) -> dict:
        seen = np.flatnonzero(frames_with_data(results["keypoint"]).any(0))
        if len(seen):
            keep = seen if self.inner else slice(seen[0], seen[-1] + 1)
            results["keypoint"] = results["keypoint"][:, keep]
        return results
