"""CASA's matching equals the reference numbers without masks, and ignores padding with them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.models.losses import CASAMatchingLoss
from mmsync.ops.distances import casa_similarity
from mmsync.registry import LOSSES

from .ragged import arrays, embeddings, indices, mask, pad

OPTIONS = [dict(loss=loss, similarity=s) for loss in ("regression", "regression_var") for s in ("euclidean", "cosine")]


@pytest.fixture(scope="module")
def casa(fixture_root):
    return arrays(fixture_root, "casa_penn_sim0")


def reference_batch(casa):
    frames = torch.arange(30.0).expand(2, -1)
    valid = frames < casa["len0"][:, None], frames < casa["len1"][:, None]
    return casa["z0"].clone(), casa["z1"].clone(), frames, casa["kept"].float(), *valid


def drawn(more=0):
    """Whole sequences, and views of some of their frames, one of them repeated and one between two frames."""
    lengths = [12, 9, 10]
    whole, some = embeddings(lengths), embeddings([7, 5, 6], seed=1)
    shown = [x[x < n] for x, n in zip(indices([10, 9, 11], seed=2), lengths)]
    shown = [x[: len(row)] for x, row in zip(shown, some)]
    some = [row[: len(x)] for x, row in zip(shown, some)]
    shown[0][1], shown[1][2] = shown[0][0], shown[1][1] + 0.5
    at = [torch.arange(n).double() for n in lengths]
    return [pad(x, more) for x in (whole, some, at, shown)] + [mask(whole, more), mask(some, more)]


def by_hand(z0, z1, g0, g1, v0, v1, loss, similarity, temperature=0.1):
    """The loss by loops over frames."""
    terms = [[], []]
    for n in range(len(z0)):
        a, b, ga, gb = z0[n][v0[n]], z1[n][v1[n]], g0[n][v0[n]], g1[n][v1[n]]
        width = a.shape[1]
        scores = torch.stack(
            [
                torch.stack(
                    [
                        F.cosine_similarity(x, y, dim=0) / temperature
                        if similarity == "cosine"
                        else -(x - y).norm() / width**0.5 / width / temperature
                        for y in b
                    ]
                )
                for x in a
            ]
        )
        for side, (rows, own, other) in enumerate(((scores.T, gb, ga), (scores, ga, gb))):
            for row, g in zip(rows.softmax(1), own):
                right = [k for k, h in enumerate(other) if h == g]
                if len(right) == 1:
                    position = torch.arange(len(row)).double()
                    p = (row * position).sum()
                    v = (row * (position - p) ** 2).sum()
                    e = (right[0] - p) ** 2
                    terms[side].append(e / v + 1e-5 * v.log() if "var" in loss else e)
    return sum(sum(t) / len(t) for t in (terms if "var" in loss else terms[:1]))


def test_similarity_and_confidences_of_the_reference(casa):
    found = casa_similarity(casa["z0"], casa["z1"])
    torch.testing.assert_close(found, casa["sim"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.softmax(1), casa["conf0"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.softmax(2), casa["conf1"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["regression", "regression_var"])
def test_loss_and_gradients_of_the_reference(casa, loss):
    batch = reference_batch(casa)
    leaves = [x.requires_grad_() for x in batch[:2]]
    found = CASAMatchingLoss(loss=loss, mask=False)(*batch)
    found.backward()
    torch.testing.assert_close(found, casa[f"loss_{loss}"], rtol=1e-4, atol=1e-5)
    for x, name in zip(leaves, ("gz0", "gz1")):
        torch.testing.assert_close(x.grad, casa[f"{name}_{loss}"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS)
def test_loss_equals_a_loop_over_frames(options):
    torch.testing.assert_close(CASAMatchingLoss(**options)(*drawn()), by_hand(*drawn(), **options))


@pytest.mark.parametrize("options", OPTIONS)
def test_padding_changes_nothing_with_a_mask(options):
    short, long = (CASAMatchingLoss(**options)(*drawn(more)) for more in (0, 50))
    torch.testing.assert_close(long, short)
    loose = [CASAMatchingLoss(mask=False, **options)(*drawn(more)) for more in (0, 50)]
    assert abs(loose[0] - loose[1]) > 1e-3


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients(options):
    z0, z1, *rest = drawn()
    loss = CASAMatchingLoss(**options)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, *rest), (z0.requires_grad_(), z1.requires_grad_()))


def test_equal_frames_and_no_targets_are_finite():
    rows, index = torch.ones(1, 4, 3, requires_grad=True), torch.arange(4.0)[None]
    for shown, loss in ((index, "regression_var"), (index + 10, "regression")):
        value = CASAMatchingLoss(loss=loss)(rows, rows, index, shown)
        assert value.isfinite()
        assert torch.autograd.grad(value, rows)[0].isfinite().all()
    assert value == 0
    far = (torch.eye(4)[None] * 1e6).requires_grad_()  # a softmax without variance
    value = CASAMatchingLoss(loss="regression_var")(far, far, index, index)
    assert value.isfinite()
    assert torch.autograd.grad(value, far)[0].isfinite().all()


@pytest.mark.parametrize("wrong", [dict(loss="no"), dict(similarity="no"), dict(temperature=0), dict(variance_min=0)])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match="CASAMatchingLoss"):
        LOSSES.build(dict(type="CASAMatchingLoss", **wrong))
