"""Sequences in pictures: what a figure needs of one, skeletons in a row, and bars of phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from mmsync.errors import DataError
from mmsync.structures import PICTURE_LAYOUTS, SkeletonLayout
from mmsync.visualization.skeleton import MARGIN, Panel, bone_segments, find_camera

UNKNOWN = (0.88, 0.88, 0.88)  # color of frames without a phase


@dataclass(frozen=True)
class SequenceClip:
    """A sequence, and what is known of it."""

    name: str
    frames: np.ndarray  # joints (T, V, C), or (T, F), of which joints may lead
    shape: Optional[tuple[int, int]] = None  # (V, C) of these joints; None: there are none
    layout: Optional[SkeletonLayout] = None  # of the joints; without it they are drawn as curves
    activity: str = ""
    phase: Optional[np.ndarray] = None  # (T,) int64, -1 for unknown
    phases: Sequence[str] = ()  # names of the phases

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def joints(self) -> Optional[np.ndarray]:
        """Joints ``(T, V, C)`` that can be drawn as a skeleton, or ``None``."""
        if self.layout is None or self.shape is None:
            return None
        num_joints, channels = self.shape
        return self.frames.reshape(len(self), -1)[:, : num_joints * channels].reshape(-1, num_joints, channels)

    @property
    def title(self) -> str:
        """Name and activity."""
        return f"{self.name} ({self.activity})" if self.activity else self.name

    @property
    def num_phases(self) -> int:
        """The number of phases that have names or occur."""
        most = -1 if self.phase is None else int(self.phase.max())
        return max(most + 1, len(self.phases))


def read_clip(dataset: Any, index: int) -> SequenceClip:
    """Sample ``index`` of a ``SequenceDataset``, whose left out frames (background, invalid ones) are not counted."""
    sample = dataset[index]
    view, about = sample["inputs"]["sequence"], sample["data_samples"]
    frames = view.data.numpy() if view.valid is None else view.data[view.valid].numpy()
    label, classes = int(about.gt_label), dataset.metainfo["classes"]
    activity = classes[label] if classes and label >= 0 else ""
    phase = about.phase.numpy() if "phase" in about else None
    known = phase is not None and bool((phase >= 0).any())
    source = dataset.source
    names = dict(source.phases).get(activity, ())
    return SequenceClip(about.name, frames, source.joints, source.layout, activity, phase if known else None, names)


def clip_panel(clip: SequenceClip, title: str = "", azimuth: float = 25.0, elevation: float = 10.0) -> Panel:
    """The panel of a sequence of joints, seen upright and from the front; a DataError if it has none."""
    joints, layout = clip.joints, clip.layout
    if joints is None or layout is None:
        raise DataError(f"{clip.name}: there are no joints of a known layout to draw")
    num_coords = 2 if joints.shape[-1] == 2 or layout.name in PICTURE_LAYOUTS else 3
    if num_coords == 2 and layout.name in PICTURE_LAYOUTS:  # pixels: up is known, also of people lying on the floor
        eye = np.array([[1.0, 0.0], [0.0, -1.0]])
        lost = (joints[..., 0] == joints[..., 1]) & (joints[..., 0] > 0) & (joints[..., 0] <= 2)
        joints = np.where(lost[..., None], np.nan, joints)  # Penn Action has joints outside of the picture at (1, 1)
    else:
        eye = find_camera(joints[None], layout, num_coords, None, azimuth, elevation)
    return Panel(joints[None], layout, title, eye, colors=None if clip.phase is None else phase_colors(clip))


def phase_color(phase: int, count: int) -> tuple[float, float, float]:
    """RGB in [0, 1] of a phase out of ``count``; grey for negative ones."""
    from matplotlib import colormaps

    red, green, blue, _ = colormaps["Set2" if count <= 8 else "tab20"](phase % 20)
    return UNKNOWN if phase < 0 else (red, green, blue)


def phase_colors(clip: SequenceClip) -> np.ndarray:
    """RGB ``(T, 3)`` in [0, 1] of the phases of the frames, grey where there are none."""
    phase = np.full(len(clip), -1) if clip.phase is None else clip.phase
    values, member = np.unique(phase, return_inverse=True)
    return np.array([phase_color(int(value), clip.num_phases) for value in values])[member.ravel()]


def draw_phase_bar(axes: Any, clip: SequenceClip, upright: bool = False) -> None:
    """Fill axes with the colors of the phases, from left to right, or from top to bottom if ``upright``."""
    colors = phase_colors(clip)[:, None] if upright else phase_colors(clip)[None]
    axes.imshow(colors, aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color("0.6")
        spine.set_linewidth(0.5)


def draw_phase_legend(figure: Any, clip: SequenceClip, place: tuple[float, float]) -> None:
    """Write the names of the phases beside their colors, centered at ``place`` in shares of the figure."""
    if clip.phase is None:
        return
    from matplotlib.patches import Patch

    count = clip.num_phases
    names = [*clip.phases, *(f"phase {i}" for i in range(len(clip.phases), count))]
    patches = [Patch(color=phase_color(i, count), label=name) for i, name in enumerate(names)]
    style: dict[str, Any] = dict(frameon=False, fontsize=8, handlelength=1.2, columnspacing=1.2)
    figure.legend(handles=patches, loc="center", bbox_to_anchor=place, ncols=min(count, 4), **style)


def draw_bodies(axes: Any, panel: Panel, shown: np.ndarray, width: float, height: float) -> None:
    """Draw frames ``shown (n,)`` of the person of a panel in equal slots of axes of ``width`` by ``height`` inches.

    Bodies are centered in their slots; height above the ground is kept. All have one scale, of the 1 % to 99 % range
    of the sequence, so that one wrong joint does not make them small.
    """
    from matplotlib.collections import LineCollection

    lines, colors = bone_segments(panel)
    points = lines.reshape(len(lines), -1, 2)
    with np.errstate(all="ignore"):
        middle = np.stack([_center(points[..., 0]), np.full(len(points), np.nanmedian(points[..., 1]))], axis=1)
    offset = points - middle[:, None]
    offset = offset[np.isfinite(offset).all(axis=-1)]
    low, high = np.percentile(offset, (1, 99), axis=0) if len(offset) else (-np.ones(2), np.ones(2))
    reach = np.maximum(high - low, 1e-6) * MARGIN
    slot = width / len(shown)
    scale = min(height / reach[1], slot / max(reach[0], 1e-6))
    at = np.stack([(np.arange(len(shown)) + 0.5) * slot, np.full(len(shown), height / 2)], axis=1)
    shift = np.array([0, (low[1] + high[1]) / 2])
    segments = (lines[shown] - middle[shown][:, None, None] - shift) * scale + at[:, None, None]
    shades = np.tile(colors, len(shown))
    style: dict[str, Any] = dict(linewidths=1.8, capstyle="round", clip_on=False)
    axes.add_collection(LineCollection(segments.reshape(-1, 2, 2), colors=shades, **style), autolim=False)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()


def _center(x: np.ndarray) -> np.ndarray:
    """Middle ``(T,)`` of the finite values of each row ``(T, n)``, 0 where there are none."""
    there = np.isfinite(x)
    sums = np.where(there, x, 0).sum(axis=1)
    return sums / np.maximum(there.sum(axis=1), 1)


def spread_frames(count: int, least: int = 5, most: int = 12) -> np.ndarray:
    """Frames ``(n,)`` in the middle of n equal parts of ``count``, about one in ten, between the bounds of n."""
    n = min(count, int(np.clip(round(count / 10), least, most)))
    return ((np.arange(n) + 0.5) / n * count).astype(int)
