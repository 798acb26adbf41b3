"""Accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from mmengine.evaluator import BaseMetric

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import Scores, class_report, top_accuracy, video_scores
from mmsync.registry import METRICS


@METRICS.register_module()
class Accuracy(BaseMetric):
    """Share of clips whose label is among the highest scores ``(N, num_classes)``, in percent.

    Gives ``accuracy/top1``, ``accuracy/top5``. Clips without a label are left out; those that several processes have
    seen count once.

    Args:
        topk: Numbers of scores that count.
        dump: Name of an ``npz`` file for names, logits and labels of the latest evaluation, which
            ``tools/analysis_tools/ensemble.py`` fuses; ``None`` for no file.
        per_class: Give ``accuracy/majority``, ``accuracy/balanced`` and ``accuracy/recall_<class>`` too, see
            :func:`mmsync.evaluation.functional.class_report`; for classes that are not equally frequent.
        per_video: Give ``accuracy/video_top1`` and so on too: of the mean of the softmax over the clips of one name.
            The other results are then of single clips, ``dump`` has the videos. Pairs of tracks bring the
            ``video_label`` of their video; those without are left out.

    Raises:
        ConfigError: ``topk`` is empty or not positive.
    """

    default_prefix = "accuracy"

    def __init__(
        self, topk: Sequence[int] = (1, 5), dump: Optional[str] = None, per_class: bool = False, per_video: bool = False
    ) -> None:
        super().__init__()
        if not topk or min(topk) < 1:
            raise ConfigError(f"Accuracy.topk={topk}: give numbers from 1 on, for instance (1, 5)")
        self.topk = tuple(topk)
        self.dump, self.per_class, self.per_video = dump, per_class, per_video
        self.scores: Optional[Scores] = None  # of the latest evaluation, on the main process

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the scores of a batch.

        Args:
            data_batch: Not used.
            data_samples: Predictions with ``pred_score (num_classes,)``.

        Raises:
            ProtocolError: The model sets no score.
        """
        for sample in data_samples:
            if "pred_score" not in sample:
                raise ProtocolError(
                    "Accuracy: the model's predict() sets no `pred_score` on its samples; a pretraining method does "
                    "not classify, use ProbeMetric for it"
                )
            score = sample["pred_score"].detach().float().cpu().numpy()
            label = sample.get("gt_label", -1)
            of_video = sample.get("video_label", label)
            self.results.append((sample.get("index", -1), sample.get("name", "?"), label, of_video, score))

    def compute_metrics(self, results: list[tuple[int, str, int, int, np.ndarray]]) -> dict[str, float]:
        """Count.

        Args:
            results: Index, name, label, the video's label and scores of each clip.

        Returns:
            Result name -> percent.

        Raises:
            ProtocolError: No clip has a label.
            DataError: Some scores are not finite.
        """
        unique = {(index if index >= 0 else -1 - place): row for place, (index, *row) in enumerate(results)}
        names, labels, of_video, scores = zip(*unique.values()) if unique else ((), (), (), ())
        if not unique or max(labels) < 0:
            raise ProtocolError("Accuracy: none of the evaluated clips has a label")
        self.scores = Scores(list(names), np.stack(scores), np.array(labels, dtype=np.int64))
        if not np.isfinite(self.scores.logits).all():
            raise DataError("Accuracy: scores are not finite: the model has diverged, lower the learning rate")
        clips = self.scores
        if self.per_video:
            rows = np.flatnonzero(np.array(of_video) >= 0)
            if not len(rows):
                raise ProtocolError("Accuracy(per_video=True): none of the evaluated clips tells its video's label")
            part = Scores([names[i] for i in rows], clips.logits[rows], np.array(of_video, dtype=np.int64)[rows])
            self.scores = video_scores(part)
        if self.dump:
            self.scores.save(self.dump)
        found = top_accuracy(clips.logits, clips.labels, self.topk)
        if self.per_video:
            of_videos = top_accuracy(self.scores.logits, self.scores.labels, self.topk)
            found.update({f"video_{key}": value for key, value in of_videos.items()})
        if self.per_class:
            known = clips.labels >= 0
            classes = (self.dataset_meta or {}).get("classes") or ()
            found = {**class_report(clips.logits[known], clips.labels[known], classes), **found}
        return found
