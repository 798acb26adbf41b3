"""Probes, counts and score files of the protocols, each against scikit-learn, torch modules or a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import top_k_accuracy_score
from torch import nn

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import (
    Scores,
    class_recall,
    confusion_matrix,
    load_scores,
    save_confusion,
    top_accuracy,
)
from mmsync.evaluation.metrics import Accuracy, FeatureMetric
from mmsync.evaluation.probes import LinearProbe, MLPProbe
from mmsync.structures import FeatureTable


def blobs(n=300, classes=3, dims=6, spread=1.5, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    return torch.randn(n, dims, generator=g) + spread * torch.randn(classes, dims, generator=g)[y], y


# ---------------------------------------------------------------------------------------------- linear probes


def test_linear_probe_reaches_scikit_learns_optimum():
    """Enough steps with some weight decay give the classes that the convex optimum gives."""
    (x, y), (a, b) = (blobs()[0][:200], blobs()[1][:200]), (blobs()[0][200:], blobs()[1][200:])
    probe = LinearProbe(epochs=300, lr=0.5, schedule="cosine", weight_decay=1e-2).fit(x, y, a, b, 3)
    oracle = LogisticRegression(C=1 / (1e-2 * len(x)), max_iter=2000).fit(x.numpy(), y.numpy())
    assert (probe(a).argmax(1).numpy() == oracle.predict(a.numpy())).mean() > 0.98


def test_batch_norm_probe_equals_torch_modules():
    """BatchNorm1d without weights, Linear, SGD and the cosine as torch has them, over the same batches."""
    x, y = blobs(n=64)
    x = 5 + 3 * x
    epochs, size, lr = 4, 16, 0.3
    probe = LinearProbe(epochs=epochs, batch_size=size, lr=lr, schedule="cosine", batch_norm=True, seed=7).fit(
        x, y, x, y, 3
    )
    norm, fc = nn.BatchNorm1d(6, affine=False, eps=1e-6), nn.Linear(6, 3)
    for p in fc.parameters():
        nn.init.zeros_(p)
    optim = torch.optim.SGD(fc.parameters(), lr, momentum=0.9)
    generator = torch.Generator().manual_seed(7)
    accuracy = []
    for epoch in range(epochs):
        norm.train()
        for step, batch in enumerate(torch.randperm(64, generator=generator).split(size)):
            optim.param_groups[0]["lr"] = lr * 0.5 * (1 + np.cos(np.pi * (epoch + step / 4) / epochs))
            optim.zero_grad()
            nn.functional.cross_entropy(fc(norm(x[batch])), y[batch]).backward()
            optim.step()
        norm.eval()
        accuracy.append((fc(norm(x)).argmax(1) == y).float().mean().item())
    torch.testing.assert_close(probe(x), fc(norm(x)).detach(), rtol=1e-4, atol=1e-4)
    assert probe.accuracy == pytest.approx(accuracy)


# ---------------------------------------------------------------------------------------------- MLP probe


def mlp_by_hand(x, y, epochs, size, lr, seed, eval_mode):
    """The published head, trained by a plain loop."""
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    optim = torch.optim.SGD(head.parameters(), lr, momentum=0.9)
    for epoch in range(epochs):
        optim.param_groups[0]["lr"] = lr * (0.1 if epoch >= 2 else 1)
        head.train(not eval_mode)
        for batch in torch.randperm(len(x)).split(size):
            optim.zero_grad()
            nn.functional.cross_entropy(head(x[batch]), y[batch]).backward()
            optim.step()
    return head.eval()


@pytest.mark.parametrize("eval_mode", [False, True])
def test_mlp_probe_equals_the_published_head(eval_mode):
    x, y = blobs(n=40)
    options = dict(epochs=3, batch_size=8, lr=0.05, seed=3, eval_mode=eval_mode)
    before = torch.get_rng_state()
    probe = MLPProbe(16, optimizer="sgd", weight_decay=0.0, milestone=2, **options).fit(x, y, x, y, 3)
    assert torch.equal(before, torch.get_rng_state()), "a probe must not move the generators of the run"
    oracle = mlp_by_hand(x, y, 3, 8, 0.05, 3, eval_mode)
    torch.testing.assert_close(probe.logits(x, chunk_size=7), oracle(x).detach())
    assert (probe.net[2].running_mean.abs().max() == 0) == eval_mode
    assert len(probe.accuracy) == 3


def test_mlp_probe_takes_half_precision_and_an_odd_batch():
    x, y = blobs(n=41)
    probe = MLPProbe(hidden=16, epochs=40, batch_size=8, lr=0.01).fit(x.half(), y, x.half(), y, 3)
    assert probe.accuracy[-1] > 0.9


# ---------------------------------------------------------------------------------------------- counts and files


def test_confusion_recall_and_file(tmp_path):
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(-1, 4, 200), rng.integers(0, 5, 200)
    matrix = confusion_matrix(labels, predictions, 5)
    expected = np.zeros((5, 5), int)
    for label, prediction in zip(labels, predictions):
        if label >= 0:
            expected[label, prediction] += 1
    np.testing.assert_array_equal(matrix, expected)
    known = labels >= 0
    np.testing.assert_array_equal(matrix, sklearn_confusion(labels[known], predictions[known], labels=range(5)))
    recall = class_recall(matrix)
    assert np.isnan(recall[4])  # no sample of this class
    assert recall[1] == pytest.approx((predictions[labels == 1] == 1).mean())
    save_confusion(tmp_path / "confusion.npz", matrix, list("abcde"))
    with np.load(tmp_path / "confusion.npz") as file:
        assert file["class_names"].tolist() == list("abcde")
        np.testing.assert_array_equal(file["matrix"], matrix)


def test_scores_round_trip_and_accuracy(tmp_path):
    rng = np.random.default_rng(1)
    scores = Scores([f"c{i}" for i in range(50)], rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 6, 50))
    scores.save(tmp_path / "scores.npz")
    again = load_scores(tmp_path / "scores.npz")
    assert again.names == scores.names
    np.testing.assert_array_equal(again.logits, scores.logits)
    for k in (1, 5):
        expected = top_k_accuracy_score(scores.labels, scores.logits, k=k, labels=range(6))
        assert top_accuracy(again.logits, again.labels)[f"top{k}"] == pytest.approx(100 * expected)


# ---------------------------------------------------------------------------------------------- metrics


def predicted(n=20, classes=4, labeled=True):
    g = torch.Generator().manual_seed(0)
    return [
        {"pred_score": torch.randn(classes, generator=g), "gt_label": i % classes if labeled else -1, "index": i}
        | {"name": f"c{i}"}
        for i in range(n)
    ]


def test_accuracy_counts_each_clip_once_and_dumps(tmp_path):
    samples = predicted()
    metric = Accuracy(topk=(1, 2), dump=str(tmp_path / "s.npz"))
    metric.process(None, samples + samples[:3])  # what a sampler of several processes repeats
    result = metric.evaluate(23)
    scores = torch.stack([s["pred_score"] for s in samples]).numpy()
    labels = np.arange(20) % 4
    assert result["accuracy/top1"] == pytest.approx(100 * (scores.argmax(1) == labels).mean())
    assert result["accuracy/top2"] == pytest.approx(100 * top_k_accuracy_score(labels, scores, k=2))
    assert load_scores(tmp_path / "s.npz").names == [f"c{i}" for i in range(20)]


def test_accuracy_explains_what_it_cannot_do():
    with pytest.raises(ProtocolError, match="sets no `score`"):
        Accuracy().process(None, [{"feature": torch.zeros(2)}])
    metric = Accuracy()
    metric.process(None, predicted(labeled=False))
    with pytest.raises(ProtocolError, match="none of the evaluated clips"):
        metric.evaluate(20)
    metric, samples = Accuracy(), predicted()
    samples[3]["pred_score"][1] = float("nan")
    metric.process(None, samples)
    with pytest.raises(DataError, match="diverged"):
        metric.evaluate(20)
    with pytest.raises(ConfigError, match="topk"):
        Accuracy(topk=(0,))


def features(joints=True):
    x, y = blobs(n=90)
    columns = dict(feature=x, label=y, index=torch.arange(90), role=["bank"] * 60 + ["query"] * 30)
    table = FeatureTable({**columns, "name": [f"c{i}" for i in range(90)]})
    return table.with_columns(joints=x.repeat(1, 2)) if joints else table


def test_the_metric_runs_the_probes_of_the_protocols():
    data = features()
    mlp = dict(type="MLPProbe", hidden=16, epochs=40, batch_size=16, lr=0.01)
    metric = FeatureMetric([mlp, dict(type="OneShot", draws=5)], collapse=False)
    result = metric.compute_metrics([data])
    assert list(result) == ["mlp/last", "mlp/best", "oneshot/top1", "oneshot/std"]
    assert result["mlp/last"] > 80
    scores = metric.scores["mlp"]
    assert top_accuracy(scores.logits, scores.labels)["top1"] == pytest.approx(result["mlp/last"])
    assert scores.names == data["name"][60:]


def test_one_shot_by_a_loop():
    data = features(joints=False)
    metric = FeatureMetric([dict(type="OneShot", draws=1, seed=4)], collapse=False)
    result = metric.compute_metrics([data])
    from mmsync.ops.subsets import exemplars

    chosen = exemplars(data["label"][:60], 4).tolist()
    assert [int(data["label"][i]) for i in chosen] == [0, 1, 2]
    right = 0
    for i in range(60, 90):
        cosine = [float(torch.cosine_similarity(data["feature"][i], data["feature"][j], dim=0)) for j in chosen]
        right += int(np.argmax(cosine)) == int(data["label"][i])
    assert result["oneshot/top1"] == pytest.approx(100 * right / 30)


def test_mlp_probe_without_joint_features():
    with pytest.raises(ProtocolError, match="by mmsync benchmark"):
        FeatureMetric([dict(type="MLPProbe")], collapse=False).compute_metrics([features(joints=False)])
    with pytest.raises(ConfigError, match="MLPProbe: unknown argument 'hiden'"):
        FeatureMetric([dict(type="MLPProbe", hiden=3)])
