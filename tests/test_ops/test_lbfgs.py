"""Batched L-BFGS finds SciPy's minima, and a row does not depend on the others."""

from __future__ import annotations

import numpy as np
import torch

from mmsync.ops.lbfgs import minimize


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[:, 1:] - x[:, :-1].square()).square() + (1 - x[:, :-1]).square()).sum(1)


def starts(rows: int = 6) -> torch.Tensor:
    return torch.randn(rows, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_minima_of_quadratics_are_the_solutions_of_linear_systems():
    a = starts(12).view(3, 4, 4)
    a, b = a @ a.mT + 0.1 * torch.eye(4), starts(3)
    found = minimize(lambda x: 0.5 * torch.einsum("bi,bij,bj->b", x, a, x) - (b * x).sum(1), torch.zeros_like(b), 60)
    torch.testing.assert_close(found, torch.linalg.solve(a, b), rtol=1e-6, atol=1e-6)


def test_values_at_the_end_are_those_of_scipy():
    from scipy.optimize import minimize as reference

    begin = starts()[:, :2]  # in the plane there is one minimum
    found = rosenbrock(minimize(rosenbrock, begin, 100))
    for value, start in zip(found.tolist(), begin):
        best = reference(lambda x: float(rosenbrock(torch.from_numpy(np.array(x))[None])), start.numpy(), method="BFGS")
        assert abs(value - best.fun) < 1e-6


def test_a_row_alone_has_the_same_result_and_none_gets_worse():
    together = minimize(rosenbrock, starts(), 30)
    for row in range(6):
        alone = minimize(rosenbrock, starts()[row : row + 1], 30)
        torch.testing.assert_close(alone[0], together[row], rtol=1e-9, atol=1e-9)
    assert (rosenbrock(together) <= rosenbrock(starts())).all()


def test_rows_that_cannot_decrease_stay():
    start = torch.tensor([[0.0], [1.0]])
    found = minimize(lambda x: x[:, 0].square() * torch.tensor([1.0, float("nan")]), start, 5)
    torch.testing.assert_close(found, start)
