"""The worst pairs come first; 120 names still fit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmsync.errors import DataError
from mmsync.visualization import confused_pairs, draw_confusion


def test_most_confused_pairs_go_by_the_share_of_their_class():
    matrix = np.array([[90, 10, 0], [0, 6, 4], [0, 0, 0]])
    pairs = confused_pairs(matrix)
    assert [tuple(pair) for pair in pairs] == [(1, 2, 4, 0.4), (0, 1, 10, 0.1)]
    assert confused_pairs(matrix, top=1) == pairs[:1]
    assert matrix[0, 0] == 90


def test_names_of_120_classes_have_room(tmp_path):
    names = [f"put on something {i}" for i in range(120)]
    draw_confusion(np.eye(120, dtype=int), tmp_path / "c.png", names)
    with Image.open(tmp_path / "c.png") as picture:
        pixels = np.asarray(picture.convert("L"))
        assert min(picture.size) > 120 * 0.12 * 150  # a line of six points is 12.5 pixels high
    frame = (pixels < 100).mean(axis=0).argmax()  # the left side of the matrix
    ink = (pixels[:, 30 : frame - 5] < 128).any(axis=1)  # the names, right of the axis label: as many separate lines
    assert np.diff(ink.astype(int)).clip(0).sum() >= 120


def test_bad_input(tmp_path):
    with pytest.raises(DataError, match=r"shape \(2, 3\)"):
        draw_confusion(np.zeros((2, 3)), tmp_path / "c.png")
    with pytest.raises(DataError, match="2 classes, but 3 class names"):
        draw_confusion(np.zeros((2, 2)), tmp_path / "c.png", ["a", "b", "c"])
