"""Softmax over valid entries and means over the frames of all ranks."""

from __future__ import annotations

import torch

from mmsync import testing
from mmsync.ops.masked import mask_logits, mean_over_ranks, valid_or_all


def test_masked_logits_have_the_softmax_of_the_valid_entries_and_are_finite():
    logits = torch.tensor([[1.0, 3e38, 2.0], [5.0, 6.0, 7.0]], requires_grad=True)
    valid = torch.tensor([[True, False, True], [False, False, False]])
    found = mask_logits(logits, valid)
    torch.testing.assert_close(found.softmax(1)[0, [0, 2]], logits[0, [0, 2]].softmax(0))
    assert found.softmax(1)[0, 1] == 0
    torch.testing.assert_close(found.softmax(1)[1], torch.full((3,), 1 / 3))
    assert (found.log_softmax(1) * 0).isfinite().all()
    gradient = torch.autograd.grad(found.logsumexp(1).sum(), logits)[0]
    assert (gradient[~valid] == 0).all()


def test_no_mask_means_all_frames():
    x = torch.zeros(2, 3, 4)
    assert valid_or_all(None, x).tolist() == [[True] * 3] * 2
    assert valid_or_all(torch.tensor([[1, 0, 1]] * 2), x).tolist() == [[True, False, True]] * 2


def test_mean_over_ranks_with_different_numbers_of_frames():
    x = torch.arange(5.0)

    def run(rank):
        part = (x[:4] if rank == 0 else x[4:]).clone().requires_grad_()
        value = mean_over_ranks(part.square(), torch.ones_like(part).bool())
        value.backward()
        return value.detach(), part.grad

    for value, gradient in (found := testing.on_ranks(run, size=2)):
        torch.testing.assert_close(value, x.square().mean())
        assert gradient.isfinite().all()
    torch.testing.assert_close(torch.cat([g for _, g in found]) / 2, 2 * x / 5)
    assert mean_over_ranks(x[:0], x[:0]) == 0
