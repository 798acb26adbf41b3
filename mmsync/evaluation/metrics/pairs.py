"""The metrics that judge pairs of tracks: are they in sync, and what do the two do together?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from mmsync.errors import DataError, ProtocolError
from mmsync.evaluation.functional import (
    Scores,
    auc_interval,
    best_threshold,
    class_report,
    decisions,
    equal_error_rate,
    majority_share,
    pair_auc,
    video_scores,
)
from mmsync.registry import METRICS

from .probe import FeatureSet, ProbeMetric


@METRICS.register_module()
class PairVerification(BaseMetric):
    """Judges the distances ``(N,)`` of pairs: can what is in sync be told from what is not? All results in percent.

    Thresholds are chosen on the role ``bank`` and everything is counted on the role ``query``. See
    docs/design/0026-sync3d-protocols.md.

    =====================================  ============================================================================
    ``pairs/auc``                          area under the ROC curve; 50 tells nothing
    ``pairs/auc_low``, ``pairs/auc_high``  its confidence interval, videos drawn by a bootstrap
    ``pairs/auc_easy``, ``_medium``, ...   the same of the positive pairs against one kind of negatives
    ``pairs/eer``                          equal error rate
    ``pairs/accuracy``                     right decisions at the threshold that is most accurate on the bank
    ``pairs/majority``                     the same of who always gives the more frequent answer
    ``pairs/balanced_accuracy``            mean recall of both answers, at the bank's best threshold for it
    =====================================  ============================================================================

    Args:
        confidence: Of the interval, in (0, 1).
        draws: Of the bootstrap.
        dump: File for the distances of the queries, which ``tools/analysis_tools/ensemble.py`` adds to those of other
            streams; ``None`` for no file.
    """

    default_prefix = "pairs"

    def __init__(self, confidence: float = 0.95, draws: int = 1000, dump: Optional[str] = None) -> None:
        super().__init__()
        self.confidence, self.draws, self.dump = confidence, draws, dump

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the distances of a batch.

        Args:
            data_batch: Not used.
            data_samples: Predictions with ``distance``, ``positive`` and, where known, ``kind``, ``name``, ``role``.

        Raises:
            ProtocolError: The model sets no distance, or the data set does not tell what is a pair.
        """
        for sample in data_samples:
            for key, who in (("distance", "model's predict()"), ("positive", "data set")):
                if key not in sample:
                    raise ProtocolError(
                        f"PairVerification: the {who} sets no `{key}`; it is for Sync3D on a PairDataset"
                    )
            self.results.append((
                int(sample.get("index", -1)), float(sample["distance"]), bool(sample["positive"]),
                sample.get("kind", ""), sample.get("name", "?"), sample.get("role", "query"),
                sample.get("windows", sample.get("name", "?")),
            ))  # fmt: skip

    def compute_metrics(self, results: list[tuple[int, float, bool, str, str, str, str]]) -> dict[str, float]:
        """Count.

        Args:
            results: Index, distance, positive, kind, name, role and windows of each pair.

        Returns:
            Result name -> percent.

        Raises:
            ProtocolError: No bank, or the queries are not of both answers.
            DataError: Some distances are not finite.
        """
        # a pair that several processes have seen counts once
        unique = {(index if index >= 0 else -1 - place): row for place, (index, *row) in enumerate(results)}
        columns = [np.array(column) for column in zip(*unique.values())] or [np.zeros(0)] * 6
        distance, positive, kind, name, role, windows = columns
        if not np.isfinite(distance).all():
            raise DataError(f"PairVerification: {(~np.isfinite(distance)).sum()} distances are not finite")
        bank, query = role == "bank", role == "query"
        for part, of in ((bank, "bank"), (query, "query")):
            if len(np.unique(positive[part])) < 2:
                raise ProtocolError(
                    f"PairVerification: role {of!r} needs positive pairs and others, and has {part.sum()} pairs, "
                    f"{int(positive[part].sum())} of them positive. Give the data set roles=dict(bank=<training "
                    "split>, query=<test split>) and a mix of positive and negative kinds"
                )
        d, y = distance[query], positive[query].astype(bool)
        found = dict(auc=pair_auc(d, y), eer=equal_error_rate(d, y), majority=majority_share(y))
        found["auc_low"], found["auc_high"] = auc_interval(d, y, name[query], self.confidence, self.draws)
        if self.dump:
            place = np.array(list(unique))[query].tolist()
            names = map(_pair_name, windows[query], kind[query], place)
            Scores(list(names), d[:, None].astype(np.float32), y.astype(np.int64)).save(self.dump)
        known = distance[bank], positive[bank].astype(bool)
        found["accuracy"] = decisions(d, y, best_threshold(*known))[0]
        found["balanced_accuracy"] = decisions(d, y, best_threshold(*known, balanced=True))[1]
        for one in np.unique(kind[query][~y]).tolist():
            chosen = y | (kind[query] == one)
            found[f"auc_{one}"] = pair_auc(d[chosen], y[chosen])
        return {key: 100 * value for key, value in found.items()}


def _pair_name(windows: str, kind: str, index: int) -> str:
    """A name of its own for each pair, by which streams of the same pairs are fused."""
    return f"{windows}:{kind}:{index}"


@METRICS.register_module()
class PairProbe(ProbeMetric):
    """Probes of pairs, on the features ``(N, 2 D)`` of both tracks; see :class:`ProbeMetric` for its results.

    Classes are uneven (a third of TV-HID's clips, and most of the pairs, are negative), so each accuracy has beside it
    what the most frequent class alone would give, and the mean of the recalls. All in percent, of the linear probe:

    ================================================  =================================================================
    ``linear/majority``, ``linear/balanced``          share of the most frequent class, mean recall of the classes
    ``linear/recall_<class>``                         share of a class's pairs that are recognised
    ``linear/video``                                  accuracy on videos: mean of the softmax over a video's pairs
    ``linear/video_majority``, ``.../video_balanced`` as above
    ``linear/videos``                                 number of videos that have a pair; not in percent
    ================================================  =================================================================

    A video is judged by its pairs of people who are there at one time.

    Args:
        kinds: Kinds of pairs that are looked at, bank and query; ``None`` for all. Kinds whose pairs show no action
            (two videos) can be left out where no class is for them.
        knn: As of :class:`ProbeMetric`, like all that follow.
        linear: Of the linear probe.
        mlp: Of the MLP probe.
        oneshot: Of one-shot recognition.
        collapse: Report signs of a collapse.
        save_features: Name of an ``npz`` file.
        device: Where the probes compute.
    """

    def __init__(
        self,
        kinds: Optional[Sequence[str]] = None,
        knn: Optional[dict] = None,
        linear: Optional[dict] = None,
        mlp: Optional[dict] = None,
        oneshot: Optional[dict] = None,
        collapse: bool = True,
        save_features: Optional[str] = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(knn, linear, mlp, oneshot, collapse, save_features, device)
        self.kinds = None if kinds is None else tuple(kinds)

    def compute_metrics(self, results: list[FeatureSet]) -> dict[str, float]:
        """Run the probes; see :meth:`ProbeMetric.compute_metrics`."""
        if self.kinds is not None and results:
            data = FeatureSet.cat(results)
            results = [data.take(np.flatnonzero(np.isin(data.kinds or [], self.kinds)))]
            if not results[0].names:
                raise ProtocolError(f"PairProbe: none of the evaluated pairs is of kinds {', '.join(self.kinds)}")
        metrics = super().compute_metrics(results)
        if self.last is not None and "linear" in self.scores:
            metrics.update(self._of_classes(self.last))
        return metrics

    def _keep(self, name: str, query: FeatureSet, logits: torch.Tensor) -> None:
        super()._keep(name, query, logits)
        kinds = query.kinds or [""] * len(query.names)
        names = map(_pair_name, query.windows or query.names, kinds, query.indices.tolist())
        self.scores[name] = self.scores[name]._replace(names=list(names))

    def _of_classes(self, data: FeatureSet) -> dict[str, float]:
        logits, labels = self.scores["linear"].logits, self.scores["linear"].labels
        classes = (self.dataset_meta or {}).get("classes") or ()
        found = class_report(logits, labels, classes)
        query = self._bank_and_query(data)[1]  # rows as those of the scores
        if query.video_labels is not None:
            rows = (query.video_labels >= 0).numpy()
            if rows.any():
                names = [query.names[i] for i in np.flatnonzero(rows)]
                videos = video_scores(Scores(names, logits[rows], query.video_labels.numpy()[rows]))
                of_videos = class_report(videos.logits, videos.labels)
                # a float, because MMEngine's json has null for whole numbers
                found.update(video=of_videos["top1"], videos=float(len(videos.names)))
                found.update({f"video_{key}": of_videos[key] for key in ("majority", "balanced")})
        return {f"linear/{key}": value for key, value in found.items() if key != "top1"}  # that is linear/last
