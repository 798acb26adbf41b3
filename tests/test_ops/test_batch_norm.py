"""Batch normalization equals torch's in double precision, and stays exact where torch's float kernel does not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.models.modules import BatchNorm, convert_sync_batchnorm
from mmsync.ops.batch_norm import batch_norm


@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 5), (4, 3, 5, 2)])
def test_output_and_gradients_equal_torch(shape):
    torch.manual_seed(0)
    x, grad = torch.randn(2, *shape, dtype=torch.float64)
    leaves = [[t.clone().requires_grad_() for t in (x, torch.randn(3).double(), torch.randn(3).double())]]
    leaves.append([t.detach().clone().requires_grad_() for t in leaves[0]])
    ours = batch_norm(*leaves[0])[0]
    theirs = F.batch_norm(leaves[1][0], None, None, *leaves[1][1:], training=True)
    for out in (ours, theirs):
        out.backward(grad)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(*leaves):
        torch.testing.assert_close(a.grad, b.grad)


def test_gradient_check():
    torch.manual_seed(0)
    leaves = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((4, 2, 3), (2,), (2,))]
    assert torch.autograd.gradcheck(lambda *a: batch_norm(*a)[0], leaves)


def test_channels_last_float32_is_exact_to_float32():
    torch.manual_seed(0)
    x = (torch.randn(150, 4, 50, 25) * 0.1 + 1).contiguous(memory_format=torch.channels_last)
    exact = F.batch_norm(x.double().contiguous(), None, None, training=True)
    error = (batch_norm(x, torch.ones(4), torch.zeros(4))[0] - exact).abs().max()
    assert error < 2e-5, error


def test_module_keeps_the_same_statistics_as_torch():
    torch.manual_seed(0)
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    for _ in range(3):
        x = torch.randn(4, 3, 5, 2)
        torch.testing.assert_close(ours(x), theirs(x))
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_conversion_keeps_names_and_weights_and_refuses_what_it_cannot_do():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    convert_sync_batchnorm(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model[1].sync
    with pytest.raises(ValueError, match="track_running_stats=True"):
        convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)))
