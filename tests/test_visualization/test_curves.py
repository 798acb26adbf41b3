"""Pictures of logged values have a panel for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmsync.errors import ConfigError, DataError
from mmsync.runlog import Run
from mmsync.visualization import draw_curves
from mmsync.visualization.figures import smoothed


@pytest.fixture
def log():
    """The log of a run of six epochs."""
    train = [{"loss": 100.0 - step, "lr": 1.0, "epoch": (step + 9) // 10, "iter": step} for step in range(5, 61, 5)]
    return Run("run", train, [{"knn/top1": 50.0, "step": 3}, {"knn/top1": 70.0, "step": 6}])


def test_smoothing_is_a_weighted_mean_of_the_past():
    values = np.random.default_rng(0).normal(size=20)
    weights = 0.8 ** np.arange(20)
    expected = [np.average(values[: i + 1], weights=weights[i::-1]) for i in range(20)]
    np.testing.assert_allclose(smoothed(values, 0.8), expected)
    np.testing.assert_array_equal(smoothed(values, 0.0), values)
    assert np.isfinite(smoothed(np.array([1.0, np.nan, 2.0]), 0.5)).all()


def test_the_picture_has_a_panel_a_value(log, tmp_path):
    sizes = []
    for keys in (["loss"], ["loss", "knn/top1", "lr"]):
        draw_curves([log, log], keys, tmp_path / "c.png", smooth=0.5)
        with Image.open(tmp_path / "c.png") as picture:
            sizes.append(picture.size)
    np.testing.assert_allclose(sizes, [(720, 3.7 * 120), (1200, 7.1 * 120)], atol=1)  # older Matplotlib rounds down


def test_bad_input(log, tmp_path):
    with pytest.raises(DataError, match=r"did you mean 'knn/top1'\? Available: loss"):
        draw_curves([log, log], ["loss", "knn/top2"], tmp_path / "c.png")
    with pytest.raises(ConfigError, match="by the suffix"):
        draw_curves([log], ["loss"], tmp_path / "c.txt")
