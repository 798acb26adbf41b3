"""KNN, linear probe, collapse measures and fusion against reference numbers, autograd, scikit-learn, closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from mmsync.errors import ProtocolError
from mmsync.evaluation.functional import (
    Scores,
    effective_rank,
    feature_std,
    fuse_streams,
    knn_classify,
    topk_accuracy,
)
from mmsync.evaluation.probes import LinearProbe
from mmsync.ops.scaling import Scaling


@pytest.fixture(scope="module")
def blobs():
    """Four overlapping classes: bank (120, 6), query (60, 6)."""
    g = torch.Generator().manual_seed(1)
    labels = torch.arange(180) % 4
    x = torch.randn(180, 6, generator=g) + 1.5 * torch.randn(4, 6, generator=g)[labels]
    return x[:120], labels[:120], x[120:], labels[120:]


def test_knn_equals_reference(fixture_root):
    data = dict(np.load(fixture_root / "skeleton" / "eval_knn_topk.npz"))
    t = {k: torch.from_numpy(v) for k, v in data.items() if k != "meta"}
    classes = int(t["bank_labels"].max()) + 1
    cases = [k[: -len("/top5")] for k in data if k.endswith("/top5")]
    assert len(cases) == 10
    for case in cases:
        k, temperature = (float(part[1:]) for part in case.split("_")[1:])
        scores = knn_classify(t["bank"], t["bank_labels"], t["query"], classes, int(k), temperature, chunk_size=17)
        assert topk_accuracy(scores, t["query_labels"]) == pytest.approx(data[f"{case}/acc"], abs=1e-6)
        reference = t[f"{case}/top5"]
        # classes without a vote are tied; their order means nothing
        voted = scores.gather(1, reference) > 0
        assert torch.equal(scores.argsort(1, descending=True)[:, :5][voted], reference[voted]), case
    nearest = knn_classify(t["bank"], t["bank_labels"], t["query"], classes, k=1)
    assert torch.equal(nearest.argmax(1), t["cosine_1nn/pred"])
    for k in (1, 5):
        assert topk_accuracy(t["topk_scores"], t["topk_labels"], k) == pytest.approx(float(data[f"topk/{k}"]), abs=1e-6)


@pytest.mark.parametrize("k", [1, 7, 500])
def test_knn_equals_scikit_learn(blobs, k):
    bank, labels, query, _ = blobs
    # for unit vectors cos = 1 - d^2 / 2
    oracle = KNeighborsClassifier(min(k, len(bank)), weights=lambda d: np.exp((1 - d**2 / 2) / 0.1), algorithm="brute")
    oracle.fit(F.normalize(bank, dim=1), labels)
    expected = oracle.predict_proba(F.normalize(query, dim=1))
    scores = knn_classify(bank, labels, query, 4, k, 0.1)
    np.testing.assert_allclose(scores / scores.sum(1, keepdim=True), expected, atol=1e-4)


def test_knn_does_not_overflow(blobs):
    bank, labels, query, _ = blobs
    assert torch.isfinite(knn_classify(bank, labels, query, 4, 5, temperature=1e-3)).all()


def test_knn_refuses_nonsense(blobs):
    bank, labels, query, _ = blobs
    for bad in ({"k": 0}, {"temperature": 0}):
        with pytest.raises(ProtocolError, match="KNN needs"):
            knn_classify(bank, labels, query, 4, **bad)


def test_linear_probe_equals_autograd_sgd(blobs):
    """The gradient that is written out is that of cross entropy, and the step that of torch's SGD."""
    bank, labels, query, _ = blobs
    options = {"epochs": 5, "lr": 0.3, "batch_size": 50, "milestones": (3,), "weight_decay": 1e-2}
    probe = LinearProbe(**options, seed=3).fit(*blobs, 4)
    layer = torch.nn.Linear(6, 4)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.3, momentum=0.9, weight_decay=1e-2)
    order = torch.Generator().manual_seed(3)
    for epoch in range(5):
        for group in sgd.param_groups:
            group["lr"] = 0.3 if epoch < 3 else 0.03
        for batch in torch.randperm(len(bank), generator=order).split(50):
            sgd.zero_grad()
            F.cross_entropy(layer(bank[batch]), labels[batch]).backward()
            sgd.step()
    torch.testing.assert_close(probe.weight, layer.weight.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(probe.bias, layer.bias.detach(), rtol=1e-4, atol=1e-5)
    assert probe.accuracy[-1] == pytest.approx((probe(query).argmax(1) == blobs[3]).float().mean().item())


def test_linear_probe_reaches_logistic_regression(blobs):
    bank, labels, query, truth = blobs
    bank, query = bank * torch.logspace(-2, 2, 6) + 5, query * torch.logspace(-2, 2, 6) + 5  # badly scaled on purpose
    probe = LinearProbe(lr=0.1, standardize=True).fit(bank, labels, query, truth, 4)
    scaler = StandardScaler().fit(bank)
    oracle = LogisticRegression(C=1e4, max_iter=2000).fit(scaler.transform(bank), labels)
    expected = oracle.score(scaler.transform(query), truth)
    assert probe.accuracy[-1] == pytest.approx(expected, abs=0.04)
    assert len(probe.accuracy) == 100


@pytest.mark.parametrize("shape", [(200, 12), (15, 40), (2, 5), (1, 5), (300, 1)])
def test_whitening_has_its_closed_form(shape):
    """``(C + s m I) ** -0.5`` of the covariance C, whose nonzero eigenvalues have the mean m."""
    g = torch.Generator().manual_seed(0)
    bank = torch.randn(*shape, generator=g) @ torch.randn(shape[1], shape[1], generator=g) + 7
    query = torch.randn(9, shape[1], generator=g)
    scaling = Scaling.of(bank, "whiten", shrinkage=0.5)
    centered = (bank - bank.mean(0)).double().numpy()
    value, vector = np.linalg.eigh(centered.T @ centered / len(bank))
    known = value > 1e-6 * value.max()
    noise = 0.5 * value[known].mean() if len(bank) > 1 else 1.0
    expected = (query - bank.mean(0)).numpy() @ (vector / np.sqrt(value.clip(0) + noise) @ vector.T)
    np.testing.assert_allclose(scaling(query), expected, atol=1e-4, rtol=1e-3)


def test_nearest_neighbors_of_whitened_features_do_not_see_a_linear_map(blobs):
    bank, labels, query, _ = blobs
    mix = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    one, other = (Scaling.of(x, "whiten", shrinkage=1e-5) for x in (bank, bank @ mix))
    products = [one(query) @ one(bank).T, other(query @ mix) @ other(bank @ mix).T]
    torch.testing.assert_close(*products, atol=0.05, rtol=0.01)
    scores = knn_classify(bank, labels, query, 4, 5, standardize="whiten")
    scaling = Scaling.of(bank, "whiten")
    torch.testing.assert_close(scores, knn_classify(scaling(bank), labels, scaling(query), 4, 5))


@pytest.mark.parametrize("options", [dict(standardize=True), dict(standardize="whiten", batch_norm=True), dict()])
def test_a_linear_probe_is_one_classifier_of_plain_features(blobs, options):
    """Scalings and batch norm are folded into it, and a linear map of the features does not change what it says."""
    bank, labels, query, truth = blobs
    probe = LinearProbe(lr=0.1, epochs=20, **options).fit(bank, labels, query, truth, 4)
    assert probe.accuracy[-1] == pytest.approx((probe(query).argmax(1) == truth).float().mean().item())
    assert probe.accuracy[-1] > 0.6


def test_collapse_measures_have_their_closed_forms():
    assert effective_rank(torch.eye(6)) == pytest.approx(6)
    assert effective_rank(torch.ones(50, 3)) == pytest.approx(1, abs=1e-5)
    assert effective_rank(torch.eye(6).repeat(9, 1)[:, :4]) == pytest.approx(4)
    assert feature_std(torch.ones(50, 3)) == pytest.approx(0, abs=1e-7)
    sphere = torch.randn(20000, 64, generator=torch.Generator().manual_seed(0))
    assert feature_std(sphere) == pytest.approx(1 / 8, rel=0.01)
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(2))
    p = np.linalg.svd(F.normalize(x, dim=1).numpy(), compute_uv=False)
    p = p / p.sum()
    assert effective_rank(x) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-5)


WEIGHTS = {"joint": 0.6, "bone": 0.6, "motion": 0.4}


def test_fusion_equals_reference(fixture_root):
    data = np.load(fixture_root / "skeleton" / "streams_and_ensemble.npz")
    names = [f"s{i}" for i in range(40)]
    order = np.random.default_rng(0).permutation(40)
    scores = dict(zip(WEIGHTS, data["in/scores_j_b_m"]))
    streams = {name: Scores(names, logits, data["in/label"]) for name, logits in scores.items()}
    streams["bone"] = Scores([names[i] for i in order], scores["bone"][order], data["in/label"][order])
    rows, fused, labels = fuse_streams(streams, WEIGHTS)
    assert rows == names
    assert labels.tolist() == data["in/label"].tolist()
    np.testing.assert_allclose(fused, data["out/ens"], atol=1e-6)
    label = torch.from_numpy(data["in/label"])
    assert topk_accuracy(torch.from_numpy(fused), label) == pytest.approx(float(data["out/top1"]))
    assert topk_accuracy(torch.from_numpy(fused), label, 5) == pytest.approx(float(data["out/top5"]))


def test_fusion_refuses_other_samples():
    def streams(a, b):
        return {name: Scores(names, np.zeros((2, 3)), np.zeros(2, np.int64)) for name, names in (("a", a), ("b", b))}

    with pytest.raises(ProtocolError, match="different samples, for example 'v'"):
        fuse_streams(streams(["u", "v"], ["u", "x"]), {"a": 1, "b": 1})
    with pytest.raises(ProtocolError, match="needs a unique name"):
        fuse_streams(streams(["u", "u"], ["u", "v"]), {"a": 1, "b": 1})
    with pytest.raises(ProtocolError, match="no scores for c"):
        fuse_streams(streams(["u", "v"], ["u", "v"]), {"c": 1})


def test_standardized_knn_is_knn_on_standardized_features():
    """And it undoes an offset and scale that would drown the cosine."""
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    features = F.one_hot(labels, 3).float() + 0.3 * torch.randn(60, 3)
    bank, query = features[:40], features[40:]
    scaler = StandardScaler().fit(bank.numpy())
    by_hand = [torch.from_numpy(scaler.transform(x.numpy())).float() for x in (bank, query)]
    expected = knn_classify(by_hand[0], labels[:40], by_hand[1], 3, k=5)
    moved = [x * torch.tensor([1.0, 10.0, 0.1]) + 50 for x in (bank, query)]
    found = knn_classify(moved[0], labels[:40], moved[1], 3, k=5, standardize=True)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert not torch.equal(knn_classify(moved[0], labels[:40], moved[1], 3, k=5).argmax(1), expected.argmax(1))
