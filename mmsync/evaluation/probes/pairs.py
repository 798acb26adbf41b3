"""Verification of pairs of tracks."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mmsync.errors import DataError, ProtocolError
from mmsync.evaluation.functional import Scores, verification
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_range, require_whole, row_names
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@PROBES.register_module()
class PairVerification(Probe):
    """Separates pairs in sync from others by their distance ``(N,)``. All results in percent.

    Thresholds are chosen on the role ``bank`` and everything is counted on the role ``query``.

    =====================================  ============================================================================
    ``pairs/auc``                          area under the ROC curve; 50 is chance
    ``pairs/auc_low``, ``pairs/auc_high``  its confidence interval, videos drawn by a bootstrap
    ``pairs/auc_easy``, ``_medium``, ...   the same of the positive pairs against one kind of negatives
    ``pairs/eer``                          equal error rate
    ``pairs/accuracy``                     right decisions at the threshold that is most accurate on the bank
    ``pairs/majority``                     the same for always giving the more frequent answer
    ``pairs/balanced_accuracy``            mean recall of both answers, at the bank's best threshold for it
    ``pairs/video_auc``, ``_accuracy``     with ``per_video``: of the mean distance of all positive pairs of a video,
                                           and of all others of it
    =====================================  ============================================================================

    Args:
        confidence: Of the interval, in (0, 1).
        draws: Of the bootstrap.
        per_video: Whether to judge videos, too, by all of their pairs.
        dump: File for the :class:`~mmsync.evaluation.functional.Scores` of the queries, their distances.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "pairs"
    headline = "auc"
    gives = ("auc", "auc_*", "eer", "majority", "accuracy", "balanced_accuracy", "video_auc", "video_accuracy")
    sees = "roles"

    def __init__(
        self, confidence: float = 0.95, draws: int = 1000, per_video: bool = False, dump: Optional[str] = None
    ) -> None:  # fmt: skip
        super().__init__("")
        require_whole(self, draws=draws)
        require_range(self, confidence=(confidence, 0 < confidence < 1, "in (0, 1)"))
        self.confidence, self.draws, self.per_video, self.dump = confidence, draws, per_video, dump

    @property
    def columns(self) -> tuple[str, ...]:
        return ("distance", "positive")

    def missing(self, column: str) -> str:
        who = "data set" if column == "positive" else "model's predict()"
        return f"PairVerification: the {who} sets no `{column}`; it is for Sync3D on a PairDataset"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        known, (d, y) = _pairs(bank, "bank"), _pairs(query, "query")
        found = dict(auc=verification.pair_auc(d, y), eer=verification.equal_error_rate(d, y))
        found["majority"] = verification.majority_share(y)
        videos = np.array(query.texts("name", "?"))
        found["auc_low"], found["auc_high"] = verification.auc_interval(d, y, videos, self.confidence, self.draws)
        scores = Scores(row_names(query), d[:, None].astype(np.float32), y.astype(np.int64))
        if self.dump:
            scores.save(self.dump)
        found["accuracy"] = verification.decisions(d, y, verification.best_threshold(*known))[0]
        found["balanced_accuracy"] = verification.decisions(d, y, verification.best_threshold(*known, balanced=True))[1]
        if self.per_video:
            best = verification.best_threshold(*_of_videos(bank, *known))
            of_video = _of_videos(query, d, y)
            found["video_auc"] = verification.pair_auc(*of_video)
            found["video_accuracy"] = verification.decisions(*of_video, best)[0]
        kind = np.array(query.texts("kind", ""))
        for one in np.unique(kind[~y]).tolist():
            chosen = y | (kind == one)
            found[f"auc_{one}"] = verification.pair_auc(d[chosen], y[chosen])
        return ProbeResult({key: 100 * value for key, value in found.items()}, scores)


def _pairs(part: FeatureTable, role: str) -> tuple[np.ndarray, np.ndarray]:
    distance = np.asarray(part["distance"], dtype=np.float64).reshape(len(part))
    positive = np.asarray(part["positive"]).astype(bool)
    if not np.isfinite(distance).all():
        raise DataError(f"PairVerification: {(~np.isfinite(distance)).sum()} distances are not finite")
    if len(np.unique(positive)) < 2:
        found = f"has {len(part)} pairs, {int(positive.sum())} of them positive"
        what = f"role {role!r} needs positive pairs and others, and {found}"
        raise ProtocolError(f"PairVerification: {what}: set the data set's roles and a mix of kinds")
    return distance, positive


def _of_videos(part: FeatureTable, distance: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances of the positive pairs of each video, and of its others, and which are the positive ones."""
    _, video = np.unique(np.array(part.texts("name", "?")), return_inverse=True)
    group, where = np.unique(2 * video + positive, return_inverse=True)
    return np.bincount(where, distance) / np.bincount(where), group % 2 == 1
