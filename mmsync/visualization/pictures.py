"""Clips of pictures as GIF, MP4 or strips of frames, each with a title and its times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmsync.visualization.figures import new_figure, save_figure
from mmsync.visualization.skeleton import check_frames

SIDE = 1.6  # inches of a picture's height


class Strip(NamedTuple):
    """A clip of pictures."""

    pictures: np.ndarray  # (T, H, W, 3) uint8; flow (T, H, W, 2) uint8; or numbers of any range
    title: str
    times: Optional[np.ndarray] = None  # (T,) seconds; None: the frames are numbered


def as_pictures(pictures: np.ndarray) -> np.ndarray:
    """Pictures ``(T, H, W, 3)`` uint8 of numbers ``(T, H, W, C)``: flow as red and green, others to their range."""
    if pictures.dtype != np.uint8:
        low, high = float(pictures.min()), float(pictures.max())
        pictures = ((pictures - low) * (255 / ((high - low) or 1))).round().astype(np.uint8)
    missing = 3 - pictures.shape[-1]
    return pictures if missing <= 0 else np.pad(pictures, [(0, 0)] * 3 + [(0, missing)], constant_values=127)


def draw_pictures(
    strips: Sequence[Strip], path: Union[str, Path], title: str = "", num_frames: int = 8, color: str = "black"
) -> None:
    """Draw ``num_frames`` evenly spaced frames of each clip, one row per clip; the suffix determines the format."""
    check_frames(num_frames)
    ratio = max(strip.pictures.shape[2] / strip.pictures.shape[1] for strip in strips)
    width, row = max(4, num_frames * (SIDE * ratio + 0.05)), SIDE + 0.5
    total = 0.4 + row * len(strips)
    figure = new_figure(width, total, layout=None)
    for number, strip in enumerate(strips):
        at = np.linspace(0, len(strip.pictures) - 1, num_frames).round().astype(int)
        bottom = total - 0.4 - (number + 1) * row
        figure.text(0.05 / width, (bottom + row - 0.05) / total, strip.title, fontsize=10, weight="bold", va="top")
        for column, (frame, picture) in enumerate(zip(at.tolist(), as_pictures(strip.pictures)[at])):
            place = column / num_frames, (bottom + 0.2) / total, 0.97 / num_frames, SIDE / total
            axes = figure.add_axes(place)
            axes.imshow(picture)
            axes.set_axis_off()
            text = str(frame) if strip.times is None else f"{strip.times[frame]:.2f} s"
            axes.set_title(text, fontsize=7, color="0.4", y=-0.1)
    figure.text(0.05 / width, 1 - 0.08 / total, title, fontsize=11, va="top", color=color)
    save_figure(figure, path)


def render_pictures(
    strips: Sequence[Strip], title: str = "", num_frames: Optional[int] = None, color: str = "black"
) -> Iterator[np.ndarray]:
    """Draw clips side by side as even pictures ``(H, W, 3)`` uint8, as long as the longest or ``num_frames``."""
    width, height = 2.4 * len(strips), 3.0
    figure = new_figure(max(width, 4.0), height, 100, layout=None)
    figure.text(0.01, 0.98, title, fontsize=9, va="top", color=color)
    shown = []
    for number, strip in enumerate(strips):
        axes = figure.add_axes((number / len(strips), 0, 0.98 / len(strips), 0.78))
        axes.set_axis_off()
        axes.set_title(strip.title, fontsize=7)
        shown.append((axes.imshow(as_pictures(strip.pictures[:1])[0]), as_pictures(strip.pictures)))
    count = num_frames or max(len(strip.pictures) for strip in strips)
    for frame in range(count):
        for image, pictures in shown:
            image.set_data(pictures[round(frame * (len(pictures) - 1) / max(count - 1, 1))])
        figure.canvas.draw()
        yield np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
