"""The n-pairs loss equals a loop over sequences and anchors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.models.losses import NPairsLoss
from mmsync.registry import LOSSES

from .ragged import embeddings, mask, pad

LENGTHS = [5, 3, 1]


def drawn(more=0):
    anchor, positive = embeddings(LENGTHS), embeddings(LENGTHS, seed=1)
    return pad(anchor, more), pad(positive, more), mask(anchor, more)


@pytest.mark.parametrize("weight", [0.0, 0.002, 3.0])
def test_loss_equals_a_loop(weight):
    terms, squares = [], []
    for a, p in zip(embeddings(LENGTHS), embeddings(LENGTHS, seed=1)):
        terms += [F.cross_entropy((p @ row)[None], torch.tensor([i])) for i, row in enumerate(a)]
        squares += [row.norm() ** 2 + other.norm() ** 2 for row, other in zip(a, p)]
    expected = sum(terms) / 9 + 0.25 * weight * sum(squares) / 9
    torch.testing.assert_close(NPairsLoss(weight)(*drawn()), expected)


def test_padding_changes_nothing():
    torch.testing.assert_close(NPairsLoss()(*drawn(50)), NPairsLoss()(*drawn()))
    anchor, positive, _ = drawn()
    torch.testing.assert_close(NPairsLoss()(anchor[:1], positive[:1]), NPairsLoss()(*(x[:1] for x in drawn())))
    assert NPairsLoss()(anchor, positive, torch.zeros(3, 5)) == 0


def test_gradients():
    anchor, positive, valid = drawn()
    loss = NPairsLoss(0.5)
    inputs = anchor.requires_grad_(), positive.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, p: loss(a, p, valid), inputs)


def test_a_negative_weight_is_refused():
    with pytest.raises(ConfigError, match="NPairsLoss"):
        LOSSES.build(dict(type="NPairsLoss", reg_weight=-1))
