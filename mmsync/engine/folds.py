"""Folds of data sets that a model was trained on: stored in checkpoints and checked before every test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from mmsync.errors import ProtocolError


def folds_of(dataset: Any) -> list[str]:
    """Folds of a data set by its ``metainfo``; several for a concatenated data set."""
    parts = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    inner = [fold for part in parts if part is not None for fold in folds_of(part)]
    own = (getattr(dataset, "metainfo", None) or {}).get("fold")
    return inner or ([own] if own else [])


def trained_folds(checkpoint: Mapping[str, Any]) -> list[str]:
    """Folds that the model of a checkpoint was trained on, including pretraining."""
    return list((checkpoint.get("meta") or {}).get("folds", ()))


def check_folds(trained: Iterable[str], tested: Iterable[Any], training: Any = None) -> None:
    """Raise ``ProtocolError`` if a data set for test or training is another fold than the weights were trained on."""
    seen = list(trained)
    own = folds_of(training)
    for fold in set(own) - set(seen):  # a resumed run continues on its own folds
        check_fold(seen, fold)
    for fold in (fold for dataset in tested for fold in folds_of(dataset)):
        check_fold([*seen, *own], fold)


def check_fold(trained: Iterable[str], tested: Optional[str]) -> None:
    """Raise ``ProtocolError`` if a model was trained on another fold (``data set/number``): their clips overlap."""
    for fold in trained:
        if tested not in (None, fold) and fold.split("/")[0] == tested.split("/")[0]:
            text = f"which contains most test clips of fold {tested}; test on {fold}, or train a model on {tested}"
            raise ProtocolError(f"the model was trained on fold {fold}, {text}")
