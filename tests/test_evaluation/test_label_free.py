"""Criteria without labels against closed forms, loops, SciPy and scikit-learn; and the probe that reports them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import pdist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import (
    angle_r2,
    change_accuracy,
    cluster_stability,
    group_cycles,
    group_mixing,
    rank_me,
    spectrum_decay,
    uniformity,
    view_alignment,
)
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.evaluation.probes import LabelFree
from mmsync.structures import FeatureTable


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_spectrum(values, n=300):
    """Centered features whose covariance has these eigenvalues, up to a factor."""
    left = torch.linalg.qr(randn(n, len(values)).double() - randn(n, len(values)).double().mean(0))[0]
    left = torch.linalg.qr(left - left.mean(0))[0]
    right = torch.linalg.qr(randn(len(values), len(values), seed=1).double())[0]
    return left * torch.as_tensor(values).sqrt() @ right


def test_rank_me_is_the_exponential_of_an_entropy():
    x = randn(40, 7) * torch.arange(1, 8)
    p = np.linalg.svd(x.double().numpy(), compute_uv=False)
    p /= p.sum()
    assert rank_me(x) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert rank_me(torch.eye(5) * 3) == pytest.approx(5)
    assert rank_me(torch.tensor([[1.0, 0], [10.0, 0]])) == pytest.approx(1)
    assert rank_me(x) == pytest.approx(rank_me(4 * x))  # a factor changes nothing, but lengths of rows count
    assert rank_me(x) != pytest.approx(rank_me(F.normalize(x, dim=1)))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.3])
def test_decay_of_a_power_law(alpha):
    x = with_spectrum(torch.arange(1, 61).double() ** -alpha)
    assert spectrum_decay(x) == pytest.approx(alpha, abs=1e-6)
    assert spectrum_decay(5 * x + 3, first=1, last=20) == pytest.approx(alpha, abs=1e-6)
    assert spectrum_decay(x[:, :2].repeat(1, 3), first=1) > 0  # what is zero is left out


def test_decay_is_the_weighted_line_of_numpy():
    x = randn(200, 30) * torch.linspace(3, 0.1, 30)
    values = np.sort(np.linalg.eigvalsh(np.cov(x.double().numpy().T)))[::-1]
    rank = np.arange(3, 31)
    slope = np.polyfit(np.log(rank), np.log(values[2:]), 1, w=rank**-0.5)[0]  # polyfit squares its weights
    assert spectrum_decay(x) == pytest.approx(-slope, rel=1e-6)
    with pytest.raises(ProtocolError, match="no two eigenvalues"):
        spectrum_decay(torch.ones(20, 4))


def test_alignment_and_uniformity_equal_a_loop():
    x, y = randn(9, 4), randn(9, 4, seed=1)
    unit = [F.normalize(t.double(), dim=1).numpy() for t in (x, y)]
    assert view_alignment(x, y) == pytest.approx(np.mean([np.sum((a - b) ** 2) for a, b in zip(*unit)]))
    assert view_alignment(x, y, 1.0) == pytest.approx(np.mean([np.linalg.norm(a - b) for a, b in zip(*unit)]))
    assert view_alignment(x, 3 * x) == pytest.approx(0, abs=1e-12)
    assert view_alignment(x, -x) == pytest.approx(4)
    assert uniformity(x, 3.0) == pytest.approx(np.log(np.exp(-3 * pdist(unit[0]) ** 2).mean()))
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-9)
    assert uniformity(torch.eye(4)) == pytest.approx(-4)  # all squared distances are 2


def test_stability_of_blobs_and_of_noise():
    blobs = 20 * randn(6, 8)[torch.arange(120) % 6] + randn(120, 8, seed=1)
    assert cluster_stability(blobs, 6) == pytest.approx(1)
    noise = cluster_stability(randn(120, 8), 6)
    assert 0 < noise < 0.7
    assert cluster_stability(randn(120, 8), 6) == noise  # the same draws
    # clusters are the performers: halves of clips agree, halves of performers do not
    who = torch.arange(120) % 6
    assert cluster_stability(blobs, 3, groups=who) < 0.95
    with pytest.raises(ProtocolError, match="61 clusters"):
        cluster_stability(blobs, 61)


def test_mixing_equals_a_loop():
    x, groups = randn(60, 5), torch.arange(60) % 3 + 7
    unit = F.normalize(x, dim=1)
    near = NearestNeighbors(n_neighbors=5).fit(unit).kneighbors(return_distance=False)
    share = np.mean([groups[j] != groups[i] for i in range(60) for j in near[i]])
    assert group_mixing(x, groups) == pytest.approx(share / (40 / 59))
    islands = torch.eye(3)[groups - 7] * 50 + torch.cat([randn(60, 3) / 10], 1)
    assert group_mixing(islands, groups) == 0
    with pytest.raises(ProtocolError, match="of one group"):
        group_mixing(x, torch.zeros(60, dtype=torch.int64))


def test_cycles_equal_a_loop():
    x, groups = randn(30, 4), torch.tensor([0, 1, 2, 1, 0, 0] * 5)
    unit = F.normalize(x.double(), dim=1).numpy()

    def nearest(i, group):
        rows = [j for j in range(30) if groups[j] == group and j != i]
        return max(rows, key=lambda j: unit[i] @ unit[j])

    steps = [(i, g) for i in range(30) for g in range(3) if g != groups[i]]
    expected = np.mean([nearest(nearest(i, g), groups[i]) == i for i, g in steps])
    assert group_cycles(x, groups) == pytest.approx(expected)
    twice = torch.cat([x, x + 1e-4])
    assert group_cycles(twice, torch.arange(60) // 30) == 1


def test_what_features_tell_about_a_change():
    x = randn(80, 6)
    assert change_accuracy(x, x) == pytest.approx(50, abs=1)
    assert change_accuracy(x, x + 5) == 100
    moved = x + torch.tensor([0.8, 0, 0, 0, 0, 0])
    order = np.random.default_rng(0).permutation(80)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
    both, target = torch.cat([x, moved]).numpy(), np.repeat((0, 1), 80)
    oracle = cross_val_score(model, both, target, groups=np.tile(order, 2), cv=GroupKFold(5)).mean()
    assert 50 < change_accuracy(x, moved) < 100
    assert change_accuracy(x, moved) == pytest.approx(100 * oracle)


def test_what_features_tell_about_an_angle():
    degrees = 360 * torch.rand(120, generator=torch.Generator().manual_seed(0)) - 180
    angle = degrees.deg2rad()
    seen = torch.stack([angle.cos(), angle.sin()], 1) @ randn(2, 6)
    assert angle_r2(seen + 1e-3 * randn(120, 6), degrees) == pytest.approx(1, abs=0.01)
    assert angle_r2(randn(120, 6), degrees) < 0.1


def table(n=80, **more):
    x = randn(n, 10)
    columns = dict(feature=x, subject=torch.arange(n) % 4, role=["bank", "query"] * (n // 2), index=torch.arange(n))
    return FeatureTable({**columns, **more})


def test_the_probe_reports_what_the_table_allows():
    plain = LabelFree().run(table(), table()).metrics
    assert set(plain) == {
        "stability",
        "rank",
        "decay",
        "uniformity",
        "stability_subject",
        "mixing_subject",
        "cycles_subject",
    }
    x = table()["feature"]
    whole = table(feature_first=x + 0.1, feature_second=x, feature_mirror=-x, feature_reversal=x, feature_yaw=x,
                  yaw=torch.linspace(-180, 179, 80))  # fmt: skip
    found = LabelFree(clusters=4).run(whole, whole).metrics
    assert {"alignment", "mirror", "reversal", "yaw"} <= set(found)
    assert found["reversal"] == pytest.approx(50, abs=2)
    assert found["rank"] == pytest.approx(rank_me(x[::2]))  # of the bank alone
    everything = LabelFree().run(table(role=["train"] * 80), table()).metrics
    assert everything["rank"] == pytest.approx(rank_me(x))


def test_labels_change_nothing():
    probe = LabelFree(clusters=4)
    found = [probe.run(t, t).metrics for t in (table(), table(label=torch.arange(80) % 7))]
    assert found[0] == found[1]


def test_the_metric_keeps_the_attributes_and_runs_the_probe_without_labels():
    metric = FeatureMetric(probes=[dict(type="LabelFree", clusters=4)])
    metric.process(None, table(label=torch.full((80,), -1), other=randn(80, 2)))
    result = metric.evaluate(80)
    assert result["label_free/mixing_subject"] > 0
    assert set(metric.last) == {"feature", "subject", "role", "index", "label"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(dict(clusters=1), "LabelFree.clusters=1"), (dict(groups="subject"), "list of names"), (dict(seed=-1), "seed=-1")],
)
def test_mistakes(arguments, words):
    with pytest.raises(ConfigError, match=words):
        LabelFree(**arguments)


def test_too_few_samples():
    with pytest.raises(ProtocolError, match="give 8 or more"):
        LabelFree().run(table(6), table(6))
