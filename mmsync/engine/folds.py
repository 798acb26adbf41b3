"""Which folds of data sets a model has been trained on: kept in checkpoints, asked before every test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from mmsync.errors import ProtocolError


def folds_of(dataset: Any) -> list[str]:
    """The fold of a data set, as its ``metainfo`` tells; of one that joins several, theirs."""
    parts = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    inner = [fold for part in parts if part is not None for fold in folds_of(part)]
    own = (getattr(dataset, "metainfo", None) or {}).get("fold")
    return inner or ([own] if own else [])


def trained_folds(checkpoint: Mapping[str, Any]) -> list[str]:
    """Folds that the model of a checkpoint was trained on, pretraining included."""
    return list((checkpoint.get("meta") or {}).get("folds", ()))


def check_folds(trained: Iterable[str], tested: Iterable[Any], training: Any = None) -> None:
    """Refuse to test on what was trained on, and to train on from another fold.

    Args:
        trained: Folds that the loaded weights were trained on.
        tested: Data sets of validation and test.
        training: The data set that is trained on, if any.

    Raises:
        ProtocolError: One is another fold of a data set than that trained on.
    """
    seen = list(trained)
    own = folds_of(training)
    for fold in set(own) - set(seen):  # those of a run that is resumed are no others
        check_fold(seen, fold)
    for fold in (fold for dataset in tested for fold in folds_of(dataset)):
        check_fold([*seen, *own], fold)


def check_fold(trained: Iterable[str], tested: Optional[str]) -> None:
    """Refuse to test on clips that were trained on: the folds of a data set overlap.

    Args:
        trained: Folds that the model was trained on, as its checkpoint tells.
        tested: Fold of the test; ``None`` if it has none.

    Raises:
        ProtocolError: Another fold of the same data set.
    """
    for fold in trained:
        if tested not in (None, fold) and fold.split("/")[0] == tested.split("/")[0]:
            raise ProtocolError(
                f"the model was trained on fold {fold}, and most clips that fold {tested} tests were in it, which "
                f"gives nearly 100 %; test on {fold}, or train a model on {tested}"
            )
