"""Skeleton clips as GIF, MP4 or strips of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import ConfigError, DependencyError
from mmsync.fileio import atomic_path
from mmsync.media import write_video
from mmsync.structures import PICTURE_LAYOUTS, SkeletonLayout
from mmsync.visualization.figures import new_figure, save_figure

# left, middle, right; one row per person
PALETTE = np.array(
    [["#1f77b4", "#444444", "#d62728"], ["#17a398", "#8c8c8c", "#e08a1e"], ["#6a51a3", "#b5a642", "#d6509f"]]
)
UPPER = ("head", "nose", "neck", "spine_shoulder", "left_shoulder", "right_shoulder")
LOWER = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_foot", "right_foot")
PANEL_HEIGHT = 3.0  # inches
MARGIN = 1.12  # space around people, so that line ends are not cut off


@dataclass
class Panel:
    """One clip of a picture."""

    keypoint: np.ndarray  # (M, T, V, C); a person whose joints coincide in a frame is absent from it
    layout: SkeletonLayout
    title: str
    camera: np.ndarray  # (num_coords, 2), from camera() or find_camera()
    mask: Optional[np.ndarray] = None  # (M,) bool, persons to draw; None for all
    hidden: Optional[np.ndarray] = None  # (M, V) bool, joints not to draw; None for none
    scale: str = ""  # panels with equal names are drawn at the same scale
    times: Optional[np.ndarray] = None  # (T,) seconds for strips; None: the frames are numbered
    colors: Optional[np.ndarray] = None  # (T, 3) RGB in [0, 1], a bar below strips, such as of phases


def camera(
    azimuth: float = 0.0, elevation: float = 0.0, up: Union[Sequence[float], np.ndarray] = (0, 1, 0)
) -> np.ndarray:
    """Orthographic camera ``(3, 2)``, turned by degrees around the axis ``up`` and above the horizontal, from -z."""
    upright = np.asarray(up, dtype=float)
    right = np.array([1.0, 0, 0]) if upright[0] == 0 else np.array([0, -upright[0], 0])
    toward = np.cross(right, upright)
    a, e = np.deg2rad([azimuth, elevation])
    outward = np.cos(a) * toward + np.sin(a) * right  # from the people to the camera, in the horizontal plane
    return np.stack([np.cross(upright, outward), np.cos(e) * upright - np.sin(e) * outward], axis=1)


def find_camera(
    keypoint: np.ndarray, layout: SkeletonLayout, num_coords: int = 3, mask: Optional[np.ndarray] = None,
    azimuth: float = 25.0, elevation: float = 10.0,
) -> np.ndarray:  # fmt: skip
    """Camera ``(num_coords, 2)`` that shows people ``(M, T, V, C)`` upright and from the front, or side by side.

    Up is from hips and feet to shoulders and head, y unless another axis is clearly better. Without names of body parts
    the camera looks along -z. ``mask (M,)`` are the persons to consider; further degrees are as in :func:`camera`.
    """
    people = keypoint if mask is None else keypoint[np.asarray(mask, dtype=bool)]
    people = people[..., :num_coords].astype(float)
    body = np.where(_seen(people)[..., None, None], people, np.nan)
    upper, lower = ([layout.joints.index(name) for name in names if name in layout.joints] for names in (UPPER, LOWER))
    upright = np.zeros(num_coords)
    upright[1] = -1 if num_coords == 2 and layout.name in PICTURE_LAYOUTS else 1
    if upper and lower and np.isfinite(body).any():
        mean = np.nanmean(body, axis=(0, 1))
        rise = mean[upper].mean(0) - mean[lower].mean(0)
        weight = np.abs(rise) * np.where(np.arange(num_coords) == 1, 2, 1)  # y stays up for people lying on the floor
        axis = 1 if num_coords == 2 else int(weight.argmax())
        if rise[axis]:
            upright = np.eye(num_coords)[axis] * np.sign(rise[axis])
    if num_coords == 2:
        return np.stack([np.array([1.0, 0.0]), upright], axis=1)
    return camera(_front(body, layout, upright) + azimuth, elevation, upright)


def _front(body: np.ndarray, layout: SkeletonLayout, upright: np.ndarray) -> float:
    """Azimuth in degrees that shows the first person, and a second beside it, best; NaN marks absence."""
    there = np.isfinite(body).all(axis=-1).any(axis=(1, 2)) if body.size else np.zeros(0, dtype=bool)
    if not layout.left or not there.any():
        return 0.0
    means = np.nanmean(body[there], axis=1)  # (M, V, C)
    across = (means[0, list(layout.right)] - means[0, list(layout.left)]).mean(0)
    facing = np.cross(upright, across)
    if len(means) > 1:
        line = (means[1] - means[0]).mean(0)
        side = np.cross(upright, line)  # from here, or from the opposite side, they do not hide each other
        facing = side if side @ facing >= 0 else -side
    right = camera(0, 0, upright)[:, 0]
    return float(np.rad2deg(np.arctan2(facing @ right, facing @ np.cross(right, upright))))


def _seen(people: np.ndarray) -> np.ndarray:
    """``(M, T)`` bool: frames in which a person is more than a single point."""
    return np.ptp(people, axis=2).any(axis=-1)


def bone_segments(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Lines ``(T, M * B, 2, 2)`` in the picture, NaN if not drawn, and colors ``(M * B,)`` by side and person."""
    layout, num_coords = panel.layout, len(panel.camera)
    x = np.asarray(panel.keypoint[..., :num_coords], dtype=float)
    seen = np.broadcast_to(_seen(x)[..., None], x.shape[:3]).copy()  # (M, T, V)
    if num_coords == 2 and panel.keypoint.shape[-1] > 2:
        seen &= panel.keypoint[..., 2] > 0  # the detector's score
    if panel.mask is not None:
        seen &= np.asarray(panel.mask, dtype=bool)[:, None, None]
    if panel.hidden is not None:
        seen &= ~panel.hidden[:, None]
    flat = np.where(seen[..., None], x @ panel.camera, np.nan)  # (M, T, V, 2)
    bones = np.array([bone for bone in layout.bones if bone[0] != bone[1]]).reshape(-1, 2)
    lines = flat[:, :, bones].transpose(1, 0, 2, 3, 4).reshape(flat.shape[1], -1, 2, 2)
    side = np.ones(layout.num_joints, dtype=int)
    side[list(layout.left)], side[list(layout.right)] = 0, 2
    colors = PALETTE[np.arange(len(x)) % len(PALETTE)][:, side[bones[:, 0]]]
    return np.where(np.isnan(lines).any(axis=(2, 3), keepdims=True), np.nan, lines), colors.ravel()


def _windows(panels: Sequence[Panel], lines: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Center and half size ``(2,)`` of the visible area of each panel, the same size for equal ``scale``."""
    boxes = []
    for one in lines:
        points = one.reshape(-1, 2)
        points = points[np.isfinite(points).all(axis=1)]
        low, high = (points.min(0), points.max(0)) if len(points) else (-np.ones(2), np.ones(2))
        boxes.append(((low + high) / 2, (high - low) / 2))
    out = []
    for panel, (middle, _) in zip(panels, boxes):
        half = np.max([box[1] for other, box in zip(panels, boxes) if other.scale == panel.scale], axis=0)
        half = np.maximum(half, 0.5 * half.max()) if half.max() else np.ones(2)  # no panel thinner than 1 : 2
        out.append((middle, half * MARGIN))
    return out


def render(
    panels: Sequence[Panel], title: str = "", num_frames: Optional[int] = None, dpi: int = 100, color: str = "black"
) -> Iterator[np.ndarray]:
    """Draw clips side by side as even pictures ``(H, W, 3)`` uint8, slowed down to the longest or ``num_frames``."""
    lines, colors = zip(*(bone_segments(panel) for panel in panels))
    windows = _windows(panels, lines)
    widths = [PANEL_HEIGHT * half[0] / half[1] for _, half in windows]
    text = 0.3 + 0.3 * bool(title)
    size = [2 * round(inches * dpi / 2) for inches in (max(sum(widths), 2.5), PANEL_HEIGHT + text)]
    figure = new_figure(size[0] / dpi, size[1] / dpi, dpi, layout=None)
    from matplotlib.collections import LineCollection

    left = 0.0
    drawn = []
    for panel, (middle, half), width, line_colors in zip(panels, windows, widths, colors):
        axes = figure.add_axes((left / sum(widths), 0, width / sum(widths), PANEL_HEIGHT * dpi / size[1]))
        axes.set(xlim=(middle[0] - half[0], middle[0] + half[0]), ylim=(middle[1] - half[1], middle[1] + half[1]))
        axes.set_aspect("equal")
        axes.set_axis_off()
        _fit(figure, axes.set_title(panel.title, fontsize=10), width * dpi)
        lines_drawn = LineCollection([], colors=line_colors, linewidths=2.5, capstyle="round", animated=True)
        drawn.append((axes, axes.add_collection(lines_drawn, autolim=False)))
        left += width
    if title:
        _fit(figure, figure.suptitle(title, fontsize=11, color=color, y=1 - 0.06 / (size[1] / dpi), va="top"), size[0])
    canvas = figure.canvas
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)  # the static parts are drawn once
    count = num_frames or max(len(one) for one in lines)
    shown = [np.linspace(0, len(one) - 1, count).round().astype(int) for one in lines]
    for frame in range(count):
        canvas.restore_region(background)
        for (axes, collection), one, at in zip(drawn, lines, shown):
            collection.set_segments(one[at[frame]])
            axes.draw_artist(collection)
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _fit(figure: Any, text: Any, width: float) -> None:
    extent = text.get_window_extent(figure.canvas.get_renderer()).width
    if extent > 0.96 * width:
        text.set_fontsize(max(text.get_fontsize() * 0.96 * width / extent, 4))


def write_film(frames: Iterator[np.ndarray], path: Union[str, Path], fps: float = 20.0) -> None:
    """Write pictures ``(H, W, 3)`` uint8 as ``.gif`` (endless, steps of 1/100 s) or, with even H and W, ``.mp4``."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise ConfigError(f"{path}: films are written as .gif or .mp4")
    if not 0 < fps <= 100:
        raise ConfigError(f"{path}: fps={fps}; give a rate in (0, 100]")
    pictures = list(frames)
    if not pictures:
        raise ConfigError(f"{path}: a film needs at least one frame")
    with atomic_path(path) as temporary:
        if suffix == ".gif":
            _write_gif(pictures, temporary, fps)
        else:
            write_video(temporary, pictures, fps, codec="libx264", options={"crf": "23"})


def _write_gif(frames: Sequence[np.ndarray], path: Path, fps: float) -> None:
    try:
        from PIL import Image
    except ImportError as error:
        raise DependencyError("GIF needs Pillow: python -m pip install pillow") from error
    pictures = [Image.fromarray(frame) for frame in frames]
    some = pictures[:: max(1, len(pictures) // 6)]
    sheet = Image.new("RGB", (some[0].width, some[0].height * len(some)))
    for row, picture in enumerate(some):
        sheet.paste(picture, (0, row * picture.height))
    # one palette for all frames, so that colors do not flicker; max coverage keeps white white
    palette = sheet.quantize(64, method=Image.Quantize.MAXCOVERAGE)
    first, *rest = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    first.save(path, save_all=True, append_images=rest, duration=round(100 / fps) * 10, loop=0)


def check_frames(num_frames: int) -> None:
    """Raise a ConfigError if a strip would have no frame."""
    if num_frames < 1:
        raise ConfigError(f"a strip of {num_frames} frames; give at least 1")


def draw_strip(
    panels: Sequence[Panel], path: Union[str, Path], title: str = "", num_frames: int = 8, color: str = "black"
) -> None:
    """Draw evenly spaced frames of clips, a row for each clip.

    Args:
        panels: The clips.
        path: Picture to write; its suffix determines the format.
        title: Of the picture.
        num_frames: Frames of a row, at least 1.
        color: Of the title.

    Raises:
        ConfigError: ``num_frames`` is below 1, or matplotlib does not write such pictures.
        DependencyError: matplotlib is missing.
    """
    check_frames(num_frames)
    lines, colors = zip(*(bone_segments(panel) for panel in panels))
    windows = _windows(panels, lines)
    height, text = 2.0, 0.45  # inches of a row, and of the frame numbers and the next title below it
    width = max(4, *(1.1 * height * num_frames * half[0] / half[1] for _, half in windows))
    total = len(panels) * (height + text) + 0.4
    figure = new_figure(width, total, layout=None)
    from matplotlib.collections import LineCollection

    for row, (panel, (middle, half), one, line_colors) in enumerate(zip(panels, windows, lines, colors)):
        at = np.linspace(0, len(one) - 1, num_frames).round().astype(int)
        spacing = 2 * half[1] * width / height / num_frames  # aligns the columns of all rows
        slots = (np.arange(num_frames) + 0.5) * spacing
        bottom = 1 - (0.6 + row * (height + text) + height) / total
        axes = figure.add_axes((0, bottom, 1, height / total))
        segments = one[at] - middle
        segments[..., 0] += slots[:, None, None]
        shades = np.tile(line_colors, num_frames)
        collection = LineCollection(segments.reshape(-1, 2, 2), colors=shades, linewidths=2, capstyle="round")
        axes.add_collection(collection, autolim=False)
        axes.set(xlim=(0, num_frames * spacing), ylim=(-half[1], half[1]))
        axes.set_aspect("equal")
        axes.set_axis_off()
        for frame, slot in zip(at, slots):
            label = str(frame) if panel.times is None else f"{panel.times[frame]:.2f} s"
            axes.text(slot, -half[1], label, fontsize=7, color="0.5", ha="center", va="top")
        if panel.colors is not None:
            bar = figure.add_axes((0, bottom, 1, 0.07 / total))
            there = np.clip((np.linspace(0, 1, 800) * num_frames - 0.5) / max(num_frames - 1, 1), 0, 1)
            bar.imshow(panel.colors[np.round(there * (len(one) - 1)).astype(int)][None], aspect="auto")
            bar.set_axis_off()
        figure.text(0.05 / width, bottom + (height + 0.05) / total, panel.title, fontsize=10, weight="bold")
    figure.text(0.05 / width, 1 - 0.1 / total, title, fontsize=11, va="top", color=color)
    save_figure(figure, path)
