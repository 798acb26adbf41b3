"""The SVM probe against scikit-learn's own steps, and the mean over the windows of a recording."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mmsync.errors import ConfigError
from mmsync.evaluation.probes import SVMProbe
from mmsync.structures import FeatureTable


def table(names, labels, features) -> FeatureTable:
    return FeatureTable(
        dict(feature=torch.as_tensor(features).float(), label=torch.as_tensor(labels), name=list(names),
             index=torch.arange(len(labels)))
    )  # fmt: skip


def windows(seed: int, recordings: int = 18, each: int = 5, classes: int = 3, noise: float = 2.5):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(7).standard_normal((classes, 6)) * 1.5
    labels = np.repeat(np.arange(recordings) % classes, each)
    names = np.repeat([f"r{i}" for i in range(recordings)], each)
    return names, labels, centers[labels] * [1, 10, 1, 1, 0.1, 0] + noise * rng.standard_normal((len(labels), 6)) * [
        1, 10, 1, 1, 0.1, 0,
    ]  # fmt: skip


def test_it_is_scalers_and_one_vs_all_machines_whose_scores_are_averaged():
    bank, query = windows(0), windows(1)
    result = SVMProbe(C=0.1).run(table(*bank), table(*query))
    scaler = StandardScaler().fit(bank[2].astype(np.float32))
    machine = OneVsRestClassifier(LinearSVC(C=0.1, random_state=0, max_iter=5000, dual="auto"))
    machine.fit(scaler.transform(bank[2].astype(np.float32)), bank[1])
    scores = machine.decision_function(scaler.transform(query[2].astype(np.float32)))
    names = sorted(set(query[0]))
    mean = np.stack([scores[query[0] == name].mean(0) for name in names])
    labels = np.array([query[1][query[0] == name][0] for name in names])
    assert result.scores.names == names
    np.testing.assert_allclose(result.scores.logits, mean, atol=0.05)
    assert result.metrics["top1"] == pytest.approx(100 * (mean.argmax(1) == labels).mean())
    assert result.metrics["window"] == pytest.approx(100 * (scores.argmax(1) == query[1]).mean(), abs=1.2)
    assert result.metrics["top1"] > result.metrics["window"]  # the mean over windows tells more


def test_two_classes_and_a_class_without_examples():
    bank = windows(0, classes=2, noise=0.5)
    assert SVMProbe().run(table(*bank), table(*windows(1, classes=2, noise=0.5))).metrics["top1"] == 100
    names, labels, features = windows(1, noise=0.5)
    found = SVMProbe().run(table(*bank), table(names, labels, features))
    assert found.scores.logits.shape == (18, 3)
    assert not (found.scores.logits.argmax(1) == 2).any()


def test_c_is_chosen_on_the_bank_with_whole_recordings_on_either_side():
    """Recordings of noise with labels of their own: were one on both sides, a large C would look best."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((30, 20)).repeat(4, 0)
    labels = rng.integers(2, size=30).repeat(4)
    signal = np.where(labels, 1.0, -1.0)[:, None] * 0.3
    features = np.concatenate([own, signal + rng.standard_normal((120, 1)) * 0.3], 1)
    names = np.repeat([f"r{i}" for i in range(30)], 4)
    result = SVMProbe(C=[1e-3, 100.0]).run(table(names, labels, features), table(names, labels, features))
    assert result.metrics["C"] == 1e-3
    again = SVMProbe(C=[1e-3, 100.0]).run(table(names, labels, features), table(names, labels, features))
    assert again.metrics == result.metrics


@pytest.mark.parametrize("C", [0, -1.0, [], [1.0, 0.0]])
def test_c_is_positive(C):
    with pytest.raises(ConfigError, match="SVMProbe: C="):
        SVMProbe(C=C)
