"""Verification and probes of pairs, against scikit-learn, loops, DeLong's variance and numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from mmsync.errors import DataError, ProtocolError
from mmsync.evaluation.functional import auc_interval, best_threshold, decisions, equal_error_rate, pair_auc
from mmsync.evaluation.metrics import Accuracy, FeatureMetric


def distances(n=300, ties=True, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    distance = rng.normal(1.5 - positive, 1.0)
    return (distance.round(1) if ties else distance), positive, rng


def test_auc_is_the_share_of_ordered_couples():
    distance, positive, _ = distances()
    near, far = distance[positive][:, None], distance[~positive][None]
    assert pair_auc(distance, positive) == pytest.approx(((near < far) + 0.5 * (near == far)).mean())
    assert math.isnan(pair_auc(distance, np.ones_like(positive)))


def test_interval_is_the_bootstrap_of_a_loop_over_videos():
    distance, positive, rng = distances(80)
    video = rng.integers(12, size=80)
    low, high = auc_interval(distance, positive, video, draws=200, seed=3)
    areas = []
    for times in np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=200):
        rows = np.concatenate([np.flatnonzero(video == v).repeat(n) for v, n in enumerate(times)])
        if len(set(positive[rows])) == 2:
            areas.append(roc_auc_score(positive[rows], -distance[rows]))
    assert (low, high) == pytest.approx(np.quantile(areas, [0.025, 0.975]))


def test_interval_of_pairs_of_their_own_agrees_with_delong():
    distance, positive, _ = distances(400, ties=False)
    couples = distance[positive][:, None] < distance[~positive][None]
    variance = couples.mean(1).var(ddof=1) / len(couples) + couples.mean(0).var(ddof=1) / couples.shape[1]
    low, high = auc_interval(distance, positive, np.arange(400), draws=4000)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.08)


def test_interval_is_wider_where_pairs_repeat_their_video():
    distance, positive, _ = distances(60, ties=False)
    distance, positive, video = (np.tile(x, 5) for x in (distance, positive, np.arange(60)))
    whole, single = (np.ptp(auc_interval(distance, positive, groups)) for groups in (video, np.arange(300)))
    assert whole == pytest.approx(math.sqrt(5) * single, rel=0.15)


@pytest.mark.parametrize(
    ("distance", "positive", "rate"),
    [
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.0),
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([1, 2, 3, 4], [1, 0, 1, 0], 0.5),
        ([1, 1, 1, 1], [1, 0, 1, 0], 0.5),
        ([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 0, 0], 1 / 3),
    ],
)
def test_equal_error_rate_by_hand(distance, positive, rate):
    assert equal_error_rate(np.array(distance), np.array(positive)) == pytest.approx(rate)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_is_better_than_the_best(balanced, seed):
    distance, positive, _ = distances(60, seed=seed)
    score = balanced_accuracy_score if balanced else lambda y, p: (y == p).mean()
    tried = [-np.inf, *(np.unique(distance) + 0.05), np.inf]
    best = max(score(positive, distance < t) for t in tried)
    threshold = best_threshold(distance, positive, balanced)
    assert decisions(distance, positive, threshold)[balanced] == pytest.approx(best)


def test_the_same_answer_for_all_may_be_best():
    assert best_threshold(np.array([3.0, 1.0, 2.0]), np.array([True, False, False])) == -np.inf


def pairs(seed=0, kinds=("positive", "easy", "medium", "hard"), count=60):
    """Queries after a bank; harder negatives are nearer, and some pairs are of one video."""
    rng = np.random.default_rng(seed)
    found = []
    for role in ("bank", "query"):
        for i in range(count):
            kind = kinds[i % len(kinds)]
            far = dict(positive=0.0, hard=0.5, medium=1.0, easy=2.0)[kind]
            found.append({
                "distance": float(rng.normal(1 + far, 0.5)), "positive": int(kind == "positive"), "kind": kind,
                "name": f"{role}{i // 6}", "role": role, "index": len(found),
            })  # fmt: skip
    return found


def verification(**arguments):
    return FeatureMetric([dict(type="PairVerification", **arguments)], collapse=False)


def run(metric, data, batch=7):
    for start in range(0, len(data), batch):
        metric.process(None, data[start : start + batch])
    return metric.evaluate(len(data))


def test_verification_counts_on_the_queries_with_thresholds_of_the_bank():
    data = pairs()
    found = run(verification(draws=200), data)
    part = {
        role: (np.array([s["distance"] for s in data if s["role"] == role]),
               np.array([s["positive"] for s in data if s["role"] == role]) > 0)
        for role in ("bank", "query")
    }  # fmt: skip
    distance, positive = part["query"]
    assert found["pairs/auc"] == pytest.approx(100 * roc_auc_score(positive, -distance))
    assert found["pairs/auc_low"] < found["pairs/auc"] < found["pairs/auc_high"]
    assert found["pairs/majority"] == 75
    assert found["pairs/accuracy"] == pytest.approx(100 * decisions(*part["query"], best_threshold(*part["bank"]))[0])
    balanced = best_threshold(*part["bank"], balanced=True)
    assert found["pairs/balanced_accuracy"] == pytest.approx(100 * decisions(*part["query"], balanced)[1])
    assert found["pairs/auc_hard"] < found["pairs/auc_medium"] < found["pairs/auc_easy"]
    assert run(verification(draws=200), data + data[-5:]) == found  # padded pairs count once


def test_videos_are_judged_by_all_of_their_pairs():
    data = pairs()
    found = run(verification(draws=200, per_video=True), data)
    part = {}
    for role in ("bank", "query"):
        groups: dict[tuple[str, int], list[float]] = {}
        for s in data:
            if s["role"] == role:
                groups.setdefault((s["name"], s["positive"]), []).append(s["distance"])
        part[role] = np.array([np.mean(d) for d in groups.values()]), np.array([y > 0 for _, y in groups])
    assert len(part["query"][0]) < sum(s["role"] == "query" for s in data)
    distance, positive = part["query"]
    assert found["pairs/video_auc"] == pytest.approx(100 * roc_auc_score(positive, -distance))
    best = best_threshold(*part["bank"])
    assert found["pairs/video_accuracy"] == pytest.approx(100 * ((distance < best) == positive).mean())


def test_verification_says_what_is_missing():
    data = pairs()
    with pytest.raises(ProtocolError, match=r"'bank'.*has 0 pairs"):
        run(verification(), data[60:])
    with pytest.raises(ProtocolError, match=r"'query'.*15 of them positive"):
        run(verification(), [s for s in data if s["role"] == "bank" or s["positive"]])
    with pytest.raises(ProtocolError, match="sets no `distance`"):
        run(verification(), [{"positive": 1}])
    with pytest.raises(ProtocolError, match="data set sets no `positive`"):
        run(verification(), [{"distance": 1.0}])
    data[3]["distance"] = float("nan")
    with pytest.raises(DataError, match="1 distances"):
        run(verification(), data)


def labeled(seed=0):
    """Five classes, most pairs of class 0; three pairs a video, of which the third is of two videos."""
    rng, found = np.random.default_rng(seed), []
    centers = rng.normal(size=(5, 6)) * 2
    for role, videos in (("bank", 60), ("query", 30)):
        for video in range(videos):
            label = video % 5
            for kind in ("positive", "medium", "easy"):
                pair = label if kind == "positive" else 0
                feature = centers[pair] + rng.normal(size=6) * (0.5 if kind == "positive" else 1)
                found.append({
                    "feature": torch.tensor(feature, dtype=torch.float32), "gt_label": pair, "kind": kind,
                    "name": f"{role}{video}", "video_label": label if kind in ("positive", "medium") else -1,
                    "role": role, "index": len(found),
                })  # fmt: skip
    return found


LINEAR = dict(type="LinearProbe", epochs=30, lr=0.1, standardize=True)


def pair_probe(**options):
    return FeatureMetric([LINEAR], per_class=True, per_video=True, **options)


def test_probe_tells_recalls_majority_and_videos():
    data = labeled()
    metric = pair_probe()
    metric.dataset_meta = dict(classes=("negative", "handShake", "highFive", "hug", "kiss"))
    found = run(metric, data)
    query = [s for s in data if s["role"] == "query"]
    logits, labels = metric.scores["linear"].logits, np.array([s["gt_label"] for s in query])
    recall = [100 * (logits.argmax(1) == labels)[labels == c].mean() for c in range(5)]
    assert [found[f"linear/recall_{name}"] for name in metric.dataset_meta["classes"]] == pytest.approx(recall)
    assert found["linear/balanced"] == pytest.approx(np.mean(recall))
    assert found["linear/majority"] == pytest.approx(100 * (labels == 0).mean())
    right = 0
    for video in range(30):
        rows = [i for i, s in enumerate(query) if s["name"] == f"query{video}" and s["kind"] != "easy"]
        mean = torch.from_numpy(logits[rows]).softmax(1).mean(0)
        right += int(mean.argmax() == video % 5)
    assert found["linear/video"] == pytest.approx(100 * right / 30)
    assert found["linear/videos"] == 30
    assert found["linear/video_majority"] == pytest.approx(20)


def test_probe_of_some_kinds_is_the_probe_of_these_pairs_alone():
    data = labeled()
    positive = [s for s in data if s["kind"] == "positive"]
    assert run(pair_probe(kinds=["positive"]), data) == run(pair_probe(), positive)
    with pytest.raises(ProtocolError, match="of kinds hard"):
        run(pair_probe(kinds=["hard"]), data)


def test_accuracy_of_uneven_classes_is_reported_as_that_of_a_probe():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 30 + [1] * 8 + [2] * 2)
    scores = rng.normal(size=(40, 3)) + 2 * np.eye(3)[labels]
    metric = Accuracy(topk=(1,), per_class=True)
    metric.dataset_meta = dict(classes=("negative", "hug"))
    data = [dict(pred_score=torch.tensor(s), gt_label=int(y), index=i) for i, (s, y) in enumerate(zip(scores, labels))]
    data.append(dict(pred_score=torch.tensor(scores[0]), gt_label=-1, index=40))  # not counted
    found = run(metric, data)
    assert found["accuracy/majority"] == 75
    assert found["accuracy/balanced"] == pytest.approx(100 * balanced_accuracy_score(labels, scores.argmax(1)))
    recall = [100 * (scores.argmax(1) == labels)[labels == c].mean() for c in range(3)]
    assert [found[f"accuracy/recall_{c}"] for c in ("negative", "hug", "2")] == pytest.approx(recall)


def test_verification_and_probes_of_some_kinds_in_one_metric():
    """Verification sees all pairs, whatever kinds the probes see."""
    features = labeled()
    for i, pair in enumerate(features):
        pair.update(positive=int(pair["kind"] == "positive"), distance=float(i % 7))
    both = FeatureMetric([dict(type="PairVerification", draws=20), LINEAR], kinds=["positive"], per_class=True)
    found = run(both, features)
    alone = run(verification(draws=20), features)
    assert {key: found[key] for key in alone} == alone
    assert found["linear/last"] == run(pair_probe(kinds=["positive"]), features)["linear/last"]
    assert set(both.scores) == {"pairs", "linear"}
    assert both.scores["linear"].names[0] == "query0:positive:180"
