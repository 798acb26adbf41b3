"""The metric counts each sample once, runs what it is told to, and explains what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger

from mmsync.config import check
from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import knn_classify, topk_accuracy
from mmsync.evaluation.metrics import Accuracy, FeatureMetric
from mmsync.evaluation.probes import KNN, AttentionProbe, LinearProbe, MLPProbe, OneShot, PairVerification
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable
from mmsync.testing import on_ranks


def samples(n=60, bank=40, labeled=True):
    g = torch.Generator().manual_seed(0)
    label = torch.arange(n) % 3
    feature = torch.randn(n, 5, generator=g) + 2 * torch.randn(3, 5, generator=g)[label]
    return [
        {
            "feature": feature[i],
            "gt_label": int(label[i]) if labeled else -1,
            "index": i,
            "name": f"clip{i}",
            "role": "bank" if i < bank else "query",
        }
        for i in range(n)
    ]


def probes(*configs, **options):
    """A metric of probes, given as their class and arguments."""
    return FeatureMetric(probes=[dict(type=kind, **arguments) for kind, arguments in configs], **options)


def run(metric, data, batch=7):
    for start in range(0, len(data), batch):
        metric.process(None, data[start : start + batch])
    return metric.evaluate(len(data))


def expected_top1(data, k):
    def part(role):
        chosen = [s for s in data if s["role"] == role and s["gt_label"] >= 0]
        return torch.stack([s["feature"] for s in chosen]), torch.tensor([s["gt_label"] for s in chosen])

    (bank, bank_labels), (query, labels) = part("bank"), part("query")
    return 100 * topk_accuracy(knn_classify(bank, bank_labels, query, 3, k, standardize="whiten"), labels)


def test_results_and_the_protocol_line(caplog):
    lines = []
    logger = MMLogger.get_current_instance()
    logger.addFilter(lambda record: lines.append(record.getMessage()) or True)
    data = samples()
    metric = probes(("KNN", {"k": [5, 40]}), ("LinearProbe", {"epochs": 20, "lr": 0.1, "standardize": True}))
    result = run(metric, data)
    names = ["top1", "top1_k40"]  # of so few classes, any five scores hold the right one
    linear = ["linear/last", "linear/best", "linear/best_epoch"]
    assert list(result) == [f"knn/{n}" for n in names] + linear + ["collapse/std", "collapse/effective_rank"]
    assert result["knn/top1"] == pytest.approx(expected_top1(data, 5))
    assert result["knn/top1_k40"] == pytest.approx(expected_top1(data, 40))  # the whole bank
    assert result["linear/best"] >= result["linear/last"] > 60
    top1 = metric.found["linear"].curves["top1"]
    assert top1[int(result["linear/best_epoch"]) - 1] == result["linear/best"] == max(top1)
    protocol = next(line for line in lines if line.startswith("Protocol"))
    for part in ("5-d pooled", "bank 40", "query 20", "k=[5, 40]", "T=0.1", "last of 20 epochs"):
        assert part in protocol


def test_unlabelled_samples_are_left_out():
    data = samples()
    for i in (3, 17, 55):
        data[i]["gt_label"] = -1
    assert run(probes(("KNN", {"k": 3})), data)["knn/top1"] == pytest.approx(expected_top1(data, 3))


def test_no_more_neighbors_vote_than_the_median_class_has():
    data = samples()
    for i in range(0, 21, 3):  # seven of the first class are unknown: the classes have 7, 13 and 13
        data[i]["gt_label"] = -1
    metric = probes(("KNN", {"k": [40, 13, 5]}))
    result = run(metric, data)
    assert result["knn/top1"] == result["knn/top1_k13"] == pytest.approx(expected_top1(data, 13))
    assert result["knn/top1_k5"] == pytest.approx(expected_top1(data, 5))
    assert "k=[40, 13, 5] (at most 13)" in metric.found["knn"].note


def test_attentive_probe_learns_which_cell_matters():
    """The label is in the sign of the third cell of features whose cells are else alike."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 4, 8, generator=g), torch.arange(400) % 2
    x[:, 2, 0] = 3 * (2 * y - 1)
    tables = [FeatureTable(dict(feature=x[part].flatten(1), label=y[part])) for part in (slice(300), slice(300, 400))]
    assert AttentionProbe(cells=4).run(*tables).metrics["last"] > 95
    with pytest.raises(ProtocolError, match=r"AttentionProbe\.cells=5, but 32 features are not so many cells"):
        AttentionProbe(cells=5).run(*tables)


def test_padded_samples_count_once():
    data = samples()
    assert run(probes(("KNN", {"k": 3})), data + data[:4]) == run(probes(("KNN", {"k": 3})), data)


def test_no_labels_no_roles_no_data():
    with pytest.raises(ProtocolError, match=r"none of the evaluated samples has one.*probes="):
        run(probes(("KNN", {})), samples(labeled=False))
    result = run(FeatureMetric(), samples(labeled=False))
    assert list(result) == ["collapse/std", "collapse/effective_rank"]
    with pytest.raises(ProtocolError, match=r"role 'query'.*roles=dict\(bank="):
        run(probes(("KNN", {})), samples(bank=60))
    with pytest.raises(ProtocolError, match="empty"):
        probes(("KNN", {})).evaluate(0)
    with pytest.raises(ProtocolError, match="sets no `feature`"):
        FeatureMetric().process(None, [{"name": "a"}])


def test_nan_features_name_their_samples():
    data = samples()
    data[11]["feature"] = data[11]["feature"] * float("nan")
    with pytest.raises(DataError, match=r"1 of 60 features are not finite, of samples clip11"):
        run(probes(("KNN", {})), data)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (KNN, {"k": "20"}, "KNN.k='20': give the number of neighbors"),
        (KNN, {"k": [1, 0]}, r"KNN.k=\[1, 0\]: give"),
        (KNN, {"temperature": 0}, "KNN.temperature=0: give a number above 0"),
        (KNN, {"standardize": "whitened"}, "KNN.standardize='whitened': use False, True or 'whiten'"),
        (LinearProbe, {"standardize": "yes"}, "LinearProbe.standardize='yes': use False, True or 'whiten'"),
        (AttentionProbe, {"cells": 0}, "AttentionProbe.cells=0: give a whole number from 1 on"),
        (AttentionProbe, {"dropout": 1}, r"AttentionProbe.dropout=1: give a number in \[0, 1\)"),
        (LinearProbe, {"epochs": 0}, "LinearProbe.epochs=0: give a whole number from 1 on"),
        (LinearProbe, {"lr": -1.0}, "LinearProbe.lr=-1.0"),
        (MLPProbe, {"dropout": 1.0}, r"MLPProbe.dropout=1.0: give a number in \[0, 1\)"),
        (OneShot, {"draws": 2.5}, "OneShot.draws=2.5"),
        (LinearProbe, {"schedule": "cosin"}, "LinearProbe.schedule='cosin': use 'step' or 'cosine'"),
        (LinearProbe, {"weight_decay": -1}, "LinearProbe.weight_decay=-1: give a number from 0 on"),
        (LinearProbe, {"batch_size": 1, "batch_norm": True}, "LinearProbe.batch_size=1: give a whole number from 2"),
        (MLPProbe, {"optimizer": "adam"}, "MLPProbe.optimizer='adam': use 'adamw' or 'sgd'"),
        (MLPProbe, {"batch_size": 1}, "MLPProbe.batch_size=1: give a whole number from 2 on"),
        (PairVerification, {"confidence": 95}, "PairVerification.confidence=95"),
    ],
)
def test_arguments_out_of_range(kind, arguments, message):
    with pytest.raises(ConfigError, match=message):
        kind(**arguments)


def test_unknown_option():
    with pytest.raises(ConfigError, match="KNN: unknown argument 'temprature'; did you mean 'temperature'"):
        probes(("KNN", {"temprature": 1}))
    with pytest.raises(ConfigError, match="'top'; it takes k, temperature, standardize"):
        probes(("KNN", {"top": 1}))
    with pytest.raises(ConfigError, match="two probes are called 'knn'"):
        probes(("KNN", {}), ("KNN", {"k": 1}))
    with pytest.raises(ConfigError, match="is no config of a probe"):
        FeatureMetric(probes=["KNN"])


@pytest.mark.parametrize("named", [False, True])
def test_the_config_check_knows_probes(named):
    one, path = dict(type="KNN", temprature=1), "probes.knn" if named else "probes.0"
    evaluator = dict(type="FeatureMetric", probes=dict(knn=one) if named else [one])
    loader = dict(dataset=dict(type="BaseDataset"), sampler=dict(type="DefaultSampler"))
    cfg = dict(model=dict(type="BaseModel"), test_dataloader=loader, test_cfg={}, test_evaluator=evaluator)
    with pytest.raises(ConfigError, match=f"test_evaluator.{path}.temprature: KNN takes no .* did you mean"):
        check(cfg)
    one["type"] = "KNM"
    with pytest.raises(ConfigError, match="'KNM' is not a registered probe; did you mean 'KNN'"):
        check(cfg)


def test_names_of_probes_are_names_of_results():
    metric = FeatureMetric(
        probes=dict(knn=dict(type="KNN", k=1), knn_far=dict(type="KNN", k=40)), collapse=False, save_features=None
    )
    data = samples()
    result = run(metric, data)
    assert list(result) == ["knn/top1", "knn_far/top1"]
    assert result["knn_far/top1"] == pytest.approx(expected_top1(data, 40))
    assert set(metric.scores) == {"knn", "knn_far"}


@pytest.mark.parametrize("name", ["kn", "linear", "knnx"])
def test_a_slip_in_the_name_of_a_probe(name):
    evaluator = dict(type="FeatureMetric", probes={name: dict(type="KNN")})
    with pytest.raises(ConfigError, match="must be 'knn', or begin with it"):
        FeatureMetric(evaluator["probes"])
    loader = dict(dataset=dict(type="BaseDataset"), sampler=dict(type="DefaultSampler"))
    cfg = dict(model=dict(type="BaseModel"), test_dataloader=loader, test_cfg={}, test_evaluator=evaluator)
    with pytest.raises(ConfigError, match=f"test_evaluator.probes.{name}: .* did you mean 'knn'"):
        check(cfg)


def test_sequences_are_probed_by_their_means_and_other_shapes_are_refused():
    data = samples()
    kinds = [("KNN", {"k": 5}), ("LinearProbe", {"epochs": 5, "lr": 0.1}), ("OneShot", {}), ("Retrieval", {})]
    mlp = ("MLPProbe", {"hidden": 8, "epochs": 2, "column": "feature"})
    expected = run(probes(*kinds, mlp), data)
    for i, sample in enumerate(data):
        noise = torch.randn(4 + i % 3, 5)
        sample["feature"] = sample["feature"] + noise - noise.mean(0)
    found = run(probes(*kinds, mlp), data)
    assert {k: v for k, v in found.items() if "rank" not in k} == pytest.approx(
        {k: v for k, v in expected.items() if "rank" not in k}, abs=5
    )
    assert found["knn/top1"] == expected["knn/top1"]
    for sample in data:
        sample["feature"] = torch.zeros(2, 3, 4)
    with pytest.raises(DataError, match=r"column 'feature' has to hold features \(N, D\).*\(60, 2, 3, 4\)"):
        run(probes(("KNN", {})), data)


def test_a_probe_reads_its_column_and_a_missing_one_is_named():
    data = samples()
    for sample in data:
        sample["feature_audio"] = sample["feature"].flip(0)
        sample["feature"] = sample["feature"] * 0
    assert run(probes(("KNN", {"k": 5, "column": "feature_audio"}), collapse=False), data)["knn/top1"] == pytest.approx(
        expected_top1([dict(s, feature=s["feature_audio"]) for s in data], 5)
    )
    with pytest.raises(ProtocolError, match="sets no `feature_video`"):
        run(probes(("KNN", {"column": "feature_video"})), data)
    with pytest.raises(ProtocolError, match=r"by mmsync benchmark"):
        run(probes(("MLPProbe", {})), data)


def test_mean_average_precision_is_scikit_learns():
    from sklearn.metrics import average_precision_score

    data = samples()
    result = run(probes(("Retrieval", {"mean_average_precision": True})), data)
    bank, query = ([s for s in data if s["role"] == role] for role in ("bank", "query"))
    x = torch.nn.functional.normalize(torch.stack([s["feature"] for s in bank]), dim=1)
    found = [
        average_precision_score(
            [b["gt_label"] == q["gt_label"] for b in bank], x @ torch.nn.functional.normalize(q["feature"], dim=0)
        )
        for q in query
    ]
    assert result["retrieval/map"] == pytest.approx(100 * np.mean(found))
    assert result["retrieval/top1"] == pytest.approx(expected_top1(data, 1))


def test_trained_probes_keep_their_curves():
    metric = probes(("LinearProbe", {"epochs": 7, "lr": 0.1}), ("MLPProbe", {"column": "feature", "epochs": 4}))
    result = run(metric, samples())
    for name, epochs in (("linear", 7), ("mlp", 4)):
        curves = metric.found[name].curves
        assert len(curves["loss"]) == len(curves["top1"]) == epochs
        assert curves["top1"][-1] == result[f"{name}/last"]
        assert curves["loss"][-1] < curves["loss"][0]
        assert result[f"{name}/{PROBES.get('LinearProbe').headline}"] == result[f"{name}/last"]


def test_a_table_and_samples_give_the_same():
    data = samples()
    metric = probes(("KNN", {}))
    metric.process(None, FeatureTable.of_rows(data))
    assert metric.evaluate(60) == run(probes(("KNN", {})), data)


def _rank(rank, fail):
    data = samples(59)
    if fail:
        data[4]["feature"] = data[4]["feature"] / 0
    padded = data + data[:1]
    try:
        return run(probes(("KNN", {"k": 5})), padded[rank::2])
    except DataError as error:
        return str(error)


@pytest.mark.dist
@pytest.mark.parametrize("fail", [False, True])
def test_two_ranks_give_the_result_of_one(fail):
    results = on_ranks(_rank, fail)
    assert results[0] == results[1]
    if fail:
        assert "clip4" in results[0]  # an error reaches every rank, none waits for ever
    else:
        assert results[0] == run(probes(("KNN", {"k": 5})), samples(59))


def test_an_mlp_probe_on_batches_of_one_sample():
    """Only what needs batch statistics refuses them."""
    x, y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1, 0])
    for size in (1, 4):  # with a learning rate of nothing, the training loss is the mean over all five samples
        probe = MLPProbe(hidden=4, epochs=1, batch_size=size, eval_mode=True, lr=1e-12).fit(x, y, x, y, 2)
        assert probe.loss[0] == pytest.approx(F.cross_entropy(probe.logits(x), y).item(), rel=1e-5)
    with pytest.raises(ProtocolError, match="the bank has one sample"):
        MLPProbe(hidden=4, epochs=1).fit(x[:1], y[:1], x, y, 2)
    assert MLPProbe(hidden=4, epochs=1, eval_mode=True).fit(x[:1], y[:1], x, y, 2).accuracy


@pytest.mark.parametrize(("classes", "names"), [(2, ["top1"]), (5, ["top1"]), (6, ["top1", "top5"])])
def test_accuracies_that_are_always_100_are_left_out(classes, names):
    table = [{"score": torch.randn(classes), "gt_label": i % classes, "index": i} for i in range(12)]
    metric = Accuracy(topk=(1, 5))
    assert list(run(metric, table)) == [f"accuracy/{name}" for name in names]
