"""Losses of pairs: exact distances, means with any weights, binary cross-entropy."""

from __future__ import annotations

import math

import pytest
import torch

from mmsync.errors import ConfigError
from mmsync.models.losses import ContrastiveLoss, NegativeCosineLoss, PairBCELoss
from mmsync.models.losses.contrastive import pair_distance, weighted_mean
from mmsync.models.losses.pair_bce import pair_cross_entropy
from mmsync.registry import LOSSES

from .test_sync3d import build, samples, tracks


@pytest.mark.parametrize("scale", [1e3, 1.0, 1e-2, 1e-3])
def test_distances_have_all_digits_of_float64(scale):
    """``sqrt(d^2 + eps)`` would lose seven of them at 1e-2."""
    first, second = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * scale
    expected = [math.dist(a, b) for a, b in zip(first.tolist(), second.tolist())]
    torch.testing.assert_close(pair_distance(first, second).tolist(), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("squared_pos", [True, False])
@pytest.mark.parametrize("gap", [0.0, 1e-7, 1e-4, 0.3])
def test_gradients_are_finite_and_continuous_at_small_distances(squared_pos, gap):
    loss = ContrastiveLoss(squared_pos=squared_pos)
    first = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    second = first.detach() + torch.tensor([gap, 0, 0], dtype=torch.float64)
    loss(loss.distance(first, second), torch.tensor([1, 0])).backward()
    assert first.grad.isfinite().all()
    if gap == 0:
        assert (first.grad == 0).all()
    near, far = (
        float(pair_distance(torch.zeros(1, 1).double(), torch.full((1, 1), 1e-4 * s).double()))
        for s in (0.999999, 1.000001)
    )
    assert near == pytest.approx(far, rel=1e-5)


def test_gradient_of_the_distance_is_right():
    a, b = torch.randn(2, 4, 3, dtype=torch.float64)
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pair_distance(x, b), (a,))
    assert torch.autograd.gradcheck(lambda x: pair_distance(x * 1e-6, b * 1e-6) * 1e6, (a,))  # in the smoothed part


def test_weighted_mean_of_any_weights():
    x = torch.tensor([1.0, 3.0, 8.0])
    assert weighted_mean(x, torch.tensor([0.1, 0.3, 0.0])) == pytest.approx(2.5)
    assert weighted_mean(x, torch.tensor([10.0, 30.0, 0.0])) == pytest.approx(2.5)
    assert weighted_mean(x) == pytest.approx(4.0)
    assert weighted_mean(x, torch.zeros(3)) == 0
    assert weighted_mean(x[:0]) == 0


def test_binary_cross_entropy_by_hand():
    distance, positive = torch.tensor([0.2, 0.9, 0.5]), torch.tensor([True, False, True])
    p = [1 / (1 + math.exp(-(0.5 - d) / 0.1)) for d in (0.2, 0.9, 0.5)]
    expected = [-math.log(p[0]), -math.log(1 - p[1]), math.log(2)]
    torch.testing.assert_close(pair_cross_entropy(distance, positive, 0.5, 0.1).tolist(), expected, rtol=1e-5, atol=0)
    loss = PairBCELoss()
    assert loss(distance, positive) == pytest.approx(sum(expected) / 3, rel=1e-5)
    assert loss(distance, positive, torch.tensor([1, 0, 0])) == pytest.approx(expected[0], rel=1e-5)


def test_binary_cross_entropy_is_finite_far_away_and_in_half_precision():
    loss = PairBCELoss(temperature=1e-3)
    values = pair_cross_entropy(torch.tensor([2.0, 0.0]).bfloat16(), torch.tensor([1, 0]), loss.threshold, 1e-3)
    torch.testing.assert_close(values, torch.tensor([1500.0, 500.0]))


def test_sync3d_trains_with_binary_cross_entropy():
    model = build(loss=dict(type="PairBCELoss"))
    assert model.threshold == 0.5
    found = model.loss({"tracks": tracks()}, samples(positive=[1, 0, 0, 1]))
    found["loss_pair"].backward()
    assert found["loss_pair"].isfinite()
    assert 0 <= float(found["pos_distance"]) <= 2
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.backbone.parameters())


@pytest.mark.parametrize("wrong", [dict(threshold=0), dict(threshold=2.5), dict(temperature=0)])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="PairBCELoss"):
        LOSSES.build(dict(type="PairBCELoss", **wrong))


def test_negative_cosine_of_predictions_and_constant_targets():
    first, second = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(1))
    second.requires_grad_()
    found = NegativeCosineLoss()(first, second)
    assert found == -torch.nn.functional.cosine_similarity(first, second).mean()
    assert not found.requires_grad
