"""Features in several colourings share their places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mmsync.errors import ConfigError
from mmsync.visualization import draw_embedding, figures


@pytest.fixture
def features():
    return torch.randn(60, 8, generator=torch.Generator().manual_seed(0))


def test_one_panel_a_colouring_of_the_same_points(features, tmp_path, monkeypatch):
    drawn = []
    original = figures._scatter
    monkeypatch.setattr(figures, "_scatter", lambda *args: drawn.append(args[1:]) or original(*args))
    labels = np.arange(60) % 4 - 1
    panels = {"label": labels, "subject": np.arange(60) % 12, "camera": np.array(list("abc") * 20)}
    draw_embedding(features, panels, tmp_path / "e.png", ["sit", "run", "jump"], max_points=50)
    assert [len(values) for _, values, _, _ in drawn] == [50] * 3
    for points, _, names, use_legend in drawn:
        np.testing.assert_array_equal(points, drawn[0][0])
        assert use_legend == (names is None)
    chosen = np.random.default_rng(0).permutation(60)[:50]
    np.testing.assert_array_equal(drawn[1][1], panels["subject"][chosen])
    with Image.open(tmp_path / "e.png") as picture:
        assert picture.size == (22 * 120, 900)


def test_bad_input(features, tmp_path):
    with pytest.raises(ConfigError, match="by the suffix"):
        draw_embedding(features, torch.zeros(60), tmp_path / "e.abc")
    with pytest.raises(ConfigError, match="'pca' or 'tsne'"):
        draw_embedding(features, torch.zeros(60), tmp_path / "e.png", method="umap")
