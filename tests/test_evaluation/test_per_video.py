"""Results of videos are those of the mean of the softmax over their clips, against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import Scores, load_scores, video_scores
from mmsync.evaluation.metrics import Accuracy, FeatureMetric

LOGITS = np.random.default_rng(0).normal(0, 3, (30, 4)).astype(np.float32)
VIDEO = np.random.default_rng(1).permutation(np.repeat(np.arange(6), 5))
LABEL = np.array([0, 1, 2, 3, 0, 1])


def averaged() -> np.ndarray:
    return np.array([
        np.mean([softmax(LOGITS[i].astype(float)) for i in range(30) if VIDEO[i] == v], axis=0) for v in range(6)
    ])  # fmt: skip


def test_video_scores():
    found = video_scores(Scores([f"v{v}" for v in VIDEO], LOGITS, LABEL[VIDEO]))
    assert found.names == [f"v{v}" for v in range(6)]
    assert found.labels.tolist() == LABEL.tolist()
    np.testing.assert_allclose(softmax(found.logits, 1), averaged(), rtol=1e-5)


def test_accuracy_gives_both_and_dumps_the_videos(tmp_path):
    metric = Accuracy(topk=(1, 2), per_video=True, dump=str(tmp_path / "scores.npz"))
    for i, row in enumerate(LOGITS):
        sample = {"pred_score": torch.from_numpy(row), "gt_label": int(LABEL[VIDEO[i]]), "name": f"v{VIDEO[i]}"}
        metric.process(None, [{**sample, "index": i}])
    found = metric.evaluate(30)
    assert found["accuracy/top1"] == pytest.approx(100 * np.mean(LOGITS.argmax(1) == LABEL[VIDEO]))
    order = averaged().argsort(1)[:, ::-1]
    assert found["accuracy/video_top1"] == pytest.approx(100 * np.mean(order[:, 0] == LABEL))
    assert found["accuracy/video_top2"] == pytest.approx(100 * np.mean((order[:, :2] == LABEL[:, None]).any(1)))
    assert found["accuracy/video_top2"] != found["accuracy/top2"]
    assert load_scores(tmp_path / "scores.npz").names == [f"v{v}" for v in range(6)]


def test_pairs_bring_the_label_of_their_video_and_those_without_are_left_out():
    metric = Accuracy(topk=(1,), per_video=True)
    apart = [0, 7, 19]  # pairs of two videos, under the name of the first
    for i, row in enumerate(LOGITS):
        label = {"gt_label": 0, "video_label": -1 if i in apart else int(LABEL[VIDEO[i]])}  # a pair may do nothing
        metric.process(None, [{"pred_score": torch.from_numpy(row), "name": f"v{VIDEO[i]}", "index": i, **label}])
    found = metric.evaluate(30)
    mean = [
        np.mean([softmax(LOGITS[i].astype(float)) for i in range(30) if VIDEO[i] == v and i not in apart], axis=0)
        for v in range(6)
    ]
    assert found["accuracy/video_top1"] == pytest.approx(100 * np.mean(np.argmax(mean, 1) == LABEL))
    assert found["accuracy/top1"] == pytest.approx(100 * np.mean(LOGITS.argmax(1) == 0))
    metric.process(None, [{"pred_score": torch.zeros(4), "gt_label": 0, "video_label": -1}])
    with pytest.raises(ProtocolError, match="none of the evaluated clips has a label of its video"):
        metric.evaluate(1)


def test_the_linear_probe_judges_videos(tmp_path):
    """Clips that are each right or wrong by chance, and together right."""
    rng = np.random.default_rng(2)
    labels = np.arange(20) % 2
    metric = FeatureMetric([dict(type="LinearProbe", epochs=30, lr=0.1)], collapse=False, per_video=True)
    for role in ("bank", "query"):
        for v, label in enumerate(labels):
            for clip in range(9):
                feature = torch.from_numpy(rng.normal(2 * label - 1, 1.5, 2).astype(np.float32))
                index = (role == "query") * 180 + v * 9 + clip
                sample = dict(feature=feature, gt_label=int(label), role=role, name=f"{role}{v}", index=index)
                metric.process(None, [sample])
    found = metric.evaluate(360)
    assert 60 < found["linear/last"] < 95
    assert found["linear/video"] == 100
    with pytest.raises(ConfigError, match="per_video=True judges a linear or MLP probe"):
        FeatureMetric([dict(type="KNN", k=1)], per_video=True)
