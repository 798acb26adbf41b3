"""Pictures of the synthetic world's people: limbs of flat color before a textured wall, with a sensor's noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np

from mmsync.worlds import kinematics as body

_TROUSERS, _SHIRT, _SKIN = range(3)


def _both_sides(start: int, end: int, radius: float, clothing: int) -> list[tuple[int, int, float, int]]:
    return [(start + side, end + side, radius, clothing) for side in (0, 4)]


_LIMBS = (  # from joint, to joint, radius in meters, clothing
    *_both_sides(body.LEFT_HIP, body.LEFT_KNEE, 0.075, _TROUSERS),
    *_both_sides(body.LEFT_KNEE, body.LEFT_ANKLE, 0.060, _TROUSERS),
    (body.SPINE_BASE, body.SPINE_SHOULDER, 0.15, _SHIRT),
    (body.LEFT_SHOULDER, body.RIGHT_SHOULDER, 0.09, _SHIRT),
    (body.SPINE_SHOULDER, body.NECK, 0.06, _SKIN),
    (body.NECK, body.HEAD, 0.115, _SKIN),
    *_both_sides(body.LEFT_SHOULDER, body.LEFT_ELBOW, 0.055, _SHIRT),
    *_both_sides(body.LEFT_ELBOW, body.LEFT_WRIST, 0.045, _SKIN),
    *_both_sides(body.LEFT_WRIST, body.LEFT_HAND, 0.055, _SKIN),
)


class Camera(NamedTuple):
    """A pinhole camera."""

    focal: float  # Pixels
    center: tuple[float, float]  # (2,) pixels, where the camera looks
    size: tuple[int, int]  # Height and width of the picture

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels and scale ``(..., 3)`` (x, y down, pixels a meter) of points in the camera's frame, x to its left."""
        scale = self.focal / np.maximum(points[..., 2], 0.3)
        x, y = self.center[0] - scale * points[..., 0], self.center[1] - scale * points[..., 1]
        return np.stack([x, y, scale], -1)


def upper_body_boxes(camera: Camera, people: np.ndarray) -> np.ndarray:
    """Annotated squares about heads and chests of ``(P, T, 25, 3)``: x, y and side in pixels, ``(P, T, 3)`` int64."""
    chest = people[:, :, [body.SPINE_SHOULDER, body.SPINE_MID, body.HEAD]].mean(2)
    seen = camera.project(_smooth(chest))
    side = 1.1 * seen[..., 2:]
    return np.concatenate([np.round(seen[..., :2] - side / 2), np.round(side)], -1).astype(np.int64)


def _smooth(points: np.ndarray, width: int = 7) -> np.ndarray:
    """Mean over time, ``(P, T, 3)``, the ends repeated."""
    padded = np.pad(points, ((0, 0), (width // 2, width // 2), (0, 0)), mode="edge")
    total = np.pad(padded.cumsum(1), ((0, 0), (1, 0), (0, 0)))
    return (total[:, width:] - total[:, :-width]) / width


def render(
    rng: np.random.Generator, camera: Camera, people: np.ndarray, noise: float = 4.0,
    paint: Optional[Callable[[np.ndarray, int], None]] = None,
) -> np.ndarray:  # fmt: skip
    """Render ``(T, H, W, 3)`` uint8 of people ``(P, T, 25, 3)``, meters in the frame of a camera that does not move.

    Wall, clothes and light are drawn for the clip; ``noise``, a standard deviation of 255, for each frame. ``paint``
    draws into each picture ``(H, W, 3)`` float32, given with its number, what stands before the people.
    """
    frames, (height, width) = people.shape[1], camera.size
    wall = _wall(rng, height, width)
    clothes = rng.uniform(20, 235, (len(people), 3, 3))
    clothes[:, _SKIN] = rng.uniform(0.35, 1.0, (len(people), 1)) * (235, 190, 160)
    clothes = clothes.astype(np.float32)
    light = rng.uniform(0.75, 1.15)
    seen = camera.project(people).astype(np.float32)
    field = rng.normal(0, noise, (8, height, width, 3)).astype(np.float32)  # fields of noise, moved about
    out = np.empty((frames, height, width, 3), np.uint8)
    far_first = people[:, :, body.SPINE_MID, 2].mean(1).argsort()[::-1]
    for t in range(frames):
        picture = wall.copy()
        for p in far_first:
            for a, b, radius, part in _LIMBS:
                _limb(picture, seen[p, t, a], seen[p, t, b], radius, clothes[p, part])
        if paint is not None:
            paint(picture, t)
        drift = rng.integers(0, (len(field), height, width))
        picture = picture * np.float32(light) + np.roll(field[drift[0]], drift[1:], (0, 1))
        out[t] = picture.clip(0, 255)
    return out


def paint_disc(picture: np.ndarray, center: np.ndarray, radius: float, color: np.ndarray) -> None:
    """Draw a disc with a soft edge into ``(H, W, 3)``; center (x, y) and radius in pixels."""
    x1, y1 = np.maximum(np.floor(center - radius - 1).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(center + radius + 2).astype(int), picture.shape[1::-1])
    if x1 >= x2 or y1 >= y2:
        return
    distance = np.hypot(np.arange(x1, x2) - center[0], np.arange(y1, y2)[:, None] - center[1])
    cover = (radius + 0.5 - distance).clip(0, 1)[..., None]
    part = picture[y1:y2, x1:x2]
    part += cover * (color - part)


def _wall(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A blotched and striped wall over a floor, ``(H, W, 3)`` float32."""
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = rng.uniform(40, 200, 3)
    for cell, depth in ((height // 3, 35), (height // 10, 20)):
        grid = rng.normal(0, depth, (height // cell + 2, width // cell + 2, 3))
        y, x = np.arange(height) / cell, np.arange(width) / cell
        i, j, u, v = y.astype(int), x.astype(int), (y % 1)[:, None, None], (x % 1)[:, None]
        rows = grid[i] * (1 - u) + grid[i + 1] * u
        picture += rows[:, j] * (1 - v) + rows[:, j + 1] * v
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 40)
    y, x = np.mgrid[:height, :width]
    stripes = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    picture += rng.normal(0, 18, 3) * stripes[..., None]
    for _ in range(rng.integers(2, 6)):  # pictures, doors, furniture
        top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
        tall, wide = rng.integers(8, height // 2), rng.integers(8, width // 3)
        picture[top : top + tall, left : left + wide] += rng.normal(0, 45, 3)
    return picture.clip(5, 250).astype(np.float32)


def _limb(picture: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float, color: np.ndarray) -> None:
    """Draw a capsule with a soft edge, a little darker where it bends away."""
    wide = np.float32(radius / 2) * (start[2] + end[2])
    low = np.floor(np.minimum(start[:2], end[:2]) - wide - 1).astype(int)
    high = np.ceil(np.maximum(start[:2], end[:2]) + wide + 2).astype(int)
    x1, y1 = np.maximum(low, 0)
    x2, y2 = np.minimum(high, picture.shape[1::-1])
    if x1 >= x2 or y1 >= y2:
        return
    x, y = np.arange(x1, x2, dtype=np.float32) - start[0], np.arange(y1, y2, dtype=np.float32)[:, None] - start[1]
    along = end[:2] - start[:2]
    unit = along / max(along @ along, np.float32(1e-6))
    share = (x * unit[0] + y * unit[1]).clip(0, 1)
    square = (x - share * along[0]) ** 2 + (y - share * along[1]) ** 2
    cover = (wide + np.float32(0.5) - np.sqrt(square)).clip(0, 1)[..., None]
    shade = 1 - np.float32(0.35) * (square / (wide * wide)).clip(0, 1)[..., None]
    part = picture[y1:y2, x1:x2]
    part += cover * (shade * color - part)
