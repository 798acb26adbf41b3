"""Which folds of data sets a model has been trained on: kept in checkpoints, asked before every test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mmsync.datasets.sources.video_lists import check_fold


def folds_of(dataset: Any) -> list[str]:
    """The fold of a data set, as its ``metainfo`` tells; of one that joins several, theirs."""
    parts = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    inner = [fold for part in parts if part is not None for fold in folds_of(part)]
    own = (getattr(dataset, "metainfo", None) or {}).get("fold")
    return inner or ([own] if own else [])


def trained_folds(checkpoint: Mapping[str, Any]) -> list[str]:
    """Folds that the model of a checkpoint was trained on, pretraining included."""
    return list(checkpoint.get("meta", {}).get("folds", ()))


def check_folds(trained: Iterable[str], datasets: Iterable[Any]) -> None:
    """Refuse to test on what was trained on.

    Args:
        trained: Folds that the loaded weights were trained on.
        datasets: Those of training (which count as trained on), then those of validation and test.

    Raises:
        ProtocolError: One is another fold of a data set than that trained on.
    """
    seen = list(trained)
    for dataset in datasets:
        found = folds_of(dataset)
        for fold in found:
            check_fold(seen, fold)
        seen += found
