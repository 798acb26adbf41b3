"""Matplotlib figures without a display or pyplot's global state."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Optional, Union

from mmsync.errors import ConfigError, DependencyError
from mmsync.fileio import atomic_path


def new_figure(
    width: float, height: float, dpi: int = 120, layout: Optional[Literal["constrained"]] = "constrained"
) -> Any:
    """A matplotlib figure on an Agg canvas.

    Args:
        width: Inches.
        height: Inches.
        dpi: Pixels an inch.
        layout: Matplotlib's layout engine; ``None`` to position axes by hand.

    Raises:
        DependencyError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: python -m pip install matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Union[str, Path]) -> None:
    """Write a figure in the format of the suffix of ``path``.

    Raises:
        ConfigError: matplotlib does not support the format.
    """
    kinds = figure.canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in kinds:
        raise ConfigError(f"{path}: pictures are written as {', '.join(sorted(kinds))}, by the suffix of the name")
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def colour(place: int, count: int) -> tuple[float, float, float]:
    """RGB in [0, 1] of colour ``place`` of ``count``: matplotlib's ten, or more hues of alternating brightness."""
    from colorsys import hsv_to_rgb

    from matplotlib.colors import to_rgb

    return to_rgb(f"C{place}") if count <= 10 else hsv_to_rgb(place / count, 0.85, 0.55 + 0.35 * (place % 2))
