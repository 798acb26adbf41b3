"""Pointing, DirectionAccuracy and SeparationQuality against counts by hand."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import DataError
from mmsync.evaluation.probes import DirectionAccuracy, Pointing, SeparationQuality
from mmsync.structures import FeatureTable


def peak(row: int, column: int) -> torch.Tensor:
    out = torch.zeros(4, 4)
    out[row, column] = 1.0
    return out


def table(
    maps: list[torch.Tensor], box: list[list[float]], shown: list[list[float]], heard: list[bool]
) -> FeatureTable:
    rows = zip(box, shown, heard)
    named = [{"name": f"v{i}", "box": b, "shown": s, "heard": h} for i, (b, s, h) in enumerate(rows)]
    return FeatureTable.of_rows(named).with_columns(sound_map=torch.stack(maps))


def test_pointing_counts_maxima_in_the_shown_part_of_the_box():
    middle = [0.25, 0.0, 0.75, 1.0]  # of a wide video
    query = table(
        [peak(0, 0), peak(0, 3), peak(3, 2), peak(0, 0), peak(1, 1)],
        [[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 1.0], [0.8, 0.0, 1.0, 1.0]],
        [middle] * 5,
        [True, True, True, False, True],  # the fourth is not heard, the fifth is not shown
    )
    found = Pointing().run(query, query).metrics
    assert found["accuracy"] == pytest.approx(100 * 2 / 3)
    assert found["chance"] == pytest.approx(100 * (0.25 + 0.25 + 0.25) / 3)
    assert found["center"] == pytest.approx(100)  # corners of the boxes touch it
    assert found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"]


def test_pointing_of_nothing_and_of_broken_maps():
    whole = [0.0, 0.0, 1.0, 1.0]
    silent = table([peak(0, 0)], [whole], [whole], [False])
    with pytest.raises(DataError, match="none of 1 clips"):
        Pointing().run(silent, silent)
    broken = table([peak(0, 0) * float("nan")], [whole], [whole], [True])
    with pytest.raises(DataError, match="not all finite"):
        Pointing().run(broken, broken)


def test_direction_counts_both_playbacks():
    backward = torch.tensor([[-1.0, 2.0], [-3.0, -1.0], [2.0, 1.0], [0.5, 4.0]])
    query = FeatureTable({"name": list("abcd"), "backward": backward})
    found = DirectionAccuracy().run(query, query).metrics
    assert found["accuracy"] == pytest.approx(100 * 5 / 8)
    assert found["order"] == pytest.approx(75)
    with pytest.raises(DataError, match=r"\(N, 2\)"):
        DirectionAccuracy().run(query, FeatureTable({"name": ["a"], "backward": torch.zeros(1, 3)}))


def test_separation_means_and_orders():
    one, crossed = [[6.0, -2.0], [-4.0, 2.0]], [[0.0, 5.0], [3.0, -1.0]]
    query = FeatureTable({"name": list("ab"), "separation": torch.tensor([one, crossed])})
    found = SeparationQuality().run(query, query).metrics
    assert found["on_screen"] == pytest.approx(3)
    assert found["off_screen"] == pytest.approx(0.5)
    assert found["any_order"] == pytest.approx((4 + 4) / 2)
    assert found["order"] == pytest.approx(50)
    assert found["on_screen_low"] <= 3 <= found["on_screen_high"]
    for broken in (torch.zeros(1, 2), torch.full((1, 2, 2), float("nan"))):
        with pytest.raises(DataError, match=r"\(N, 2, 2\)"):
            SeparationQuality().run(query, FeatureTable({"name": ["a"], "separation": broken}))
