"""Opened data that are not what the model and the evaluation are made for are refused before a run begins."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.runner import BaseLoop

from mmsync.engine.fit_data import check_loops, rehearse
from mmsync.errors import ConfigError, LayoutError, ProtocolError
from mmsync.evaluation.metrics import Accuracy, FeatureMetric, TableEvaluator
from mmsync.structures import FeatureTable


class Source:
    """Twelve clips without files."""

    names = [f"clip{i:02d}" for i in range(12)]

    def files(self):
        return []


class Data:
    """Items of a source, in roles."""

    item = "clip"

    def __init__(self, places, roles=None, labels=None, **facts):
        self.source, self.places = Source(), np.asarray(places)
        self.roles = ["train"] * len(places) if roles is None else roles
        self.splits = dict.fromkeys(self.roles)
        self.labels = self.places % 3 if labels is None else np.asarray(labels)
        self.metainfo = {"layout": "coco17", "num_coords": 2, "classes": None, "num_classes": 3, **facts}

    def __len__(self):
        return len(self.places)

    def items(self, role):
        return self.places[np.array(self.roles) == role]

    def __getitems__(self, indices):
        return list(indices)


class Loop(BaseLoop):
    """A built loop."""

    def __init__(self, dataset, *metrics):
        self._dataloader, self.mode = SimpleNamespace(dataset=dataset), "val"
        self.dataloader = self._dataloader
        self.evaluator = TableEvaluator(list(metrics)) if metrics else None

    def run(self):
        """Nothing."""


class Model(torch.nn.Module):
    """What of a model matters here."""

    def __init__(self, layout="coco17", num_coords=2, head=None):
        super().__init__()
        self.data_preprocessor = SimpleNamespace(layout=SimpleNamespace(name=layout), num_coords=num_coords)
        if head is not None:
            self.head = SimpleNamespace(num_classes=head)

    def val_step(self, batch):
        assert not self.training
        return FeatureTable({"feature": torch.zeros(len(batch), 2), "label": torch.zeros(len(batch), dtype=torch.long)})


def split(bank, query, **facts):
    return Data([*bank, *query], ["bank"] * len(bank) + ["query"] * len(query), **facts)


def test_joints_of_the_same_number_but_another_layout_are_refused():
    with pytest.raises(LayoutError, match=r"train_dataloader: .*joints of 'coco17', .* layout is 'h36m17'"):
        check_loops(Model("h36m17"), Loop(Data(range(12))), [])
    check_loops(Model(), Loop(Data(range(12))), [{"a": "config"}, None])


def test_a_score_is_not_read_as_a_coordinate():
    with pytest.raises(ConfigError, match="the clips have 2 coordinates, but the data preprocessor's num_coords is 3"):
        check_loops(Model(num_coords=3), Loop(Data(range(12))), [])


def test_the_head_has_the_classes_of_the_data(caplog):
    names = dict(classes=["a", "b", "c"])
    for head, facts in ((101, names), (2, names), (2, {})):
        with pytest.raises(ProtocolError, match=f"model.head has {head} classes, but .* have 3; set model.head.num_cl"):
            check_loops(Model(head=head), Loop(Data(range(12), **facts)), [])
    check_loops(Model(head=3), Loop(Data(range(12), **names)), [])
    check_loops(Model(head=5), Loop(Data(range(12))), [])  # a subset may lack the last classes: only reported


@pytest.mark.parametrize("supervised", [False, True])
def test_samples_that_are_trained_and_judged(supervised):
    model = Model(head=3 if supervised else None)
    test = Loop(split(range(8), range(8, 12)))
    check_loops(model, Loop(Data(range(8))), [test])  # the bank may be trained on
    if supervised:
        with pytest.raises(
            ProtocolError, match="2 of its 4 clips to be judged are trained on too, the first is clip08"
        ):
            check_loops(model, Loop(Data(range(10))), [test])
    else:
        check_loops(model, Loop(Data(range(10))), [test])


def knn(k):
    return FeatureMetric(probes=[dict(type="KNN", k=k)])


def test_probes_that_do_not_apply_to_the_data():
    data = split(range(8), range(8, 12))
    check_loops(Model(), None, [Loop(data, knn(8))])
    check_loops(Model(), None, [Loop(data, knn([2, 9]))])  # fewer neighbors vote
    with pytest.raises(ProtocolError, match="none of the evaluated samples has one"):
        check_loops(Model(), None, [Loop(split(range(8), range(8, 12), labels=[-1] * 12), knn(2))])
    with pytest.raises(ProtocolError, match="role 'bank'"):
        check_loops(Model(), None, [Loop(Data(range(8)), knn(2))])


def test_a_rehearsal_finds_a_column_that_a_metric_lacks_and_leaves_the_mode():
    model = Model().train()
    rehearse(model, Loop(Data(range(8)), knn(2)))
    assert model.training
    for metric, text in (
        (FeatureMetric(probes=[dict(type="KNN", column="sound")]), "sets no `sound`"),
        (Accuracy(), "sets no `score`"),
    ):
        with pytest.raises(ProtocolError, match=text):
            rehearse(model, Loop(Data(range(8)), metric))
