"""TCC's losses equal the reference numbers for all pairs of a batch, padded or not; random cycles equal loops."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError
from mmsync.models.losses import CycleConsistencyLoss, cycle_consistency
from mmsync.models.losses.cycle_consistency import cycle_classification
from mmsync.ops.soft_matching import chain_logits
from mmsync.registry import LOSSES

from .ragged import arrays, embeddings, indices, mask, pad

KINDS = ("classification", "regression_mse", "regression_mse_var", "regression_huber")
CLOSE = dict(rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def tcc(fixture_root):
    return arrays(fixture_root, "tcc_gr")


def all_pairs(x, steps, lengths, more=0):
    """Every ordered pair of the sequences ``(N, T, D)``, padded by ``more`` frames."""
    i, j = (~torch.eye(len(x), dtype=torch.bool)).nonzero().T
    valid = mask(list(x), more)
    x = torch.cat([x, x.new_full((len(x), more, x.shape[2]), 3.0)], 1)
    return x[i], x[j], pad(list(steps.to(x.dtype)), more)[i], lengths[i], valid[i], valid[j]


def drawn(more=0):
    first, second = embeddings([6, 9, 4]), embeddings([8, 3, 5], seed=1)
    index = pad(indices([6, 9, 4]), more)
    return pad(first, more), pad(second, more), index, torch.tensor([15, 20, 15]), mask(first, more), mask(second, more)


@pytest.mark.parametrize("similarity", ["l2", "cosine"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", ["random", "structured"])
def test_all_pairs_of_the_reference_and_their_gradients(tcc, data, kind, similarity):
    x = tcc[f"embs_{data}"].clone().requires_grad_()
    loss = CycleConsistencyLoss(loss=kind, similarity=similarity)
    found = loss(*all_pairs(x, tcc["steps"], tcc["seq_lens"]))
    torch.testing.assert_close(found, tcc[f"{data}.{kind}.{similarity}.np"], **CLOSE)
    found.backward()
    torch.testing.assert_close(x.grad, tcc[f"{data}.{kind}.{similarity}.grad"], **CLOSE)
    single = loss(*all_pairs(x.detach().float(), tcc["steps"], tcc["seq_lens"], more=7))
    torch.testing.assert_close(single.double(), tcc[f"{data}.{kind}.{similarity}.np"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "name"), [(dict(normalize_indices=False), "nonorm"), (dict(temperature=1.0), "temp1")]
)
def test_options_of_the_reference(tcc, options, name):
    pairs = all_pairs(tcc["embs_structured"], tcc["steps"], tcc["seq_lens"])
    torch.testing.assert_close(
        CycleConsistencyLoss(**options)(*pairs), tcc[f"structured.mse_var.l2.{name}.np"], **CLOSE
    )


@pytest.mark.parametrize("kind", KINDS)
def test_ragged_pairs_equal_each_pair_alone_and_padding_changes_nothing(kind):
    loss, counts = CycleConsistencyLoss(loss=kind), [6, 9, 4]
    short, long = loss(*drawn()), loss(*drawn(more=50))
    torch.testing.assert_close(long, short)
    first, second, index, length, v1, v2 = drawn()
    alone = [
        loss(first[n, v1[n]][None], second[n, v2[n]][None], index[n, v1[n]][None], length[n : n + 1]) for n in range(3)
    ]
    torch.testing.assert_close(sum(x * c for x, c in zip(alone, counts)) / sum(counts), short)


@pytest.mark.parametrize("similarity", ["l2", "cosine"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, similarity):
    first, second, *rest = drawn()
    loss = CycleConsistencyLoss(loss=kind, similarity=similarity)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, *rest), (first.requires_grad_(), second.requires_grad_()))


def test_equal_sequences_of_distinct_frames_cycle_back_as_the_temperature_falls():
    rows, index = torch.eye(10).double()[None] * 3, torch.arange(10.0).double()[None]
    errors = [
        float(CycleConsistencyLoss(loss="regression_mse", temperature=tau)(rows, rows, index, torch.tensor([10])))
        for tau in (10.0, 1.0, 0.1, 0.01)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.05
    assert errors[-1] < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_saturated_softmax_empty_sequences_and_no_pairs_are_finite(kind):
    loss, index = CycleConsistencyLoss(loss=kind), torch.arange(5.0)[None]
    far = (torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0)) * 1e4).requires_grad_()
    value = loss(far, far.flip(1).detach() * 0.9, index, torch.tensor([5]))
    assert value.isfinite()
    assert torch.autograd.grad(value, far)[0].isfinite().all()
    first, second, index, length, v1, v2 = drawn()
    expected = loss(*(x[:2] for x in (first, second, index, length, v1, v2)))
    v2[2] = False
    torch.testing.assert_close(loss(first, second, index, length, v1, v2), expected)
    assert loss(*(x[:0] for x in (first, second, index, length, v1, v2))) == 0


def test_classification_equals_cross_entropy_of_the_valid_frames():
    logits = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    valid, frame = torch.arange(6).expand(4, -1) < 5, torch.tensor([0, 3, 4, 1])
    found = cycle_classification(logits.masked_fill(~valid, -1e9), frame, valid, 0.1)
    expected = torch.nn.functional.cross_entropy(logits[:, :5], frame, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(found, expected)


def test_logits_of_cycles_equal_loops_over_hops():
    rows = embeddings([5, 7, 4])
    sequences, frame = torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2]]), torch.tensor([4, 3, 6])
    found = chain_logits(pad(rows), mask(rows), sequences, frame)
    for c, (path, at) in enumerate(zip(sequences.tolist(), frame.tolist())):
        query = rows[path[0]][at]
        for hop in (rows[i] for i in path[1:]):
            query = (-(query - hop).square().sum(1) / 0.6).softmax(0) @ hop
        expected = -(query - rows[path[0]]).square().sum(1) / 0.6
        torch.testing.assert_close(found[c, : len(expected)], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_cycles_of_every_pair_and_frame_equal_all_pairs(tcc, kind, monkeypatch):
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3), torch.arange(20))
    every = every[every[:, 0] != every[:, 1]]
    monkeypatch.setattr(cycle_consistency, "draw_cycles", lambda *_: (every[:, :2], every[:, 2]))
    found = CycleConsistencyLoss(loss=kind).stochastic(tcc["embs_structured"], tcc["steps"], tcc["seq_lens"])
    torch.testing.assert_close(found, tcc[f"structured.{kind}.l2.np"], **CLOSE)


def test_random_cycles_repeat_with_a_generator_and_need_two_sequences():
    rows = embeddings([5, 7, 4])
    x, valid, loss = pad(rows).requires_grad_(), mask(rows), CycleConsistencyLoss()
    index, length = torch.arange(7.0).expand(3, -1), torch.tensor([5, 7, 4])
    one, two = (
        loss.stochastic(x, index, length, valid, cycles=9, generator=torch.Generator().manual_seed(3)) for _ in "ab"
    )
    assert one == two
    assert torch.autograd.grad(one, x)[0].abs().sum() > 0
    alone = loss.stochastic(x, index, length, valid, group=torch.arange(3))
    assert alone == 0
    assert alone.requires_grad


@pytest.mark.parametrize(
    "wrong",
    [
        dict(loss="no"),
        dict(similarity="no"),
        dict(temperature=0),
        dict(label_smoothing=1),
        dict(variance_weight=-1),
        dict(huber_delta=0),
        dict(variance_min=0),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match="CycleConsistencyLoss"):
        LOSSES.build(dict(type="CycleConsistencyLoss", **wrong))
