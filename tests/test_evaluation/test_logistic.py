"""Logistic regression against scikit-learn's own steps, the choice of its strength, and KNN for small classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import leave_one_out
from mmsync.evaluation.functional.verification import mean_interval
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.evaluation.probes import KNN, LogisticProbe
from mmsync.structures import FeatureTable


def table(features, labels, **columns) -> FeatureTable:
    count = len(labels)
    return FeatureTable(
        dict(feature=torch.as_tensor(features).float(), label=torch.as_tensor(labels), index=torch.arange(count),
             name=[f"c{i}" for i in range(count)], **columns)
    )  # fmt: skip


def clips(seed: int, count: int = 120, classes: int = 4, width: int = 12, noise: float = 2.0):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(7).standard_normal((classes, width))
    labels = np.arange(count) % classes
    return (centers[labels] + noise * rng.standard_normal((count, width))) * np.logspace(-2, 2, width), labels


@pytest.mark.parametrize("width", [12, 300])
def test_it_is_a_scaler_and_a_regression_also_in_the_span_of_the_bank(width):
    bank, query = clips(0, width=width), clips(1, width=width)
    result = LogisticProbe(C=2.0, standardize=True).run(table(*bank), table(*query))
    # features are divided by sqrt(D), so that the penalty of the same C is D times as strong
    machine = make_pipeline(StandardScaler(), LogisticRegression(C=2.0 / width, tol=1e-8, max_iter=5000)).fit(*bank)
    expected = machine.predict_log_proba(query[0])
    np.testing.assert_allclose(result.scores.logits, expected, atol=0.02)
    assert result.metrics["top1"] == pytest.approx(100 * (expected.argmax(1) == query[1]).mean(), abs=1)
    assert (result.metrics["C"], result.metrics["standardized"]) == (2.0, 1.0)
    centered = LogisticProbe(C=2.0, standardize=False).run(table(*bank), table(*query))
    scale = np.sqrt(bank[0].var(0).sum())
    machine = LogisticRegression(C=2.0, tol=1e-8, max_iter=5000).fit((bank[0] - bank[0].mean(0)) / scale, bank[1])
    expected = machine.predict_log_proba((query[0] - bank[0].mean(0)) / scale)
    np.testing.assert_allclose(centered.scores.logits, expected, atol=0.02)


def test_features_are_standardized_if_that_helps_on_the_bank():
    rng = np.random.default_rng(0)
    (features, labels), noise = clips(0, width=4, noise=0.5), 1e-3 * rng.standard_normal((120, 200))
    features = features / np.logspace(-2, 2, 4)
    jitter = table(np.concatenate([features, noise], 1), labels)  # most features are small, and say nothing
    assert LogisticProbe().run(jitter, jitter).metrics["standardized"] == 0
    units = table(np.concatenate([features, 1e4 * noise[:, :4]], 1), labels)  # what matters is small
    assert LogisticProbe(C=[1.0]).run(units, units).metrics["standardized"] == 1


def test_the_strength_is_chosen_on_the_bank_with_whole_performers_on_one_side():
    rng = np.random.default_rng(0)
    features, labels = clips(0, count=96, noise=3.0)
    who = np.repeat(np.arange(24), 4)  # all clips of a performer are nearly one point, of one class
    labels, marks = labels[who], 30 * rng.standard_normal((24, 40))[who]
    features = np.concatenate([features, marks + 0.01 * rng.standard_normal((96, 40))], 1)
    plain, grouped = table(features, labels), table(features, labels, subject=who.tolist())
    probe = LogisticProbe(C=[1e-3, 1e3])
    for train, test in probe._splits(labels, grouped):
        assert not set(who[train]) & set(who[test])
    assert any(set(who[train]) & set(who[test]) for train, test in probe._splits(labels, plain))
    poisoned = table(-features, (labels + 1) % 4, subject=who.tolist())  # queries have no part in it
    assert probe.run(grouped, grouped).metrics["C"] == probe.run(grouped, poisoned).metrics["C"]


def test_classes_of_few_clips_or_none():
    bank = clips(0, noise=0.3)
    assert LogisticProbe().run(table(*bank), table(*clips(1, noise=0.3))).metrics["top1"] == 100
    labels = bank[1].copy()
    labels[0] = 9  # one clip of its class, and classes that the bank lacks
    found = LogisticProbe().run(table(bank[0], labels), table(*clips(1)))
    assert found.scores.logits.shape == (120, 10)
    assert not np.isin(found.scores.logits.argmax(1), [4, 5, 6, 7, 8]).any()


def test_banks_of_a_clip_a_class_and_of_one_class():
    bank = clips(0, count=4, noise=0.1)
    assert LogisticProbe().run(table(*bank), table(*clips(1, noise=0.1))).metrics["top1"] == 100
    with pytest.raises(ProtocolError, match="one label"):
        LogisticProbe().run(table(bank[0], np.zeros(4, int)), table(*bank))
    for wrong in (dict(C=0), dict(C=[]), dict(C=[1.0, -1.0]), dict(folds=1)):
        with pytest.raises(ConfigError, match="LogisticProbe"):
            LogisticProbe(**wrong)


def test_the_metric_keeps_the_column_of_performers():
    both = table(*clips(0), subject=[1] * 120, role=["bank", "query"] * 60, other=[0] * 120)
    assert set(FeatureMetric([dict(type="LogisticProbe")], collapse=False).keeps(both)) == set(both) - {"other"}
    assert "subject" not in FeatureMetric([dict(type="Retrieval")], collapse=False).keeps(both)


def test_neighbors_are_of_standardized_features_if_that_helps_on_the_bank():
    features, labels = clips(0, noise=0.5)  # widths from 0.01 to 100, all of which tell
    units = table(features, labels)
    found = KNN(k=1, standardize=None).run(units, table(*clips(1)))
    assert "raw" not in found.note
    assert found.metrics["top1"] > KNN(k=1, standardize=False).run(units, table(*clips(1))).metrics["top1"]
    jitter = np.concatenate([features / np.logspace(-2, 2, 12), 1e-3 * np.random.default_rng(0).random((120, 200))], 1)
    assert "standardized" not in KNN(k=1, standardize=None).run(table(jitter, labels), table(jitter, labels)).note


def test_clips_of_ones_own_performer_do_not_count_as_neighbors():
    features, labels = clips(0, count=24, noise=0.2)
    who = np.arange(24) // 2 % 3
    x, y = torch.as_tensor(features), torch.as_tensor(labels)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    right = [
        labels[max(np.flatnonzero(who != who[i]), key=(unit @ unit[i]).__getitem__)] == labels[i] for i in range(24)
    ]
    assert leave_one_out(x, y, who.astype(str).tolist()) == pytest.approx(np.mean(right))
    assert leave_one_out(x, y, ["one"] * 24) == leave_one_out(x, y)


def test_the_interval_of_a_mean_draws_seeds_as_well():
    rng = np.random.default_rng(0)
    right, groups = (rng.random(300) < 0.7).astype(float), np.arange(300) // 2
    one = mean_interval(right, groups)
    assert mean_interval(np.stack([right, right]), groups) == pytest.approx(one)
    worse = right * (rng.random(300) < 0.6)
    low, high = mean_interval(np.stack([right, worse]), groups)
    assert low < worse.mean() + 0.03 < right.mean() - 0.03 < high  # either seed may be drawn twice
