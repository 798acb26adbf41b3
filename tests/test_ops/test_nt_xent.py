"""NT-Xent, whole and in chunks, equals the reference numbers, the equation as a loop, and numerical gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.models.losses.cosine import row_cosine
from mmsync.models.losses.nt_xent import nt_xent
from mmsync.registry import LOSSES


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("case", ["n4_d8_t0.5", "n16_d32_t0.1", "n7_d128_t0.07"])
def test_reference_values_and_gradients(fixture_root, case, chunk):
    archive = np.load(fixture_root / "skeleton" / "seed002_ntxent.npz")
    z = [torch.from_numpy(archive[f"{case}/z{i}"]).requires_grad_() for i in range(2)]
    loss = nt_xent(*z, float(case.rpartition("_t")[2]), chunk)
    loss.backward()
    np.testing.assert_allclose(loss.item(), archive[f"{case}/loss"], rtol=1e-6)
    for i in range(2):
        np.testing.assert_allclose(z[i].grad, archive[f"{case}/g{i}"], atol=1e-6)


@pytest.mark.parametrize("chunk", [None, 1, 4, 6, 100])
def test_the_equation_row_by_row(chunk):
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 5, dtype=torch.float64)
    z = F.normalize(torch.cat([a, b]), dim=1)
    total = 0.0
    for i in range(6):
        terms = [math.exp(float(z[i] @ z[k]) / 0.2) for k in range(6)]
        total -= math.log(terms[(i + 3) % 6] / (sum(terms) - terms[i]))
    assert nt_xent(a, b, 0.2, chunk).item() == pytest.approx(total / 6, rel=1e-12)


def by_autograd(a: torch.Tensor, b: torch.Tensor, temperature: float) -> torch.Tensor:
    """The textbook's form: one cross entropy over the whole matrix."""
    z = F.normalize(torch.cat([a, b]), dim=1)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(a)))


@pytest.mark.parametrize("chunk", [None, 1, 7, 32])
def test_gradients_equal_those_of_the_textbooks_form(chunk):
    torch.manual_seed(0)
    a, b = torch.randn(2, 20, 6, dtype=torch.float64)
    results = []
    for function in (lambda *z: by_autograd(*z, 0.1), lambda *z: nt_xent(*z, 0.1, chunk)):
        z = a.clone().requires_grad_(), b.clone().requires_grad_()
        loss = 3 * function(*z)  # a gradient from above that is not 1
        loss.backward()
        results.append([loss.detach(), z[0].grad, z[1].grad])
    for expected, found in zip(*results):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk", [None, 3])
def test_numerical_gradient(chunk):
    torch.manual_seed(0)
    a, b = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, y: nt_xent(x, y, 0.3, chunk), (a, b))
    assert torch.autograd.gradcheck(lambda x: nt_xent(x, b.detach(), 0.3, chunk), (a,))  # one view held constant
    with torch.no_grad():
        assert nt_xent(a, b, 0.3, chunk).item() == pytest.approx(by_autograd(a, b, 0.3).item())


def test_a_temperature_at_which_single_exponentials_leave_float32():
    """exp(1 / 0.005) overflows, exp(-2 / 0.005) is 0; the loss of float64 comes out all the same."""
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 4)
    b[0] = -a[0]
    expected = by_autograd(a.double(), b.double(), 0.005)
    for chunk in (None, 2):
        torch.testing.assert_close(nt_xent(a, b, 0.005, chunk).double(), expected, rtol=1e-5, atol=0)


def test_half_precision_is_cast_up_and_autocast_does_not_reach_it():
    torch.manual_seed(0)
    a, b = torch.randn(2, 8, 16)
    with torch.autocast("cpu", torch.bfloat16):
        inside = nt_xent(a, b, 0.1)
        assert torch.equal(row_cosine(a, b), F.cosine_similarity(a, b))
    assert torch.equal(inside, nt_xent(a, b, 0.1))
    half = a.bfloat16().requires_grad_()
    loss = nt_xent(half, b.bfloat16(), 0.1)
    loss.backward()
    assert loss.dtype == torch.float32
    assert half.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss, nt_xent(half.detach().float(), b.bfloat16().float(), 0.1))


def test_no_tensor_of_the_chunked_form_is_quadratic():
    """The largest holds a chunk's rows, or all rows in the whole form; there is one of it, and no copy."""
    a, b = (torch.randn(256, 4, requires_grad=True) for _ in range(2))
    for chunk, largest in ((None, 512 * 512), (16, 16 * 512)):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            nt_xent(a, b, 0.1, chunk).backward()
        sizes = [e.self_cpu_memory_usage for e in profile.events() if e.self_cpu_memory_usage > 0]
        big = [size for size in sizes if size >= 4 * largest]
        assert max(sizes) == 4 * largest
        assert len(big) == 1


def test_as_an_object():
    a, b = torch.randn(2, 4, 8)
    loss = LOSSES.build(dict(type="NTXentLoss", temperature=0.2, chunk_size=3))
    assert torch.equal(loss(a, b), nt_xent(a, b, 0.2, 3))
    for wrong, told in ((dict(temperature=0), "temperature=0"), (dict(chunk_size=0), "chunk_size=0")):
        with pytest.raises(ConfigError, match=told):
            LOSSES.build(dict(type="NTXentLoss", **wrong))
