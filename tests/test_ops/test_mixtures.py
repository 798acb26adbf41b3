"""Gaussian mixtures that are fitted to distributions over frames."""

from __future__ import annotations

import torch

from mmsync.ops.mixtures import fit_mixtures


def test_fitted_mixtures_recover_the_modes():
    at = torch.arange(30.0)
    density = 0.7 * torch.exp(-((at - 6) ** 2) / 4) / 2**0.5 + 0.3 * torch.exp(-((at - 21) ** 2) / 16) / 8**0.5
    weight, parts = fit_mixtures((density / density.sum())[None], torch.ones(1, 30, dtype=torch.bool), 2, 100)
    means = (parts[0] @ at).sort()
    torch.testing.assert_close(means.values, torch.tensor([6.0, 21.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(weight[0, means.indices], torch.tensor([0.7, 0.3]), atol=0.01, rtol=0)
