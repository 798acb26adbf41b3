"""Offsets of streams of embeddings: the sign, the ends, and both confidences by naive loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import medfilt

from mmsync.ops.offsets import estimate_offset, framewise_confidence, shifted_distances

REACH = 5


def streams(early: int, steps: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures v_t, and sound whose step t has the content of picture t + early."""
    content = torch.randn(steps + 20, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return content[10 : 10 + steps], content[10 + early : 10 + early + steps]


def naive(v: np.ndarray, a: np.ndarray, reach: int, mask: bool) -> np.ndarray:
    found = np.full((len(v), 2 * reach + 1), np.nan)
    for i in range(len(v)):
        for k in range(2 * reach + 1):
            j = i + k - reach
            inside = 0 <= j < len(a)
            if inside or not mask:
                other = a[j] if inside else np.zeros_like(v[i])
                found[i, k] = np.sqrt(((v[i] - other + 1e-6) ** 2).sum())
    return found


@pytest.mark.parametrize("early", [3, 0, -2])
@pytest.mark.parametrize("edge", ["mask", "zeros"])
def test_sound_ahead_of_the_pictures_has_a_positive_offset(early, edge):
    found = estimate_offset(*streams(early), REACH, edge)
    assert found.offset == early
    assert found.distance == found.curve.min()


@pytest.mark.parametrize("edge", ["mask", "zeros"])
def test_distances_and_confidence_are_those_of_a_loop(edge):
    v, a = streams(3)
    expected = naive(v.numpy(), a.numpy(), REACH, edge == "mask")
    distances = shifted_distances(v, a, REACH, edge)
    np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-12)
    curve = np.nanmean(expected, 0)
    found = estimate_offset(v, a, REACH, edge)
    assert found.confidence == pytest.approx(np.median(curve) - curve.min())
    assert REACH - found.offset == curve.argmin()
    steps = np.nan_to_num(np.median(curve) - expected[:, REACH - found.offset])
    np.testing.assert_allclose(framewise_confidence(distances, found.offset).numpy(), medfilt(steps, 9), rtol=1e-9)


def test_zeros_beyond_the_ends_are_nearer_than_any_true_vector():
    """As in the public code; with many shifts and embeddings that say nothing, the largest shift wins there."""
    v, a = (torch.randn(20, 64, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    assert abs(estimate_offset(v, a, 15, "zeros").offset) == 15
    curve = estimate_offset(v, a, 15, "mask").curve
    assert (curve - curve.mean()).abs().max() < 0.1 * curve.mean()


def test_the_confidence_of_steps_falls_where_the_streams_part():
    v, a = streams(2, 60)
    a = torch.cat([a[:30], torch.randn(30, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)])
    steps = framewise_confidence(shifted_distances(v, a, REACH), 2)
    assert steps[4:24].min() > steps[36:54].max()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda v, a: shifted_distances(v, a[:, :4], 3), r"wanted \(T, D\)"),
        (lambda v, a: estimate_offset(v[:5], a[:5], 5), "5 steps are too few for offsets up to 5"),
        (lambda v, a: framewise_confidence(shifted_distances(v, a, 3), 4), "an offset within 3"),
        (lambda v, a: framewise_confidence(shifted_distances(v, a, 3), 0, 4), "an odd size"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call(*streams(0))
