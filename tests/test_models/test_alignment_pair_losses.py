"""Losses of pairs of padded sequences: LAV, VAVA, VSP and GTCC equal their equations by loops over frames."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError, DataError
from mmsync.models.losses import mixture_cycle as gtcc
from mmsync.models.losses import transport as vava
from mmsync.models.losses.brownian_bridge import BrownianBridgeLoss, brownian_bridge
from mmsync.models.losses.soft_dtw import contrastive_idm, soft_dtw_alignment
from mmsync.ops.draws import draw_margins, draw_triplets
from mmsync.ops.mixtures import fit_mixtures
from mmsync.ops.sinkhorn import diagonal_share
from mmsync.registry import LOSSES

from ..test_ops.test_sinkhorn import by_hand
from ..test_ops.test_soft_dtw import by_cells

N, M = torch.tensor([5, 7, 4]), torch.tensor([6, 3, 6])


def sequences(width: int = 4, pad: int = 0) -> tuple[torch.Tensor, ...]:
    """Two padded batches of three sequences and their masks; padding is not zero."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 7, width, generator=generator, dtype=torch.float64)
    second = torch.randn(3, 6, width, generator=generator, dtype=torch.float64)
    first, second = (F.pad(x, (0, 0, 0, pad), value=3.0) for x in (first, second))
    valid = (torch.arange(x.shape[1]) < n[:, None] for x, n in ((first, N), (second, M)))
    return (first, second, *valid)


def pairs(first: torch.Tensor, second: torch.Tensor):
    """Pairs without their padding."""
    return [(first[b, : N[b]], second[b, : M[b]]) for b in range(3)]


def squared(x: torch.Tensor, y: torch.Tensor) -> float:
    return float((x - y).square().sum())


def test_soft_dtw_per_frame_of_unit_vectors():
    first, second, *valid = sequences()
    found = soft_dtw_alignment(first, second, *valid, gamma=0.3)
    for value, (x, y) in zip(found, pairs(F.normalize(first, dim=2), F.normalize(second, dim=2))):
        cost = torch.tensor([[squared(a, b) for b in y] for a in x]).double()
        torch.testing.assert_close(value, by_cells(cost, 0.3) / ((len(x) + len(y)) / 2), rtol=1e-6, atol=1e-6)


def test_contrastive_idm_is_the_sum_over_pairs_of_frames():
    frames, _, valid, _ = sequences()
    index = torch.arange(7.0).expand(3, 7) * 4 + 0.5
    lengths = torch.tensor([30.0, 40.0, 20.0])
    found = contrastive_idm(frames, index, lengths, valid, sigma=8.0, margin=2.0)
    for b, value in enumerate(found.tolist()):
        z, total = F.normalize(frames[b, : N[b]], dim=1), 0.0
        for i in range(int(N[b])):
            for j in range(int(N[b])):
                gap, d = abs(float(index[b, i] - index[b, j])), squared(z[i], z[j])
                total += d if gap <= 8 else (1 + (gap / float(lengths[b])) ** 2) * max(0.0, 2 - d)
        assert value == pytest.approx(total / int(N[b]), rel=1e-6)


def vava_by_hand(x: torch.Tensor, y: torch.Tensor, step: int) -> tuple[float, float]:
    n, m = len(x), len(y)
    phi = min(max(0.999 ** math.floor(math.sqrt(step + 1)), 0.001), 0.999)
    scale, l1, l2 = math.sqrt(1 / n**2 + 1 / m**2), n + m, 0.1 * n * m / 4
    cost = [[0.5] * (m + 1)] + [[0.5] + [squared(a, b) for b in y] for a in x]
    kernel = torch.zeros(n + 1, m + 1, dtype=torch.float64)
    for i in range(n + 1):
        for j in range(m + 1):
            d = [1.5 * 2 * 5 / (n + m)] * 2
            if i and j:
                best = min(range(1, m + 1), key=lambda k: cost[i][k])
                d = [abs(i / n - j / m), abs(j / m - best / m)]
            gauss = [math.exp(-((g / scale) ** 2) / 8) / (2 * math.sqrt(2 * math.pi)) for g in d]
            prior, moment = (phi * a + (1 - phi) * b for a, b in (gauss, [l1 / (g**2 + 1) for g in d]))
            kernel[i, j] = min(max(prior * math.exp((moment - cost[i][j]) / l2), 1e-15), 1e20)
    distance = torch.tensor(cost, dtype=torch.float64)
    score, real = (kernel * distance)[1:, 1:], distance[1:, 1:]
    ends = [sum(float(real[i, pick(score[i])]) for i in range(n)) / n for pick in (torch.argmax, torch.argmin)]
    return float((by_hand(kernel, 20) * distance).sum()), math.log(1 + math.exp(ends[0] - ends[1]))


@pytest.mark.parametrize("step", [0, 10**6])
def test_transport_under_priors_and_its_inter_sequence_term(step):
    first, second, *valid = sequences()
    cost, inter = vava.prior_transport(first, second, *valid, step=step)
    expected = torch.tensor([vava_by_hand(x, y, step) for x, y in pairs(first, second)]).double()
    torch.testing.assert_close(torch.stack([cost, inter], 1), expected, rtol=1e-5, atol=1e-6)


def test_shares_of_the_diagonal():
    assert diagonal_share(0) == 0.999
    assert diagonal_share(99) == pytest.approx(0.999**10)
    assert diagonal_share(10**9) == 0.001


def test_temporal_contrast_and_total_of_vava():
    first, second, *valid = sequences()
    intra = torch.zeros(2, 3)
    for s, length in enumerate((N, M)):
        z = F.normalize((first, second)[s], dim=2)
        for b in range(3):
            n = int(length[b])
            for i in range(n):
                for j in range(n):
                    d = squared(z[b, i], z[b, j]) / 4
                    intra[s, b] += (max(0.0, 0.4 - d) if abs(i - j) > 2 else d / ((i - j) ** 2 + 1)) / n**2
    loss = LOSSES.build(dict(type="SinkhornPriorLoss", window=2, margin=0.4))
    terms = loss.terms(first, second, *valid, step=5)
    torch.testing.assert_close(terms["intra"].float(), intra.mean(0), rtol=1e-5, atol=1e-6)
    unit = F.normalize(first, dim=2), F.normalize(second, dim=2)
    cost, inter = vava.prior_transport(*unit, *valid, step=5)
    torch.testing.assert_close(terms["transport"], cost / (N * M).square())
    torch.testing.assert_close(loss(first, second, *valid, step=5), sum(terms.values()).mean())
    plan = LOSSES.build(dict(type="SinkhornPriorLoss", scale="plan")).terms(first, second, *valid, step=5)
    torch.testing.assert_close(plan["transport"], cost)
    torch.testing.assert_close(plan["inter"], 1e-4 * inter)


@pytest.mark.parametrize("variance", ["paper", "release"])
def test_brownian_bridges(variance):
    points = torch.randn(4, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    times = torch.tensor([[0.0, 2.0, 9.0], [1.0, 4.0, 5.0], [3.0, 4.0, 8.0], [0.0, 5.5, 11.0]])
    found = brownian_bridge(points, times, variance, normalize=False)
    for q in range(4):
        h, p, t = times[q].tolist()
        a = (p - h) / (t - h)
        spread = a * (t - p) if variance == "paper" else (a * (t - p)) ** 2
        center = (1 - a) * points[q, 0] + a * points[q, 2]
        own = math.exp(-squared(points[q, 1], center) / (2 * spread))
        others = sum(
            math.exp(-squared(points[r, k], center) / (2 * spread)) for r in range(4) if r != q for k in range(3)
        )
        assert found[q].item() == pytest.approx(-math.log(own / (own + others)), rel=1e-6)


def test_triplets_are_in_order_within_their_segments():
    valid = torch.arange(40) < torch.tensor([40, 12, 3])[:, None]
    generator = torch.Generator().manual_seed(0)
    for segments in (1, 5):
        drawn = torch.stack([draw_triplets(valid, segments, 0.2, generator) for _ in range(200)])
        assert (drawn.diff(dim=-1) > 0).all()
        low, high = drawn.amin((0, 3)), drawn.amax((0, 3))
        assert low[0, 0] == 0
        assert high[:, -1].tolist() == [39, 11, 2]
        assert ((high - low)[0] + 1 <= math.ceil(40 / (1 + (segments - 1) * 0.8)) + 1).all()
        if segments > 1:
            assert (low[0, 1:] <= high[0, :-1]).all()  # they overlap
    with pytest.raises(DataError, match="sequence 1"):
        BrownianBridgeLoss()(torch.zeros(2, 4, 3), torch.zeros(2, 4), torch.arange(4) < torch.tensor([4, 2])[:, None])


def test_cycles_return_by_the_fitted_components():
    first, second, *valid = sequences()
    margins = draw_margins(valid[0], 0.4, torch.Generator().manual_seed(0))
    errors = gtcc.cycle_errors(first, second, *valid, margins, components=2, temperature=0.5, steps=30)
    for b, (x, y) in enumerate(pairs(first, second)):
        for i in range(len(x)):
            alignment = (-torch.stack([(x[i] - v).norm() for v in y]) / 0.5).softmax(0)
            weight, parts = fit_mixtures(alignment[None], torch.ones(1, len(y), dtype=torch.bool), 2, 30)
            left, right = (int(v) for v in margins[b, i])
            near = range(max(0, i - left), min(len(x), i + right + 1))
            total = 0.0
            for k in range(2):
                neighbor = sum(parts[0, k, j] * y[j] for j in range(len(y)))
                back = (-torch.stack([(neighbor - x[r]).norm() for r in near]) / 0.5).softmax(0)
                total += float(weight[0, k]) * (i - sum(float(w) * r for w, r in zip(back, near))) ** 2
            assert errors[b, i].item() == pytest.approx(total, rel=1e-5, abs=1e-7)


def test_fitted_mixtures_recover_the_modes():
    at = torch.arange(30.0)
    density = 0.7 * torch.exp(-((at - 6) ** 2) / 4) / 2**0.5 + 0.3 * torch.exp(-((at - 21) ** 2) / 16) / 8**0.5
    weight, parts = fit_mixtures((density / density.sum())[None], torch.ones(1, 30, dtype=torch.bool), 2, 100)
    means = (parts[0] @ at).sort()
    torch.testing.assert_close(means.values, torch.tensor([6.0, 21.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(weight[0, means.indices], torch.tensor([0.7, 0.3]), atol=0.01, rtol=0)


def test_margins_are_within_their_share():
    valid = torch.arange(50) < torch.tensor([50, 20])[:, None]
    margins = draw_margins(valid, 0.2, torch.Generator().manual_seed(0))
    assert margins[0].unique().tolist() == list(range(1, 11))
    assert margins[1].unique().tolist() == list(range(1, 5))


def test_drop_term_and_probabilities():
    errors, keep = torch.tensor([[4.0, 0.5, 0.0]]), torch.tensor([[1.0, 0.25, 0.5]])
    expected = torch.tensor([[4.0, 0.25 * 0.5 + 0.75 / 0.5, 0.5 / 1e-3]])
    torch.testing.assert_close(gtcc.drop_weighted(errors, keep), expected)
    first, second, *valid = sequences()
    keeper = gtcc.FrameKeeper(4).double()
    found = keeper(first, second, *valid, least=0.9)
    for b, (x, y) in enumerate(pairs(first, second)):
        *w, c = keeper.mlp(y.mean(0)).tolist()
        score = x @ torch.tensor(w).double()
        score = (score - score.mean()) / (score.var(correction=0) + 1e-5).sqrt()
        torch.testing.assert_close(found[b, : N[b]], 0.9 + 0.1 * torch.sigmoid(score + c))
    assert (keeper(first, second, *valid, least=1.0) == 1).all()


INDEX = torch.arange(57.0) * 3


def run(name: str, pad: int):
    """Value of a loss, and the gradients of valid frames and of padding."""
    first, second, one, other = sequences(pad=pad)
    first.requires_grad_()
    second.requires_grad_()
    torch.manual_seed(0)
    loss = LOSSES.build(dict(type=name, dim=4) if name == "MixtureCycleLoss" else dict(type=name)).double()
    index = INDEX[: first.shape[1]].expand(3, -1)
    if name == "ContrastiveIDM":
        value = loss(first, index, torch.tensor([30, 30, 30]), one)
    elif name == "MixtureCycleLoss":
        value = loss(first, second, one, other, epoch=3, generator=torch.Generator().manual_seed(0))
    else:
        value = loss(first, second, one, other)
    value.backward()
    return value.detach(), first.grad[one], first.grad[~one]


@pytest.mark.parametrize("name", ["SoftDTWLoss", "ContrastiveIDM", "SinkhornPriorLoss", "MixtureCycleLoss"])
def test_padding_changes_nothing(name):
    value, gradient, none = run(name, 0)
    padded, same, nothing = run(name, 50)
    torch.testing.assert_close(padded, value, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(same, gradient, rtol=1e-6, atol=1e-8)
    assert gradient.abs().sum() > 0
    assert (none == 0).all()
    assert (nothing == 0).all()


def test_padding_changes_no_bridge():
    values = []
    for pad in (0, 50):
        frames, _, valid, _ = sequences(pad=pad)
        valid = valid & (torch.arange(7 + pad) < 3)  # one triplet each
        loss = LOSSES.build(dict(type="BrownianBridgeLoss"))
        values.append(loss(frames, INDEX[: 7 + pad].expand(3, -1), valid))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["SoftDTWLoss", "SinkhornPriorLoss"])
def test_half_precision_is_computed_in_single(name, dtype):
    first, second, *valid = sequences()
    loss = LOSSES.build(dict(type=name))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(first.to(dtype), second.to(dtype), *valid)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(first.to(dtype).float(), second.to(dtype).float(), *valid))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SoftDTWLoss", dict(gamma=0)),
        ("ContrastiveIDM", dict(sigma=-1)),
        ("ContrastiveIDM", dict(margin=5)),
        ("SinkhornPriorLoss", dict(scale="mean")),
        ("SinkhornPriorLoss", dict(inter_weight=-1)),
        ("SinkhornPriorLoss", dict(iterations=0)),
        ("BrownianBridgeLoss", dict(variance="other")),
        ("BrownianBridgeLoss", dict(overlap=1.0)),
        ("MixtureCycleLoss", dict(dim=4, components=0)),
        ("MixtureCycleLoss", dict(dim=4, gamma=1.5)),
    ],
)
def test_numbers_out_of_range_are_refused(name, wrong):
    with pytest.raises(ConfigError, match=name):
        LOSSES.build(dict(type=name, **wrong))
