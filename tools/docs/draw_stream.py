"""Draw the stream of data of docs/concepts.md: ``python tools/docs/draw_stream.py`` writes docs/images/stream.svg."""

from __future__ import annotations

from html import escape
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "stream.svg"
WIDTH, HEIGHT = 140, 54  # of a box
COLUMNS, ROWS = (4, 170, 336), (26, 122, 210, 288)
BOXES = {  # name: (column, row, what it is)
    "file": (0, 0, "npy, mp4, pickle"),
    "Source": (1, 0, "reads one format"),
    "KeyedDataset": (2, 0, "keyed samples"),
    "batch": (2, 1, "samples of a step"),
    "views": (1, 1, "augmented clips"),
    "Encoder": (0, 1, "backbone and necks"),
    "FeatureMap": (0, 2, "rows of samples"),
    "method": (1, 2, "compares, predicts"),
    "losses": (2, 2, "without labels"),
    "FeatureTable": (1, 3, "named columns"),
    "probes": (2, 3, "with labels"),
}
ARROWS = [
    ("file", "Source"), ("Source", "KeyedDataset"), ("KeyedDataset", "batch"), ("batch", "views"), ("views", "Encoder"),
    ("Encoder", "FeatureMap"), ("FeatureMap", "method"), ("method", "losses"), ("FeatureMap", "FeatureTable"),
    ("FeatureTable", "probes"),
]  # fmt: skip
NOTES = {0: "on the CPU, in workers", 1: "on the training device"}


def path(start: str, end: str) -> str:
    """The line from one box to another: across, down, or down and across."""
    (c, r, _), (d, s, _) = BOXES[start], BOXES[end]
    x, y = COLUMNS[c] + WIDTH / 2, ROWS[r] + HEIGHT / 2
    to_x, to_y = COLUMNS[d] + WIDTH / 2, ROWS[s] + HEIGHT / 2
    side = (WIDTH / 2 + 4) * (1 if d > c else -1)
    if r == s:
        return f"M{x + side} {y}H{to_x - side}"
    if c == d:
        return f"M{x} {y + HEIGHT / 2 + 4}V{to_y - HEIGHT / 2 - 4}"
    return f"M{x} {y + HEIGHT / 2 + 4}V{to_y}H{to_x - side}"


def drawing() -> str:
    """The picture. Its colors are readable on light and on dark pages."""
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 346" width="600" '
        'font-family="sans-serif" text-anchor="middle">',
        "<title>file, Source, KeyedDataset, batch, views, Encoder, FeatureMap; then losses or probes</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#8a8fa8"/></marker></defs>',
    ]
    for row, note in NOTES.items():
        y = ROWS[row] - 10
        lines.append(f'<text x="{COLUMNS[0]}" y="{y}" font-size="13" text-anchor="start" fill="#8a8fa8">{note}</text>')
    for start, end in ARROWS:
        lines.append(
            f'<path d="{path(start, end)}" fill="none" stroke="#8a8fa8" stroke-width="2" marker-end="url(#tip)"/>'
        )
    for name, (column, row, what) in BOXES.items():
        x, y = COLUMNS[column], ROWS[row]
        color = "#fff3e0" if name in ("losses", "probes") else "#e8eaf6"
        lines += [
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{color}" stroke="#3f51b5"/>',
            f'<text x="{x + WIDTH / 2}" y="{y + 22}" font-size="16" font-weight="bold" fill="#1a237e">{name}</text>',
            f'<text x="{x + WIDTH / 2}" y="{y + 42}" font-size="12.5" fill="#333">{escape(what)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    OUT.write_text(drawing(), encoding="utf-8")
    print(f"written: {OUT}")
