"""MASA's losses equal the reference numbers on ragged pairs, padded or not, and have the limits of the equations."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmsync import testing
from mmsync.errors import ConfigError, ContractError
from mmsync.models.losses import IndexMatchingLoss
from mmsync.models.losses.index_matching import index_matching, ratio_combine
from mmsync.ops.soft_matching import matched_cosine, soft_index
from mmsync.registry import LOSSES

from .ragged import arrays, embeddings, indices, mask, pad

CLOSE = dict(rtol=1e-6, atol=1e-8)


@pytest.fixture(scope="module")
def masa(fixture_root):
    return arrays(fixture_root, "masa_losses")


def pair(masa, b):
    """Arguments of ``terms`` of one pair of the fixture."""
    names = ("Z1", "Z2", "H1", "H2", "g1", "g2")
    return [masa[f"b{b}.{name}"].double()[None].requires_grad_(name[0] != "g") for name in names]


def batch(masa, more=0):
    """The three pairs as one padded batch."""
    rows = [[masa[f"b{b}.{name}"].double() for b in range(3)] for name in ("Z1", "Z2", "H1", "H2", "g1", "g2")]
    return [pad(r, more) for r in rows] + [mask(rows[0], more), mask(rows[1], more)]


def drawn(lengths=((5, 7), (9, 4), (6, 6)), more=0):
    """A padded batch of random pairs."""
    first, second = ([pair[i] for pair in lengths] for i in (0, 1))
    rows = [embeddings(n, seed=i) for i, n in enumerate((first, second, first, second))]
    rows += [indices(first, seed=5), indices(second, seed=6)]
    return [pad(r, more) for r in rows] + [mask(rows[0], more), mask(rows[1], more)]


@pytest.mark.parametrize("b", [0, 1, 2])
@pytest.mark.parametrize("tau", [1.0, 0.1])
def test_each_pair_of_the_reference_and_its_gradients(masa, b, tau):
    z1, z2, h1, h2, g1, g2 = pair(masa, b)
    at = f"b{b}.tau{tau}."
    torch.testing.assert_close(soft_index(z1, z2, g2, temperature=tau)[0], masa[at + "jhat"], **CLOSE)
    torch.testing.assert_close(soft_index(z2, z1, g1, temperature=tau)[0], masa[at + "khat"], **CLOSE)
    total, count = index_matching(z1, z2, g1, g2, temperature=tau)
    torch.testing.assert_close((total / count)[:, 0], torch.stack([masa[at + "L12"], masa[at + "L21"]]), **CLOSE)
    assert matched_cosine(z1, h2, g1, g2)[1] == masa[f"b{b}.n_match"]
    terms = IndexMatchingLoss(temperature=tau).terms(z1, z2, h1, h2, g1, g2)
    for name, key in (("matching", at + "Lm"), ("similarity", f"b{b}.Lc_mean"), ("total", at + "total")):
        torch.testing.assert_close(terms[name], masa[key], **CLOSE)
    squared = IndexMatchingLoss(temperature=tau, kind="mse", similarity="sum").terms(z1, z2, h1, h2, g1, g2)
    torch.testing.assert_close(squared["matching"], masa[at + "Lm_mse"], **CLOSE)
    torch.testing.assert_close(squared["similarity"], masa[f"b{b}.Lc_sum"], **CLOSE)
    terms["total"].backward()
    for x, name in ((z1, "gZ1"), (z2, "gZ2"), (h1, "gH1"), (h2, "gH2")):
        torch.testing.assert_close(x.grad[0], masa[at + name], **CLOSE)


@pytest.mark.parametrize("more", [0, 50])
@pytest.mark.parametrize("tau", [1.0, 0.1])
@pytest.mark.parametrize("reduction", ["ratio_of_means", "mean_of_ratios"])
def test_padded_batch_of_the_reference(masa, more, tau, reduction):
    loss = IndexMatchingLoss(temperature=tau, reduction=reduction)
    name = {"ratio_of_means": "total_ratio_of_means", "mean_of_ratios": "total_mean_of_pairs"}[reduction]
    torch.testing.assert_close(loss(*batch(masa, more)), masa[f"batch.tau{tau}.{name}"], **CLOSE)
    single = loss(*(x.float() if x.is_floating_point() else x for x in batch(masa, more)))
    torch.testing.assert_close(single, masa[f"batch.tau{tau}.{name}"].float(), rtol=1e-4, atol=1e-5)


def test_ratio_has_the_limits_of_the_reference(masa):
    found = ratio_combine(torch.full((3,), 7.0).double(), torch.tensor([1.0, -1.0, 0.0]).double())
    torch.testing.assert_close(found, torch.stack([masa[f"limit.Lc_{n}"] for n in ("plus1", "minus1", "0")]), **CLOSE)
    assert ratio_combine(torch.tensor(7.0), torch.tensor(-1.0000002)).isfinite()
    assert ratio_combine(torch.tensor(7.0), torch.tensor(-1.0), denom_min=0.01) == pytest.approx(1400)


@pytest.mark.parametrize("name", ["simsiam", "byol"])
def test_frame_level_simsiam_and_byol_of_the_reference(fixture_root, name):
    ref = {key: x[None] for key, x in arrays(fixture_root, "frame_simsiam_byol").items()}
    index = torch.arange(50.0)[None]
    cosines = []
    for p, z in (("p1", "z2"), ("p2", "z1")):
        total, count = matched_cosine(ref[p], ref[z].detach(), index, index)
        cosines.append(total / count)
    mean = (cosines[0] + cosines[1]) / 2
    torch.testing.assert_close(-mean if name == "simsiam" else 2 - 2 * mean, ref[name], **CLOSE)


def test_matched_cosine_equals_a_loop_with_repeated_unsorted_fractional_and_padded_frames():
    a, b = (torch.randn(2, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    index_a = torch.tensor([[3, 1, 1, 2.5, 8, 0], [0, 1, 2, 3, 4, 5]], dtype=torch.float64)
    index_b = torch.tensor([[1, 3, 2.5, 8, 1, 0], [9, 9, 2, 3, 9, 9]], dtype=torch.float64)
    valid_a = torch.tensor([[1, 1, 1, 1, 0, 1], [1, 1, 1, 0, 1, 1]]).bool()
    total, count = matched_cosine(a, b, index_a, index_b, valid_a, valid_a.flip(1))
    for n in range(2):
        cosines = [
            float(F.cosine_similarity(a[n, j], b[n, k], dim=0))
            for j in range(6)
            for k in range(6)
            if index_a[n, j] == index_b[n, k] and float(index_a[n, j]).is_integer()
            if valid_a[n, j] and valid_a.flip(1)[n, k]
        ]
        assert count[n] == len(cosines)
        assert total[n] == pytest.approx(sum(cosines))


def test_no_match_and_no_frames_are_finite_and_do_not_count():
    batch = drawn()
    batch[5] = batch[5] + 100  # no frame in common
    batch[0].requires_grad_()
    terms = IndexMatchingLoss().terms(*batch)
    terms["total"].backward()
    assert terms["similarity"] == 0
    torch.testing.assert_close(terms["total"], 2 * terms["matching"], rtol=1e-6, atol=0)
    assert batch[0].grad.isfinite().all()
    batch = drawn()
    batch[6][2] = False  # the third pair has no frame in one view
    for reduction in ("ratio_of_means", "mean_of_ratios"):
        loss = IndexMatchingLoss(reduction=reduction)
        torch.testing.assert_close(loss(*batch), loss(*(x[:2] for x in batch)))


def test_batch_totals_and_pairs_from_one_call():
    z1, z2, _, _, g1, g2, v1, v2 = drawn()
    total, count = index_matching(z1, z2, g1, g2, v1, v2)
    errors = (soft_index(z1, z2, g2, v2) - g1).abs()[v1], (soft_index(z2, z1, g1, v1) - g2).abs()[v2]
    torch.testing.assert_close((total.sum(1) / count.sum(1)).mean(), (errors[0].mean() + errors[1].mean()) / 2)
    alone = [index_matching(*(x[i : i + 1] for x in (z1, z2, g1, g2, v1, v2))) for i in range(3)]
    torch.testing.assert_close((total / count).mean(0), torch.cat([(t / c).mean(0) for t, c in alone]))


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(kind="smooth_l1"),
        dict(reduction="mean_of_ratios"),
        dict(combine="sum", similarity="sum", weight=0.3),
        dict(clip_token="mean"),
    ],
)
def test_padding_and_the_order_of_views_change_nothing(options):
    loss = IndexMatchingLoss(normalize_index=True, **options)
    length = torch.tensor([15, 20, 30])
    short = loss(*drawn(), length=length)
    torch.testing.assert_close(loss(*drawn(more=50), length=length), short)
    z1, z2, h1, h2, g1, g2, v1, v2 = drawn()
    torch.testing.assert_close(loss(z2, z1, h2, h1, g2, g1, v2, v1, length), short)


def test_two_ranks_equal_one_for_the_mean_of_ratios():
    batch = [torch.cat([x, x[:1]]) for x in drawn()]
    batch[6][0] = False  # a pair without frames, on one rank only
    testing.check_loss(dict(type="IndexMatchingLoss", reduction="mean_of_ratios"), *batch)


def test_identical_views_of_distinct_frames_match():
    rows, index = torch.eye(20)[None], torch.arange(20.0)[None]
    terms = IndexMatchingLoss().terms(rows, rows, rows, rows, index, index)
    assert terms["matching"] < 0.2
    assert terms["similarity"] == pytest.approx(1)
    assert terms["total"] == pytest.approx(float(terms["matching"]), rel=1e-6)


def test_a_temperature_of_one_leaves_predictions_in_the_middle():
    """Of two frames with opposite embeddings the right one has at most ``e^2 / (1 + e^2)``, hence tau is 0.1."""
    rows, index = torch.tensor([[[1.0], [-1.0]]]), torch.tensor([[0.0, 1.0]])
    assert soft_index(rows, rows, index, temperature=1.0)[0, 1] == pytest.approx(1 / (1 + math.exp(-2)))


def test_no_gradient_reaches_embeddings_by_the_similarity():
    batch = drawn()
    leaves = [x.requires_grad_() for x in batch[:4]]
    IndexMatchingLoss().terms(*batch)["similarity"].backward()
    assert leaves[0].grad is None
    assert leaves[1].grad is None
    assert all(x.grad.abs().sum() > 0 for x in leaves[2:])
    IndexMatchingLoss(stop_gradient=False).terms(*batch)["similarity"].backward()
    assert all(x.grad.abs().sum() > 0 for x in leaves)


def test_indices_over_lengths_scale_the_loss():
    batch = [x[:1] for x in drawn()]
    whole = IndexMatchingLoss().terms(*batch)["matching"]
    terms = IndexMatchingLoss(normalize_index=True).terms(*batch, length=torch.tensor([40]))
    torch.testing.assert_close(terms["matching"] * 40, whole)
    with pytest.raises(ContractError, match="length"):
        IndexMatchingLoss(normalize_index=True)(*batch)


def test_clips_are_compared_by_the_means_of_their_frames():
    batch = drawn()
    (z1, z2, h1, h2), (v1, v2) = batch[:4], batch[6:]
    frames = IndexMatchingLoss().terms(*batch)["similarity"]
    found = IndexMatchingLoss(clip_token="mean").terms(*batch)["similarity"]
    clips = [
        F.cosine_similarity(z[n][v[n]].mean(0), h[n][w[n]].mean(0), dim=0)
        for z, h, v, w in ((z1, h2, v1, v2), (z2, h1, v2, v1))
        for n in range(len(z))
    ]
    torch.testing.assert_close(found, (frames + torch.stack(clips).mean()) / 2)


def test_a_temperature_is_learned_from_where_it_starts():
    batch = [x.float() if x.is_floating_point() else x for x in drawn()]
    loss = IndexMatchingLoss(temperature=0.2, learn_temperature=True)
    torch.testing.assert_close(loss(*batch), IndexMatchingLoss(temperature=0.2)(*batch))
    loss(*batch).backward()
    step = 1e-2
    above, below = (IndexMatchingLoss(temperature=0.2 * math.exp(s))(*batch) for s in (step, -step))
    assert float(loss.log_temperature.grad) == pytest.approx(float(above - below) / (2 * step), rel=1e-2)
    torch.nn.init.constant_(loss.log_temperature, -20.0)
    torch.testing.assert_close(loss(*batch), IndexMatchingLoss(temperature=0.01)(*batch))
    assert list(IndexMatchingLoss().parameters()) == []


@pytest.mark.parametrize("options", [dict(kind="mse"), dict(kind="mse", combine="sum", reduction="mean_of_ratios")])
def test_gradients(options):
    *rows, g1, g2, v1, v2 = drawn()
    loss = IndexMatchingLoss(stop_gradient=False, **options)
    assert torch.autograd.gradcheck(lambda *z: loss(*z, g1, g2, v1, v2), [x.requires_grad_() for x in rows])


@pytest.mark.parametrize(
    "wrong",
    [
        dict(temperature=0),
        dict(weight=-1),
        dict(denom_min=2),
        dict(eps=0),
        *(dict([(name, "no")]) for name in ("kind", "reduction", "combine", "similarity", "clip_token")),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match="IndexMatchingLoss"):
        LOSSES.build(dict(type="IndexMatchingLoss", **wrong))
