"""Scores of classes: their files, accuracies, confusion matrices, and late fusion of several streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
import torch

from mmsync.errors import DataError, ProtocolError, did_you_mean, nearest
from mmsync.evaluation.functional.features import topk_accuracy
from mmsync.evaluation.functional.verification import equal_error_rate, majority_share, pair_auc
from mmsync.fileio import atomic_path
from mmsync.structures import FeatureTable

WEIGHTS = {
    "aimclr": {"joint": 0.6, "bone": 0.6, "motion": 0.4},  # on raw logits; all three-stream numbers of that family
    "pyskl": {"joint": 2.0, "bone": 2.0, "motion": 1.0, "bone_motion": 1.0},  # its 2:2:1:1
}
"""Published weights of streams."""


class Scores(NamedTuple):
    """Scores of a test set."""

    names: list[str]  # n sample names
    logits: np.ndarray  # (n, num_classes) float32, before any softmax; of pairs (n, 1), their distances
    labels: np.ndarray  # (n,) int64; -1 where there is none. Of pairs 1 for a positive one, else 0

    def save(self, path: Union[str, Path]) -> None:
        """Write an ``npz`` with the fields of this class."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, names=np.array(self.names), logits=self.logits, labels=self.labels)


def load_scores(path: Union[str, Path]) -> Scores:
    """Read an ``npz`` with ``names``, ``logits`` and ``labels``, or raise a DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, logits, labels = (file[key] for key in Scores._fields)
    except (OSError, ValueError, EOFError, KeyError) as error:
        advice = "give the scores.npz of mmsync benchmark, with names, logits and labels"
        raise DataError(f"{path}: no readable score file ({error}); {advice}") from error
    if logits.ndim != 2 or not len(names) == len(logits) == len(labels):
        raise DataError(f"{path}: {len(names)} names, logits {logits.shape} and {len(labels)} labels do not fit")
    return Scores([str(name) for name in names], logits, labels.astype(np.int64))


def top_accuracy(logits: np.ndarray, labels: np.ndarray, k: Sequence[int] = (1, 5)) -> dict[str, float]:
    """Accuracies of the labeled samples in percent, ``{'top1': ..., 'top5': ...}``.

    Those of ``k`` of the number of classes or more, which are always 100, are left out; ``top1`` is not.
    """
    known = labels >= 0
    scores, y = torch.from_numpy(logits[known]), torch.from_numpy(labels[known])
    return {f"top{n}": 100 * topk_accuracy(scores, y, n) for n in k if n == 1 or n < scores.shape[1]}


def video_scores(scores: Scores) -> Scores:
    """Log of the mean softmax of the rows ``(n, K)`` of each name: scores of videos ``(m, K)``, alphabetically."""
    names, first, place = np.unique(np.array(scores.names), return_index=True, return_inverse=True)
    total = np.zeros((len(names), scores.logits.shape[1]))
    np.add.at(total, place, torch.from_numpy(scores.logits).double().softmax(1).numpy())
    mean = total / np.bincount(place)[:, None]
    return Scores(names.tolist(), np.log(np.maximum(mean, 1e-30)).astype(np.float32), scores.labels[first])


def scores_of_videos(table: FeatureTable, logits: np.ndarray) -> Optional[Scores]:
    """:func:`video_scores` of labeled rows ``(N, K)``, by ``video_label``, else ``label``; ``None`` without any."""
    labels = table.numbers("video_label" if "video_label" in table else "label").numpy()
    rows = np.flatnonzero(labels >= 0)
    names = table.texts("name", "?")
    return video_scores(Scores([names[i] for i in rows], logits[rows], labels[rows])) if len(rows) else None


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts ``(K, K)`` of labels ``(n,)``, the rows, and predictions ``(n,)``; labels of -1 are left out."""
    from sklearn.metrics import confusion_matrix as count_pairs  # here: importing it takes most tools' first second

    known = labels >= 0
    return count_pairs(labels[known], predictions[known], labels=np.arange(num_classes))


def class_recall(matrix: np.ndarray) -> np.ndarray:
    """Recall ``(K,)`` in [0, 1] of each class, by counts ``(K, K)``; NaN for a class without samples."""
    total = matrix.sum(axis=1)
    return np.where(total > 0, np.diag(matrix) / np.maximum(total, 1), np.nan)


CLASS_REPORT = ["top1", "majority", "balanced", "recall_*"]
"""Names of the results of :func:`class_report`, as patterns of fnmatch."""


def class_report(scores: np.ndarray, labels: np.ndarray, class_names: Sequence[str] = ()) -> dict[str, float]:
    """``top1``, ``majority`` (most frequent class), ``balanced`` (mean recall) and ``recall_<class>``, in percent."""
    matrix = confusion_matrix(labels, scores.argmax(1), max(scores.shape[1], int(labels.max()) + 1))
    recall = class_recall(matrix)
    names = [*map(str, class_names), *map(str, range(len(class_names), len(recall)))]
    return {
        "top1": 100 * float(np.trace(matrix) / matrix.sum()),
        "majority": 100 * majority_share(labels),
        "balanced": 100 * float(np.nanmean(recall)),
        **{f"recall_{names[i]}": 100 * float(recall[i]) for i in np.flatnonzero(np.isfinite(recall))},
    }


def save_confusion(path: Union[str, Path], matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Write an ``npz`` with ``matrix (K, K)`` int64, a row is a label, and ``class_names (K,)``."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, matrix=matrix, class_names=np.array([str(name) for name in class_names]))


def fuse_streams(streams: Mapping[str, Scores], weights: Mapping[str, float]) -> Scores:
    """Add the weighted scores of the streams that have a weight, matched by sample name, in the order of the first."""
    missing = [stream for stream in weights if stream not in streams]
    if missing or not weights:
        raise ProtocolError(f"score fusion: no scores for {', '.join(missing) or 'any stream'}")
    first = next(iter(weights))
    names, reference = streams[first].names, streams[first].labels
    fused = np.zeros_like(streams[first].logits, dtype=np.float64)
    for stream, weight in weights.items():
        scores = streams[stream]
        row = {name: i for i, name in enumerate(scores.names)}
        if not len(row) == len(scores.names) == len(scores.logits):
            found = f"{len(scores.logits)} rows, {len(scores.names)} names and {len(row)} different names"
            raise ProtocolError(f"score fusion: stream {stream!r} has {found}; each row needs a unique name")
        if odd := row.keys() ^ set(names):
            some = f"for example {sorted(odd)[0]!r} ({len(odd)} in all); evaluate every stream on the same split"
            raise ProtocolError(f"score fusion: streams {first!r} and {stream!r} hold different samples, {some}")
        if scores.logits.shape[1] != fused.shape[1]:
            classes = f"{fused.shape[1]} and {scores.logits.shape[1]} classes"
            raise ProtocolError(f"score fusion: streams {first!r} and {stream!r} have {classes}")
        order = [row[name] for name in names]
        wrong = np.flatnonzero(scores.labels[order] != reference)
        if len(wrong):
            some = f"{len(wrong)} samples different labels, for example {names[wrong[0]]!r}"
            raise ProtocolError(f"the score files give {some}: their data sets or class numberings differ")
        fused += weight * scores.logits[order]
    return Scores(names, fused.astype(np.float32), reference)


def published_weights(name: str, streams: Sequence[str]) -> dict[str, float]:
    """Weights of streams by the name of a published set, or ``'equal'``; raises a ProtocolError for unknown ones."""
    if name == "equal":
        return dict.fromkeys(streams, 1.0)
    if name not in WEIGHTS:
        raise ProtocolError(f"no published weights {name!r}{did_you_mean(nearest(name, [*WEIGHTS, 'equal']))}")
    if odd := [stream for stream in streams if stream not in WEIGHTS[name]]:
        advice = f"{did_you_mean(nearest(odd[0], WEIGHTS[name]))}; they are for {', '.join(WEIGHTS[name])}"
        raise ProtocolError(f"weights {name!r}: there is no weight for stream {odd[0]!r}{advice}")
    return {stream: WEIGHTS[name][stream] for stream in streams}


def judge_scores(scores: Scores) -> dict[str, float]:
    """Accuracies of class scores, or area under the ROC curve and equal error rate of distances, in percent."""
    if scores.logits.shape[1] > 1:
        found = top_accuracy(scores.logits, scores.labels)
        return {key.replace("top", "top-"): value for key, value in found.items()}
    distance, positive = scores.logits[:, 0], scores.labels == 1
    return {"AUC": 100 * pair_auc(distance, positive), "EER": 100 * equal_error_rate(distance, positive)}
