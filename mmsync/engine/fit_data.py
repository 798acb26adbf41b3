"""Whether the opened data sets are those that the model and the evaluation are made for, before a run begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.runner import BaseLoop
from mmengine.runner.amp import autocast

from mmsync.errors import ConfigError, LayoutError, ProtocolError
from mmsync.evaluation.metrics import TableMetric
from mmsync.structures import FeatureTable


def check_loops(model: Any, training: Any, evaluations: Iterable[Any]) -> None:
    """Check the data sets of built loops; other values, such as configs of loops that do not run, are skipped.

    Raises:
        ConfigError: The data have other coordinates than the data preprocessor takes, or the model refuses them.
        LayoutError: They have other joints.
        ProtocolError: They have other classes than the head, an evaluation does not apply to them, or a classifier
            is trained on samples that it is tested on.
    """
    own = training.dataloader.dataset if isinstance(training, BaseLoop) else None
    if own is not None:
        _check_dataset(model, own, "train_dataloader")
        if hasattr(model, "check_data"):
            model.check_data(own)
    for loop in evaluations:
        if not isinstance(loop, BaseLoop):
            continue
        dataset, key = loop.dataloader.dataset, f"{getattr(loop, 'mode', 'val')}_dataloader"
        _check_dataset(model, dataset, key)
        evaluator = getattr(loop, "evaluator", None)
        for metric in evaluator.metrics if isinstance(evaluator, Evaluator) else ():
            if isinstance(metric, TableMetric):
                metric.check_data(dataset)
        if own is not None:
            _check_overlap(own, dataset, key, supervised=hasattr(model, "head"))


def rehearse(model: Any, loop: Any) -> None:
    """Predict the first sample of a validation, so that a column which a metric lacks does not end the first epoch."""
    evaluator = getattr(loop, "evaluator", None)
    metrics = [one for one in getattr(evaluator, "metrics", ()) if isinstance(one, TableMetric)]
    dataset = loop.dataloader.dataset if isinstance(loop, BaseLoop) else None
    if not metrics or dataset is None or not hasattr(dataset, "__getitems__"):
        return
    training = model.training
    model.eval()
    with torch.no_grad(), autocast(enabled=getattr(loop, "fp16", False)):
        table = model.val_step(dataset.__getitems__([0]))
    model.train(training)
    for metric in metrics if isinstance(table, FeatureTable) else ():
        metric.require_columns(table)


def _check_dataset(model: Any, dataset: Any, key: str) -> None:
    facts = getattr(dataset, "metainfo", None)
    if not isinstance(facts, dict):
        return
    preprocessor = getattr(model, "data_preprocessor", None)
    for part in getattr(preprocessor, "parts", {"": preprocessor}).values():
        layout = getattr(getattr(part, "layout", None), "name", None)
        if None not in (layout, facts.get("layout")) and layout != facts["layout"]:
            raise LayoutError(
                f"{key}: the clips have the joints of {facts['layout']!r}, but the data preprocessor's layout is "
                f"{layout!r}; set it, and the backbone's, to {facts['layout']!r}, or remap with the data set's layout="
            )
        coords = getattr(part, "num_coords", None)
        if None not in (coords, layout, facts.get("num_coords")) and coords != facts["num_coords"]:
            raise ConfigError(
                f"{key}: the clips have {facts['num_coords']} coordinates, but the data preprocessor's num_coords is "
                f"{coords}; set model.data_preprocessor.num_coords={facts['num_coords']} (a further channel is a score)"
            )
    _check_classes(getattr(getattr(model, "head", None), "num_classes", None), facts, key)


def _check_classes(head: Optional[int], facts: dict[str, Any], key: str) -> None:
    found = facts.get("num_classes")
    if not isinstance(head, int) or not found or head == found:
        return
    text = f"model.head has {head} classes, but the data of {key} have {found}"
    if head < found or facts.get("classes"):
        raise ProtocolError(f"{text}; set model.head.num_classes={found}")
    text += " (the largest label and one)"
    print_log(f"{text}: is that the right head? num_classes of the data set says how many", logger="current", level=30)


def _check_overlap(training: Any, dataset: Any, key: str, supervised: bool) -> None:
    """Queries among the training samples, if both data sets read the same files."""
    sources = [getattr(one, "source", None) for one in (training, dataset)]
    if any(not hasattr(source, "files") for source in sources) or not hasattr(dataset, "items"):
        return
    files = [source.files() for source in sources]  # type: ignore[union-attr]
    same = files[0] == files[1] and (files[0] or sources[0].names == sources[1].names)  # type: ignore[union-attr]
    roles = [role for role in getattr(dataset, "splits", ()) if role != "bank"]
    if not same or not roles:
        return
    queries = np.unique(np.concatenate([dataset.items(role) for role in roles]))
    both = np.intersect1d(queries, np.unique(training.places))
    if not len(both):
        return
    text = (
        f"{key}: {len(both)} of its {len(queries)} {dataset.item}s to be judged are trained on too, the first is "
        f"{sources[1].names[both[0]]}: what they show is no result on unseen data"  # type: ignore[union-attr]
    )
    if supervised:
        raise ProtocolError(f"{text}; give train_dataloader.dataset and {key}.dataset splits without common items")
    print_log(text, logger="current", level=30)
