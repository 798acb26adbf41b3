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


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"momentum=1\.5"):
        LARS([nn.Parameter(torch.zeros(2))], momentum=1.5)
