"""NT-Xent equals the reference numbers and the equation written as a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmsync.ops.contrastive import nt_xent


@pytest.mark.parametrize("case", ["n4_d8_t0.5", "n16_d32_t0.1", "n7_d128_t0.07"])
def test_reference_values_and_gradients(fixture_root, case):
    archive = np.load(fixture_root / "skeleton" / "seed002_ntxent.npz")
    z = [torch.from_numpy(archive[f"{case}/z{i}"]).requires_grad_() for i in range(2)]
    loss = nt_xent(*z, float(case.rpartition("_t")[2]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), archive[f"{case}/loss"], rtol=1e-6)
    for i in range(2):
        np.testing.assert_allclose(z[i].grad, archive[f"{case}/g{i}"], atol=1e-6)


def test_the_equation_row_by_row():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 5, dtype=torch.float64)
    z = torch.nn.functional.normalize(torch.cat([a, b]), dim=1)
    total = 0.0
    for i in range(6):
        terms = [math.exp(float(z[i] @ z[k]) / 0.2) for k in range(6)]
        total -= math.log(terms[(i + 3) % 6] / (sum(terms) - terms[i]))
    assert nt_xent(a, b, 0.2).item() == pytest.approx(total / 6)
