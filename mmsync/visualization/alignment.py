"""Two aligned sequences as a picture and as a film."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

import numpy as np

from mmsync.visualization.figures import new_figure, save_figure
from mmsync.visualization.sequences import (
    SequenceClip,
    clip_panel,
    draw_bodies,
    draw_phase_bar,
    draw_phase_legend,
    phase_colors,
    spread_frames,
)
from mmsync.visualization.skeleton import render

WIDTH, HEIGHT = 14.0, 5.9  # inches of the picture
MATRIX = 4.0  # inches of the matrix's side
STRIP = 1.45  # inches of a row of skeletons
LINKS = 1.0  # inches between the rows
BAR = 0.14


def draw_alignment(
    first: SequenceClip, second: SequenceClip, distance: np.ndarray, index: np.ndarray, path: Union[str, Path],
    title: str = "",
) -> None:  # fmt: skip
    """Draw two sequences that are aligned: the distances of their frames with the map, and linked rows of frames.

    The rows are skeletons about ten frames apart, or curves (the two main components) of sequences without joints.
    Links run from frames of the first sequence to those that they are mapped to; known phases are bars, and links have
    the color of the phase of their first frame.

    Args:
        first: Sequence of T frames.
        second: Sequence of S frames.
        distance: ``(T, S)``.
        index: ``(T,)``, the frame of the second sequence for each frame of the first.
        path: Picture to write; its suffix determines the format.
        title: Of the picture.

    Raises:
        ConfigError: matplotlib does not write such pictures.
        DependencyError: matplotlib is missing.
    """
    figure = new_figure(WIDTH, HEIGHT, layout=None)
    figure.text(0.5, 1 - 0.12 / HEIGHT, title, fontsize=12, ha="center", va="top")
    _draw_matrix(figure, first, second, distance, index)
    _draw_rows(figure, first, second, index)
    longest = max((first, second), key=lambda clip: -1 if clip.phase is None else clip.num_phases)
    draw_phase_legend(figure, longest, ((MATRIX + 1.2 + WIDTH) / 2 / WIDTH, 0.2 / HEIGHT))
    save_figure(figure, path)


def agreement(first: SequenceClip, second: SequenceClip, index: np.ndarray) -> float:
    """Share in [0, 1] of the frames whose frame of the second sequence is of their phase; NaN if it is not known."""
    if first.phase is None or second.phase is None or first.activity != second.activity:
        return float("nan")
    known = (first.phase >= 0) & (second.phase[index] >= 0)
    return float((first.phase == second.phase[index])[known].mean()) if known.any() else float("nan")


def alignment_title(first: SequenceClip, second: SequenceClip, index: np.ndarray, tau: float, how: str) -> str:
    """What stands above a picture of an alignment: the sequences, Kendall's tau, and the agreement of phases."""
    share = agreement(first, second, index)
    phases = "" if math.isnan(share) else f", {100 * share:.0f} % of the frames in the same phase"
    ways = {"nearest": "nearest frames", "dtw": "dynamic time warping"}
    return f"{first.name} aligned with {second.name} by {ways[how]}: Kendall's tau {tau:.3f}{phases}"


def _box(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes by inches from the lower left corner."""
    return figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))


def _draw_matrix(
    figure: Any, first: SequenceClip, second: SequenceClip, distance: np.ndarray, index: np.ndarray
) -> None:
    left, bottom = 0.75, 0.85
    axes = _box(figure, left + BAR, bottom, MATRIX - BAR, MATRIX - BAR)
    axes.imshow(distance, aspect="auto", cmap="bone", interpolation="nearest")
    axes.plot(index, np.arange(len(index)), color="tab:red", marker=".", markersize=4, linewidth=0.6)
    for clip, line in ((first, axes.axhline), (second, axes.axvline)):
        if clip.phase is not None:
            for edge in np.flatnonzero(np.diff(clip.phase)):
                line(edge + 0.5, color="white", linewidth=0.6, linestyle=":")
    axes.set(yticks=[])
    axes.tick_params(labelsize=8)
    axes.set_xlabel(f"frame of B: {second.title}", fontsize=9)
    draw_phase_bar(_box(figure, left + BAR, bottom + MATRIX - BAR, MATRIX - BAR, BAR), second)
    side = _box(figure, left, bottom, BAR, MATRIX - BAR)
    draw_phase_bar(side, first, upright=True)
    ticks = np.linspace(0, len(first) - 1, 6).astype(int)
    side.set_yticks(np.unique(ticks))
    side.tick_params(labelsize=8)
    side.set_ylabel(f"frame of A: {first.title}", fontsize=9)


def _draw_rows(figure: Any, first: SequenceClip, second: SequenceClip, index: np.ndarray) -> None:
    left = 0.75 + MATRIX + 0.45
    width = WIDTH - left - 0.2
    low = 0.62  # bottom of the second row
    bars = low + STRIP + 0.12, low + STRIP + 0.12 + BAR + LINKS
    curves = _curves(first, second)
    places = (first, "A", bars[1] + BAR + 0.12, bars[1]), (second, "B", low, bars[0])
    for number, (clip, letter, bottom, bar) in enumerate(places):
        axes, shown = _box(figure, left, bottom, width, STRIP), spread_frames(len(clip))
        if clip.joints is not None:
            draw_bodies(axes, clip_panel(clip), shown, width, STRIP)
        else:
            _draw_curves(axes, curves[number])
        draw_phase_bar(_box(figure, left, bar, width, BAR), clip)
        top = bottom + STRIP + 0.12 if number == 0 else bottom - 0.06
        align = "bottom" if number == 0 else "top"
        figure.text(left / WIDTH, top / HEIGHT, f"{letter}: {clip.title}", fontsize=10, weight="bold", va=align)
        for frame in shown:
            x = left + (frame + 0.5) / len(clip) * width
            figure.text(x / WIDTH, (bar + BAR + 0.01) / HEIGHT, str(frame), fontsize=6.5, color="0.4", ha="center")
    _draw_links(_box(figure, left, bars[0] + BAR, width, LINKS), first, second, index)


def _draw_links(axes: Any, first: SequenceClip, second: SequenceClip, index: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    colors, shown = phase_colors(first), spread_frames(len(first))
    if first.phase is None:
        colors = np.full_like(colors, 0.45)
    thin = np.unique(np.linspace(0, len(first) - 1, 120).astype(int))
    for frames, style in ((thin, dict(linewidths=0.5, alpha=0.5)), (shown, dict(linewidths=1.6, linestyles="--"))):
        ends = np.stack([(frames + 0.5) / len(first), (index[frames] + 0.5) / len(second)], axis=1)  # (n, 2)
        points = np.stack([ends, np.broadcast_to([1.0, 0.14], ends.shape)], axis=2)  # above the numbers of frames
        axes.add_collection(LineCollection(list(points), colors=0.8 * colors[frames], **style), autolim=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()


def _curves(first: SequenceClip, second: SequenceClip) -> list[np.ndarray]:
    """The two main components ``(T, 2)`` and ``(S, 2)`` of the frames of both."""
    rows = [clip.frames.reshape(len(clip), -1).astype(float) for clip in (first, second)]
    if len({row.shape[1] for row in rows}) > 1:
        return [_main(row) for row in rows]
    both = _main(np.concatenate(rows))
    return [both[: len(first)], both[len(first) :]]


def _main(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=0)
    plane = np.linalg.eigh(rows.T @ rows)[1][:, :-3:-1] if rows.shape[1] < 4096 else rows.T[:, :2]
    return rows @ plane / max(float(np.abs(rows @ plane).max()), 1e-12)


def _draw_curves(axes: Any, curves: np.ndarray) -> None:
    axes.plot(np.arange(len(curves)) + 0.5, curves, linewidth=1.5)
    axes.set(xlim=(0, len(curves)), ylim=(-1.1, 1.1), xticks=[], yticks=[])
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def render_alignment(first: SequenceClip, second: SequenceClip, index: np.ndarray) -> Iterator[np.ndarray]:
    """Draw the first sequence beside the frames of the second that its frames are mapped to.

    Bars below show the phases and the present frame of the first and of the second sequence.

    Args:
        first: Sequence of T frames.
        second: Sequence of S frames.
        index: ``(T,)``, frames of the second.

    Returns:
        T pictures ``(H, W, 3)`` uint8 of even size.

    Raises:
        DependencyError: matplotlib is missing.
    """
    if first.joints is not None and second.joints is not None:
        panels = [clip_panel(first, f"A: {first.name}"), clip_panel(second, f"B: {second.name}, warped")]
        panels[1].keypoint = panels[1].keypoint[:, index]
        pictures: Iterator[np.ndarray] = render(panels)
    else:
        pictures = _render_curves(first, second, index)
    bars = [(np.array(phase_colors(clip)) * 255).astype(np.uint8) for clip in (first, second)]
    for frame, picture in enumerate(pictures):
        width = picture.shape[1]
        below = np.full((36, width, 3), 255, dtype=np.uint8)
        for top, colors, at in ((4, bars[0], frame), (20, bars[1], int(index[frame]))):
            below[top : top + 12] = colors[np.arange(width) * len(colors) // width]
            place = int((at + 0.5) / len(colors) * width)
            below[top - 2 : top + 14, max(place - 1, 0) : place + 2] = 0
        yield np.concatenate([picture, below])


def _render_curves(first: SequenceClip, second: SequenceClip, index: np.ndarray) -> Iterator[np.ndarray]:
    """One picture of both sequences as curves, with a line at the present frames."""
    figure = new_figure(6, 3, 100, layout=None)
    for number, (clip, curves) in enumerate(zip((first, second), _curves(first, second))):
        axes = figure.add_axes((0, 0.5 - 0.5 * number, 1, 0.43))
        _draw_curves(axes, curves)
        axes.set_title(f"{'AB'[number]}: {clip.title}", fontsize=8, loc="left", pad=2, x=0.01)
    figure.canvas.draw()
    plain = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    height, width = plain.shape[:2]
    for frame, at in enumerate(index):
        picture = plain.copy()
        for number, (one, count) in enumerate(((frame, len(first)), (int(at), len(second)))):
            place = int((one + 0.5) / count * width)
            picture[number * height // 2 + 20 : (number + 1) * height // 2, place : place + 2] = (214, 39, 40)
        yield picture
