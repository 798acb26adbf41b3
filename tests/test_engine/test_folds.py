"""Combinations of folds in pretraining, training and test that are allowed or refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmsync.engine.folds import check_fold, check_folds, folds_of, trained_folds
from mmsync.errors import ProtocolError

UCF1, UCF2, HMDB2, PLAIN = (
    SimpleNamespace(metainfo={"fold": fold}) for fold in ("ucf101/1", "ucf101/2", "hmdb51/2", None)
)
BOTH = SimpleNamespace(datasets=[UCF1, UCF2])


def test_folds_of_joined_and_wrapped_data():
    assert folds_of(BOTH) == ["ucf101/1", "ucf101/2"]
    assert folds_of(SimpleNamespace(dataset=UCF1)) == ["ucf101/1"]
    assert folds_of(PLAIN) == folds_of(None) == []


@pytest.mark.parametrize(
    ("trained", "training", "tested"),
    [
        (["ucf101/1"], UCF1, [UCF1, UCF1]),
        (["hmdb51/2"], UCF1, [UCF1]),
        ([], PLAIN, [UCF1, UCF2]),  # validation on a fold is no training on it
        ([], None, [BOTH]),
        ([], BOTH, [HMDB2]),
        (["ucf101/1", "ucf101/2"], BOTH, [HMDB2]),  # resumed
    ],
)
def test_allowed(trained, training, tested):
    check_folds(trained, tested, training)


@pytest.mark.parametrize(
    ("trained", "training", "tested"),
    [
        (["ucf101/2"], None, [UCF1]),
        (["ucf101/2"], UCF1, []),
        (["hmdb51/2", "ucf101/2"], PLAIN, [PLAIN, UCF1]),
        ([], UCF2, [UCF2, UCF1]),
        ([], BOTH, [UCF1]),
    ],
)
def test_refused(trained, training, tested):
    with pytest.raises(ProtocolError, match="trained on fold ucf101/2"):
        check_folds(trained, tested, training)


def test_a_checkpoint_of_another_project_says_nothing():
    assert trained_folds({"state_dict": {}}) == trained_folds({"meta": None}) == []


def test_a_model_of_one_fold_is_not_tested_on_another():
    check_fold(["ucf101/1"], "ucf101/1")
    check_fold(["hmdb51/2", "kinetics/1"], "ucf101/1")
    check_fold([], "ucf101/1")
    check_fold(["ucf101/1"], None)
    with pytest.raises(ProtocolError, match="trained on fold ucf101/2"):
        check_fold(["ucf101/1", "ucf101/2"], "ucf101/1")
