"""LARS equals five reference steps, and refuses numbers out of range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.engine.optimizers import LARS
from mmsync.errors import ConfigError


@pytest.mark.parametrize("variant", ["plain", "nesterov"])
def test_five_reference_steps(fixture_root, variant):
    archive = np.load(fixture_root / "skeleton" / "seed002_lars.npz")
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    start = {k.rpartition("/")[2]: archive[k] for k in archive.files if k.startswith(f"{variant}/init/")}
    model.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in start.items()})
    optimizer = LARS(model.parameters(), lr=0.3, weight_decay=1e-4, nesterov=variant == "nesterov")
    for step, x in enumerate(archive["X"]):
        optimizer.zero_grad()
        model(torch.from_numpy(x)).square().mean().backward()
        optimizer.step()
        for key, value in model.state_dict().items():
            np.testing.assert_allclose(value, archive[f"{variant}/step{step}/{key}"], rtol=1e-5, atol=1e-6, err_msg=key)


def moco_v3_step(p, g, mu, lr, momentum, weight_decay, trust):
    """A step of ``moco/optimizer.py`` of MoCo v3, for a tensor."""
    if p.ndim > 1:
        g = g + weight_decay * p
        p_norm, g_norm = torch.norm(p), torch.norm(g)
        g = g * (trust * p_norm / g_norm if p_norm > 0 and g_norm > 0 else 1.0)
    mu.mul_(momentum).add_(g)
    p.sub_(lr * mu)


def test_moco_v3s_steps():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4)).double()
    nn.init.zeros_(model[3].weight)  # at first the norm is 0
    own = [p.detach().clone() for p in model.parameters()]
    mus = [torch.zeros_like(p) for p in own]
    optimizer = LARS(model.parameters(), lr=0.3, weight_decay=1e-2, variant="mocov3")
    for _ in range(5):
        optimizer.zero_grad()
        (model(torch.randn(9, 6, dtype=torch.float64)) - 1).square().mean().backward()
        for p, mu, q in zip(own, mus, model.parameters()):
            moco_v3_step(p, q.grad, mu, 0.3, 0.9, 1e-2, 1e-3)
        optimizer.step()
        for p, q in zip(own, model.parameters()):
            torch.testing.assert_close(q.detach(), p, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("variant", ["paper", "mocov3"])
def test_a_matrix_that_starts_at_zero_is_trained(variant):
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = LARS([weight], lr=0.1, variant=variant)
    weight.sum().backward()
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1))


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"momentum=1\.5"):
        LARS([nn.Parameter(torch.zeros(2))], momentum=1.5)
    with pytest.raises(ConfigError, match="variant='moco'; use 'paper' or 'mocov3'"):
        LARS([nn.Parameter(torch.zeros(2))], variant="moco")
