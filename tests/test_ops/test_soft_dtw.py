"""Soft-DTW equals the recursion cell by cell, its gradient is right, and it tends to the best path."""

from __future__ import annotations

import pytest
import torch

from mmsync.ops.soft_dtw import soft_dtw


def by_cells(cost: torch.Tensor, gamma: float) -> torch.Tensor:
    """The recursion of one matrix, by autograd."""
    n, m = cost.shape
    r = {(i, j): cost.new_tensor(float("inf")) for i in range(n + 1) for j in range(m + 1)}
    r[0, 0] = cost.new_zeros(())
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            before = [r[p] for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if r[p].isfinite()]
            r[i, j] = cost[i - 1, j - 1] - gamma * torch.logsumexp(-torch.stack(before) / gamma, 0)
    return r[n, m]


def costs(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gamma", [0.01, 0.1, 1.0])
@pytest.mark.parametrize(("n", "m"), [(5, 7), (7, 5), (1, 4), (4, 1), (1, 1)])
def test_values_and_gradients_of_ragged_pairs_equal_the_loop(gamma, n, m):
    cost, other = costs(3, n, m).requires_grad_(), costs(3, n, m).requires_grad_()
    rows, columns = torch.tensor([n, max(n - 2, 1), 1]), torch.tensor([max(m - 3, 1), m, max(m - 1, 1)])
    weight = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    found = soft_dtw(cost, gamma, rows, columns)
    expected = torch.stack([by_cells(other[b, : rows[b], : columns[b]], gamma) for b in range(3)])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(cost.grad, other.grad, rtol=1e-10, atol=1e-12)


def test_gradient_is_the_numerical_one():
    assert torch.autograd.gradcheck(lambda x: soft_dtw(x, 0.3), (costs(2, 4, 3).requires_grad_(),))
    permuted = costs(3, 4, 2).permute(2, 1, 0).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: soft_dtw(x, 0.3, torch.tensor([2, 4])), (permuted,))


def test_a_small_gamma_gives_the_cost_and_the_cells_of_the_best_path():
    cost = costs(2, 6, 8).requires_grad_()
    value = soft_dtw(cost, 1e-5)
    value.sum().backward()
    for b in range(2):
        best = [[float("inf")] * 9 for _ in range(7)]
        best[0][0] = 0.0
        for i in range(6):
            for j in range(8):
                best[i + 1][j + 1] = cost[b, i, j].item() + min(best[i][j], best[i][j + 1], best[i + 1][j])
        assert value[b].item() == pytest.approx(best[6][8], abs=1e-4)
    path = cost.grad.round()
    torch.testing.assert_close(cost.grad, path, atol=1e-6, rtol=0)
    torch.testing.assert_close((path * cost).sum((1, 2)), value, atol=1e-4, rtol=0)


def test_single_precision_is_kept_and_long_or_large_costs_stay_finite():
    cost = costs(2, 130, 90)
    single = cost.float().requires_grad_()
    value = soft_dtw(single, 0.1)
    value.sum().backward()
    assert value.dtype == single.grad.dtype == torch.float32
    torch.testing.assert_close(value.double(), soft_dtw(cost, 0.1), rtol=1e-4, atol=1e-4)
    wide = (cost * 1e6).float().requires_grad_()
    value = soft_dtw(wide, 1e-3)
    value.sum().backward()
    assert value.isfinite().all()
    assert wide.grad.isfinite().all()
    assert wide.grad.sum((1, 2)).min() >= 130


@pytest.mark.parametrize(("shape", "gamma"), [((2, 3, 3), 0.0), ((2, 3), 0.1), ((2, 0, 3), 0.1)])
def test_wrong_arguments_are_refused(shape, gamma):
    with pytest.raises(ValueError, match="soft_dtw"):
        soft_dtw(torch.rand(*shape), gamma)
