"""CARL's loss equals loops over frames for each set of negatives, and ignores padding."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmsync import testing
from mmsync.errors import ConfigError
from mmsync.models.losses import SequenceContrastLoss
from mmsync.registry import LOSSES

from .ragged import embeddings, indices, mask, pad

FIRST, SECOND = [5, 7, 3], [6, 4, 5]
NEGATIVES = ["single_noself", "batch_noself", "single"]


def drawn(more=0):
    first, second = embeddings(FIRST), embeddings(SECOND, seed=1)
    at = [indices(FIRST, seed=2), indices(SECOND, seed=3)]
    return [pad(x, more) for x in (first, second, *at)] + [mask(first, more), mask(second, more)]


def by_hand(negatives, temperature=0.1, variance=10.0):
    """The divergence of each frame by loops."""
    views = [[F.normalize(x, dim=1) for x in v] for v in (embeddings(FIRST), embeddings(SECOND, seed=1))]
    at = [indices(FIRST, seed=2), indices(SECOND, seed=3)]
    values = []
    for side in (0, 1):
        for n in range(3):
            for row, s in zip(views[side][n], at[side][n]):
                other = views[1 - side][n]
                p = torch.stack([(-((s - t) ** 2) / (2 * variance)).exp() for t in at[1 - side][n]])
                p = p / p.sum()
                denominator = sum((row @ x / temperature).exp() for x in other)
                if negatives == "single":
                    denominator = denominator + sum((row @ x / temperature).exp() for x in views[side][n])
                if negatives == "batch_noself":
                    far = [x for v in views for m in range(3) if m != n for x in v[m]]
                    denominator = denominator + sum((row @ x / temperature).exp() for x in far)
                q = [(row @ x / temperature).exp() / denominator for x in other]
                values.append(sum(a * (math.log(a) - (b + 1e-6).log()) for a, b in zip(p.tolist(), q)))
    return sum(values) / len(values)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_loss_equals_loops(negatives):
    torch.testing.assert_close(SequenceContrastLoss(negatives)(*drawn()), by_hand(negatives))
    other = dict(temperature=0.3, variance=2.0)
    torch.testing.assert_close(SequenceContrastLoss(negatives, **other)(*drawn()), by_hand(negatives, **other))


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_padding_and_the_order_of_views_change_nothing(negatives):
    loss = SequenceContrastLoss(negatives)
    torch.testing.assert_close(loss(*drawn(50)), loss(*drawn()))
    z1, z2, g1, g2, v1, v2 = drawn()
    torch.testing.assert_close(loss(z2, z1, g2, g1, v2, v1), loss(*drawn()))


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_gradients(negatives):
    z1, z2, *rest = drawn()
    loss = SequenceContrastLoss(negatives)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, *rest), (z1.requires_grad_(), z2.requires_grad_()))


def test_negatives_of_all_ranks_whose_lengths_differ():
    batch = [torch.cat([x, x[:1]]) for x in drawn()]
    testing.check_loss(dict(type="SequenceContrastLoss", negatives="batch_noself"), *batch)

    def of_rank(rank):
        rows = [x[2 * rank : 2 * rank + 2] for x in batch]
        return SequenceContrastLoss("batch_noself")(*(x[:, :7] if rank else x for x in rows))

    batch = [F.pad(x, (0, 0, 0, 4) if x.dim() == 3 else (0, 4)) for x in batch]
    expected = SequenceContrastLoss("batch_noself")(*batch)
    for found in testing.on_ranks(of_rank, size=2):
        torch.testing.assert_close(found, expected)


def test_views_far_apart_and_empty_views_are_finite():
    z1, z2, g1, g2, v1, v2 = drawn()
    z1.requires_grad_()
    value = SequenceContrastLoss()(z1, z2, g1, g2 + 1e4, v1, v2)
    assert value.isfinite()
    assert torch.autograd.grad(value, z1)[0].isfinite().all()
    expected = SequenceContrastLoss()(*(x[:2] for x in (z1, z2, g1, g2, v1, v2)))
    v2[2] = False
    torch.testing.assert_close(SequenceContrastLoss()(z1, z2, g1, g2, v1, v2), expected)


@pytest.mark.parametrize("wrong", [dict(negatives="no"), dict(temperature=0), dict(variance=0)])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match="SequenceContrastLoss"):
        LOSSES.build(dict(type="SequenceContrastLoss", **wrong))
