"""Barlow Twins' and VICReg's terms equal NumPy's statistics and numerical gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.models.losses.barlow_twins import barlow_twins_terms
from mmsync.models.losses.vicreg import vicreg_terms


def embeddings(n: int = 12, d: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two correlated views whose dimensions have means and scales of their own."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, d, generator=generator, dtype=torch.float64)
    b = a + 0.7 * torch.randn(n, d, generator=generator, dtype=torch.float64)
    scale = torch.linspace(0.3, 2, d, dtype=torch.float64)
    return a * scale + 3, b * scale.flip(0) - 1


def test_barlow_twins_is_the_correlation_of_numpy():
    a, b = embeddings()
    both = np.corrcoef(a.numpy(), b.numpy(), rowvar=False)[:5, 5:]
    invariance = sum((1 - both[i, i]) ** 2 for i in range(5))
    redundancy = sum(both[i, j] ** 2 for i in range(5) for j in range(5) if i != j)
    found = barlow_twins_terms(a, b, eps=0.0)
    np.testing.assert_allclose(found, [invariance, redundancy], rtol=1e-10)


def test_barlow_twins_normalises_like_batch_normalization_without_weights():
    a, b = embeddings()
    norm = torch.nn.BatchNorm1d(5, affine=False).double()
    c = norm(a).T @ norm(b) / len(a)
    off = c[~torch.eye(5, dtype=torch.bool)]
    found = barlow_twins_terms(a, b)
    torch.testing.assert_close(found[0], (c.diagonal() - 1).square().sum())
    torch.testing.assert_close(found[1], off.square().sum())


def test_barlow_twins_is_zero_for_equal_views_with_independent_dimensions():
    # columns of a Hadamard matrix: mean 0, variance 1, uncorrelated
    h = torch.tensor([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], dtype=torch.float64)
    np.testing.assert_allclose(barlow_twins_terms(h, h, eps=0.0), [0, 0], atol=1e-20)


def test_vicreg_is_the_covariance_of_numpy():
    a, b = embeddings()
    variance = covariance = 0.0
    for z in (a.numpy(), b.numpy()):
        c = np.cov(z, rowvar=False)
        variance += np.mean([max(0.0, 1 - np.sqrt(c[j, j] + 1e-4)) for j in range(5)])
        covariance += sum(c[i, j] ** 2 for i in range(5) for j in range(5) if i != j) / 5
    found = vicreg_terms(a, b)
    expected = [np.mean((a.numpy() - b.numpy()) ** 2), variance, covariance]
    assert variance > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("terms", [barlow_twins_terms, vicreg_terms])
def test_numerical_gradients(terms):
    a, b = (x.requires_grad_() for x in embeddings(6, 3))
    assert torch.autograd.gradcheck(terms, (a, b))


@pytest.mark.parametrize("terms", [barlow_twins_terms, vicreg_terms])
def test_half_precision_is_cast_up_and_autocast_does_not_reach_it(terms):
    a, b = (x.float() for x in embeddings())
    with torch.autocast("cpu", torch.bfloat16):
        inside = terms(a, b)
    for x, y in zip(inside, terms(a, b)):
        assert torch.equal(x, y)
        assert x.dtype == torch.float32
    assert all(x.dtype == torch.float32 for x in terms(a.bfloat16(), b.bfloat16()))


@pytest.mark.parametrize("terms", [barlow_twins_terms, vicreg_terms])
def test_one_clip_has_no_statistics(terms):
    with pytest.raises(ValueError, match="at least 2 clips"):
        terms(torch.randn(1, 3), torch.randn(1, 3))
