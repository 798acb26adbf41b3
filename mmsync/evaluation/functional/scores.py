"""Score files: the logits of one stream, matched with those of others by sample name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np
import torch

from mmsync.errors import DataError
from mmsync.fileio import atomic_path

from .knn import topk_accuracy


class Scores(NamedTuple):
    """Scores of a test set.

    Attributes:
        names: ``n`` sample names.
        logits: ``(n, num_classes)`` float32, before any softmax; of pairs ``(n, 1)``, their distances.
        labels: ``(n,)`` int64; -1 where there is none. Of pairs 1 for a positive one, else 0.
    """

    names: list[str]
    logits: np.ndarray
    labels: np.ndarray

    def save(self, path: Union[str, Path]) -> None:
        """Write an ``npz`` with the fields of this class."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, names=np.array(self.names), logits=self.logits, labels=self.labels)


def load_scores(path: Union[str, Path]) -> Scores:
    """Read a score file.

    Args:
        path: An ``npz`` with ``names``, ``logits`` and ``labels``.

    Raises:
        DataError: The file is missing, damaged or no score file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names, logits, labels = (file[key] for key in Scores._fields)
    except KeyError as error:
        raise DataError(
            f"{path}: no score file ({error.args[0]}); a score file is an npz with {', '.join(Scores._fields)}, as "
            "tools/benchmark.py writes it (scores.npz)"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: no readable score file ({error})") from error
    if logits.ndim != 2 or not len(names) == len(logits) == len(labels):
        raise DataError(f"{path}: {len(names)} names, logits {logits.shape} and {len(labels)} labels do not fit")
    return Scores([str(name) for name in names], logits, labels.astype(np.int64))


def top_accuracy(logits: np.ndarray, labels: np.ndarray, k: Sequence[int] = (1, 5)) -> dict[str, float]:
    """Accuracies of the labelled samples in percent, ``{'top1': ..., 'top5': ...}``."""
    known = labels >= 0
    scores, y = torch.from_numpy(logits[known]), torch.from_numpy(labels[known])
    return {f"top{n}": 100 * topk_accuracy(scores, y, n) for n in k}


def video_scores(scores: Scores) -> Scores:
    """Scores of videos from those of their clips or pairs: the mean of the softmax over rows of one name.

    Args:
        scores: Scores of clips or pairs, logits ``(n, K)``.

    Returns:
        Scores of the videos in alphabetical order, logits ``(m, K)``: the logarithm of that mean.
    """
    names, first, place = np.unique(np.array(scores.names), return_index=True, return_inverse=True)
    total = np.zeros((len(names), scores.logits.shape[1]))
    np.add.at(total, place, torch.from_numpy(scores.logits).double().softmax(1).numpy())
    mean = total / np.bincount(place)[:, None]
    return Scores(names.tolist(), np.log(np.maximum(mean, 1e-30)).astype(np.float32), scores.labels[first])
