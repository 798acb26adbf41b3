"""Sinkhorn's plans equal the scaling by hand, keep their marginals, and stay finite where exponentials overflow."""

from __future__ import annotations

import pytest
import torch

from mmsync.ops.sinkhorn import sinkhorn


def by_hand(kernel: torch.Tensor, iterations: int) -> torch.Tensor:
    """The scaling of one matrix."""
    n, m = kernel.shape
    u = [1.0 / n] * n
    for step in range(iterations + 1):
        v = [1 / m / sum(kernel[i, j] * u[i] for i in range(n)) for j in range(m)]
        if step < iterations:
            u = [1 / n / sum(kernel[i, j] * v[j] for j in range(m)) for i in range(n)]
    return torch.stack([torch.stack([u[i] * kernel[i, j] * v[j] for j in range(m)]) for i in range(n)])


ROWS, COLUMNS = torch.tensor([4, 2, 1]), torch.tensor([3, 5, 4])


def logits() -> torch.Tensor:
    return torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.mark.parametrize("iterations", [1, 2, 20])
def test_plans_and_gradients_of_ragged_matrices_equal_the_loop(iterations):
    x, y = logits(), logits()
    plan = sinkhorn(x, ROWS, COLUMNS, iterations)
    expected = torch.zeros_like(plan)
    for b in range(3):
        n, m = int(ROWS[b]), int(COLUMNS[b])
        expected[b, :n, :m] = by_hand(y[b, :n, :m].exp(), iterations)
    torch.testing.assert_close(plan, expected, rtol=1e-12, atol=0)
    weight = torch.arange(60.0, dtype=torch.float64).view(3, 4, 5).sin()
    (plan * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-9, atol=1e-12)


def test_marginals_are_uniform():
    plan = sinkhorn(logits().detach(), iterations=100)
    torch.testing.assert_close(plan.sum(1), torch.full((3, 5), 0.2).double())
    torch.testing.assert_close(plan.sum(2), torch.full((3, 4), 0.25).double())


def test_kernels_beyond_the_range_of_single_precision():
    x = (logits().detach() * 100).float().requires_grad_()
    plan = sinkhorn(x, ROWS, COLUMNS)
    plan.square().sum().backward()
    assert plan.isfinite().all()
    assert x.grad.isfinite().all()
    torch.testing.assert_close(plan, sinkhorn(x.detach().double(), ROWS, COLUMNS).float(), rtol=1e-3, atol=1e-6)


def test_no_iteration_is_refused():
    with pytest.raises(ValueError, match="iterations=0"):
        sinkhorn(torch.zeros(1, 2, 2), iterations=0)
