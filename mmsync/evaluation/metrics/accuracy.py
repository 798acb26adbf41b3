"""Accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import CLASS_REPORT, Scores, class_report, scores_of_videos, top_accuracy
from mmsync.evaluation.metrics.base import TableMetric
from mmsync.registry import METRICS
from mmsync.structures import FeatureTable


@METRICS.register_module()
class Accuracy(TableMetric):
    """Share of labeled clips whose label is among the highest scores ``(N, num_classes)``, in percent.

    Args:
        topk: Numbers of scores that count, for ``accuracy/top1`` and so on. A number of as many scores as there are
            classes, or more, gives no result, as it would be 100 whatever the model.
        dump: File for the latest :class:`~mmsync.evaluation.functional.Scores`, of videos with ``per_video``.
        per_class: Add the results of :func:`mmsync.evaluation.functional.class_report`: ``accuracy/balanced`` etc.
        per_video: Add ``accuracy/video_top1`` etc. of the mean softmax of each name, judged by any ``video_label``.

    Raises:
        ConfigError: ``topk`` is empty or not positive.
    """

    def __init__(
        self, topk: Sequence[int] = (1, 5), dump: Optional[str] = None, per_class: bool = False, per_video: bool = False
    ) -> None:
        super().__init__()
        if not topk or min(topk) < 1:
            raise ConfigError(f"Accuracy.topk={topk}: give numbers from 1 on, for instance (1, 5)")
        self.topk = tuple(topk)
        self._warned = False
        self.dump, self.per_class, self.per_video = dump, per_class, per_video
        self.scores: Optional[Scores] = None  # of the latest evaluation, on the main process

    @property
    def gives(self) -> list[str]:
        names = [f"top{k}" for k in self.topk]
        names += [f"video_{name}" for name in names] if self.per_video else []
        names += CLASS_REPORT if self.per_class else []
        return [f"accuracy/{name}" for name in names]

    def columns(self) -> dict[str, str]:
        return {"score": "the model's predict() sets no `score`; use FeatureMetric for a pretraining method"}

    def keeps(self, table: FeatureTable) -> FeatureTable:
        return table.select(("score", "label", "index", "name", "video_label"))

    def compute(self, table: FeatureTable) -> dict[str, float]:
        """Compute the accuracies; a ProtocolError without a label, a DataError for scores that are not finite."""
        labels = table.numbers("label").numpy()
        if labels.max() < 0:
            raise ProtocolError("Accuracy: none of the evaluated clips has a label")
        clips = self.scores = Scores(table.texts("name", "?"), table.vectors("score").numpy(), labels)
        if not np.isfinite(clips.logits).all():
            raise DataError("Accuracy: scores are not finite: the model has diverged, lower the learning rate")
        known = labels >= 0
        found = top_accuracy(clips.logits, labels, self.topk)
        self._warn_of(clips.logits.shape[1])
        if self.per_video:
            self.scores = scores_of_videos(table, clips.logits)
            if self.scores is None:
                raise ProtocolError("Accuracy(per_video=True): none of the evaluated clips has a label of its video")
            of_videos = top_accuracy(self.scores.logits, self.scores.labels, self.topk)
            found.update({f"video_{key}": value for key, value in of_videos.items()})
        if self.dump:
            self.scores.save(self.dump)
        if self.per_class:
            classes = (self.dataset_meta or {}).get("classes") or ()
            found = {**class_report(clips.logits[known], labels[known], classes), **found}
        return {f"accuracy/{key}": value for key, value in found.items()}

    def _warn_of(self, num_classes: int) -> None:
        always = [f"top{k}" for k in self.topk if k != 1 and k >= num_classes]
        if always and not self._warned:
            text = f"Accuracy: {', '.join(always)} of {num_classes} classes is always 100 and left out"
            print_log(f"{text}; set topk", logger="current", level=30)
            self._warned = True
