"""The metric counts each sample once, runs what it is told to, and explains what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from mmengine.logging import MMLogger

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import knn_classify, topk_accuracy
from mmsync.evaluation.metrics import ProbeMetric


def samples(n=60, bank=40, labelled=True):
    g = torch.Generator().manual_seed(0)
    label = torch.arange(n) % 3
    feature = torch.randn(n, 5, generator=g) + 2 * torch.randn(3, 5, generator=g)[label]
    return [
        {
            "feature": feature[i],
            "gt_label": int(label[i]) if labelled else -1,
            "index": i,
            "name": f"clip{i}",
            "role": "bank" if i < bank else "query",
        }
        for i in range(n)
    ]


def run(metric, data, batch=7):
    for start in range(0, len(data), batch):
        metric.process(None, data[start : start + batch])
    return metric.evaluate(len(data))


def expected_top1(data, k):
    def part(role):
        chosen = [s for s in data if s["role"] == role and s["gt_label"] >= 0]
        return torch.stack([s["feature"] for s in chosen]), torch.tensor([s["gt_label"] for s in chosen])

    (bank, bank_labels), (query, labels) = part("bank"), part("query")
    return 100 * topk_accuracy(knn_classify(bank, bank_labels, query, 3, k), labels)


def test_results_and_the_protocol_line(caplog):
    lines = []
    logger = MMLogger.get_current_instance()
    logger.addFilter(lambda record: lines.append(record.getMessage()) or True)
    data = samples()
    metric = ProbeMetric(knn={"k": [5, 200]}, linear={"epochs": 20, "lr": 0.1, "standardize": True})
    result = run(metric, data)
    names = ["top1", "top5", "top1_k200", "top5_k200"]
    linear = ["linear/last", "linear/best", "linear/best_epoch"]
    assert list(result) == [f"knn/{n}" for n in names] + linear + ["collapse/std", "collapse/effective_rank"]
    assert result["knn/top1"] == pytest.approx(expected_top1(data, 5))
    assert result["knn/top1_k200"] == pytest.approx(expected_top1(data, 40))  # more than the bank has
    assert result["knn/top5"] == 100
    assert result["linear/best"] >= result["linear/last"] > 60
    protocol = next(line for line in lines if line.startswith("Protocol"))
    for part in ("5-d pooled", "bank 40", "query 20", "k=[5, 200]", "T=0.1", "last of 20 epochs"):
        assert part in protocol


def test_unlabelled_samples_are_left_out():
    data = samples()
    for i in (3, 17, 55):
        data[i]["gt_label"] = -1
    assert run(ProbeMetric(knn={"k": 3}), data)["knn/top1"] == pytest.approx(expected_top1(data, 3))


def test_padded_samples_count_once():
    data = samples()
    assert run(ProbeMetric(knn={"k": 3}), data + data[:4]) == run(ProbeMetric(knn={"k": 3}), data)


def test_no_labels_no_roles_no_data():
    with pytest.raises(ProtocolError, match=r"none of the evaluated samples has one.*knn=None"):
        run(ProbeMetric(knn={}), samples(labelled=False))
    result = run(ProbeMetric(), samples(labelled=False))
    assert list(result) == ["collapse/std", "collapse/effective_rank"]
    with pytest.raises(ProtocolError, match=r"role 'query'.*roles=dict\(bank="):
        run(ProbeMetric(knn={}), samples(bank=60))
    with pytest.raises(ProtocolError, match="empty"):
        ProbeMetric(knn={}).evaluate(0)
    with pytest.raises(ProtocolError, match="sets no `feature`"):
        ProbeMetric().process(None, [{"name": "a"}])


def test_nan_features_name_their_samples():
    data = samples()
    data[11]["feature"] = data[11]["feature"] * float("nan")
    with pytest.raises(DataError, match=r"1 of 60 features are not finite, of samples clip11"):
        run(ProbeMetric(knn={}), data)


def test_unknown_option():
    with pytest.raises(ConfigError, match="unknown key 'temprature'; it takes k, temperature"):
        ProbeMetric(knn={"temprature": 1})
    with pytest.raises(ConfigError, match=r"ProbeMetric\.knn\.k: '20' is no number"):
        ProbeMetric(knn={"k": "20"})
    with pytest.raises(ConfigError, match=r"ProbeMetric\.knn\.k: 0 is no number"):
        ProbeMetric(knn={"k": [1, 0]})


def test_features_are_saved(tmp_path):
    data = samples()
    run(ProbeMetric(save_features=str(tmp_path / "sub" / "features.npz")), data)
    saved = np.load(tmp_path / "sub" / "features.npz")
    np.testing.assert_array_equal(saved["features"], torch.stack([s["feature"] for s in data]))
    assert saved["names"][7] == "clip7"
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["features.npz"]


def _rank(rank, store, out, fail):
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    data = samples(59)
    if fail:
        data[4]["feature"] = data[4]["feature"] / 0
    padded = data + data[:1]
    try:
        result = run(ProbeMetric(knn={"k": 5}), padded[rank::2])
    except DataError as error:
        result = str(error)
    torch.save(result, f"{out}{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.dist
@pytest.mark.parametrize("fail", [False, True])
def test_two_ranks_give_the_result_of_one(tmp_path, fail):
    args = (str(tmp_path / "store"), str(tmp_path / "out"), fail)
    mp.start_processes(_rank, args, nprocs=2, start_method="fork")
    results = [torch.load(tmp_path / f"out{rank}.pt") for rank in (0, 1)]
    assert results[0] == results[1]
    if fail:
        assert "clip4" in results[0]  # an error reaches every rank, none waits for ever
    else:
        assert results[0] == run(ProbeMetric(knn={"k": 5}), samples(59))
