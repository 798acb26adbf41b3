"""What all sources share: memory maps that survive pickling, facts read from clip names, and the checks at load."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.converters.ntu import NTU_NAME
from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout

_NAME_PATTERNS = (
    NTU_NAME,
    # NW-UCLA: action, subject, episode, view
    re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_e(?P<episode>\d+)_v(?P<view>\d+)"),
)


class SkeletonSource:
    """Base of the sources; a subclass sets the attributes, calls ``check`` and writes ``load``.

    Attributes:
        layout: The joints ``V`` of the data.
        num_coords: 2 or 3 coordinates; a further channel is a score.
        names: Unique clip names, ``(n,)``.
        labels: ``(n,)`` int64 with -1 for unknown, or ``None``.
        attributes: ``(n,)`` arrays by name: ``subject``, ``view``, ``fold``, ...
        splits: Clip names by protocol name.
        class_names: ``None`` if unknown.
    """

    layout: SkeletonLayout
    num_coords: int
    names: list[str]
    labels: Optional[np.ndarray] = None
    attributes: dict[str, np.ndarray]
    splits: dict[str, list[str]]
    class_names: Optional[list[str]] = None

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> np.ndarray:
        """The clip, ``(M, T, V, C)``: a view of a map where the format allows it. Not to be written to."""
        raise NotImplementedError

    def load_slots(self, index: int) -> Optional[np.ndarray]:
        """Where the sensor listed each person in each frame, ``(M, T)`` int8, -1 where absent; ``None`` if not known.

        A row of a clip is one tracked person, while some published pipelines take the first two bodies of each frame,
        whoever they are. With the places both can be had.
        """
        return None

    def files(self) -> list[Path]:
        """The files that the clips are read from, which stand for their state; none if that cannot be said."""
        return []

    def check(self, origin: Union[str, Path], expected: Optional[Mapping[str, int]] = None) -> None:
        """Check names and labels, and log the counts as found, and as expected where that is known.

        Args:
            origin: The file or folder, for the messages.
            expected: Number of clips by split name; ``'all'`` for the whole set.

        Raises:
            DataError: No clip, duplicate names, labels out of range, or labels that contradict the names.
        """
        if not self.names:
            raise DataError(f"{origin}: no clip found")
        unique, counts = np.unique(np.asarray(self.names, dtype=object), return_counts=True)
        if len(unique) < len(self.names):
            twice = unique[counts > 1]
            raise DataError(f"{origin}: {len(twice)} clip names occur twice: {', '.join(twice[:5])}")
        if self.labels is not None:
            check_labels(self.labels, self.names, origin, len(self.class_names) if self.class_names else None)
        found = {"all": len(self), **{name: len(clips) for name, clips in self.splits.items()}}
        expected = expected or {}
        shown = {k: n for k, n in found.items() if k in expected} or found
        text = ", ".join(f"{k} {f'{expected[k]}/' if k in expected else ''}{n}" for k, n in shown.items())
        wrong = {k: (n, found.get(k, 0)) for k, n in expected.items() if found.get(k, 0) != n}
        print_log(f"{origin}: clips ({'expected/' if expected else ''}found): {text}", logger="current")
        if wrong:
            text = ", ".join(f"{k}: expected {a}, found {b}" for k, (a, b) in wrong.items())
            print_log(f"{origin}: the clips are not the published set ({text})", logger="current", level=30)


def attributes_from_names(names: Sequence[str]) -> dict[str, np.ndarray]:
    """What NTU and NW-UCLA names say, int64 ``(n,)`` each; empty if any name is of another kind."""
    for pattern in _NAME_PATTERNS:
        matches = [pattern.search(name) for name in names]
        if names and all(matches):
            return {
                key: np.array([int(m[key]) for m in matches if m], dtype=np.int64)
                for key in pattern.groupindex
            }  # fmt: skip
    return {}


def check_labels(
    labels: np.ndarray, names: Sequence[str], origin: Union[str, Path], num_classes: Optional[int] = None
) -> None:
    """Check labels against the number of classes and against the action in the names.

    Args:
        labels: ``(n,)`` int64, -1 for unknown.
        names: Clip names, ``(n,)``.
        origin: The file or folder, for the messages.
        num_classes: Labels must be below it; ``None`` for no limit.

    Raises:
        DataError: Wrong count or range, or one action carries two labels (files of different order put together).
    """
    if len(labels) != len(names):
        raise DataError(f"{origin}: {len(labels)} labels for {len(names)} clips")
    bad = np.flatnonzero((labels < -1) | (labels >= (num_classes or np.inf)))
    if len(bad):
        i = int(bad[0])
        limit = "no limit" if num_classes is None else num_classes - 1
        raise DataError(
            f"{origin}: {len(bad)} labels are out of range, first {names[i]}: {labels[i]} is not in [0, {limit}] "
            "(nor -1, unknown); is the label file that of another set, or does it count from 1?"
        )
    action = attributes_from_names(names).get("action")
    if action is None:
        return
    pairs = np.unique(np.stack([action, labels])[:, labels >= 0], axis=1)
    for kind, row in (("action", pairs[0]), ("label", pairs[1])):
        value, count = np.unique(row, return_counts=True)
        if (count > 1).any():
            other = pairs[1 if kind == "action" else 0][row == value[count > 1][0]]
            raise DataError(
                f"{origin}: labels contradict the clip names: {kind} {value[count > 1][0]} goes with "
                f"{'labels' if kind == 'action' else 'actions'} {other.tolist()[:5]}; are data and label file a pair?"
            )


def as_labels(values: object, origin: Union[str, Path]) -> np.ndarray:
    """Labels as a file has them, made one kind.

    Args:
        values: Integers ``(n,)`` or ``(n, 1)``, or one-hot ``(n, K)``.
        origin: The file, for the message.

    Returns:
        ``(n,)`` int64.

    Raises:
        DataError: The values are neither.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        if not (((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()):
            raise DataError(f"{origin}: labels {array.shape} are not one-hot")
        return array.argmax(1).astype(np.int64)
    array = array.reshape(len(array)) if array.ndim and array.size == len(array) else array
    if array.ndim != 1 or array.dtype.kind not in "iufb" or (array != np.floor(array)).any():
        raise DataError(f"{origin}: {array.dtype} {array.shape} are no labels; wanted integers (n,) or one-hot (n, K)")
    return array.astype(np.int64)


def list_files(root: Union[str, Path], pattern: str, what: str) -> list[Path]:
    """Sorted files under a folder.

    Args:
        root: The folder.
        pattern: As for ``Path.glob``.
        what: The data set, for the messages.

    Raises:
        DataError: No such folder, or no such file in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{what}: the folder {root} does not exist; set the data root (data_root or MMSYNC_DATA_ROOT)")
    files = sorted(root.glob(pattern))
    if not files:
        raise DataError(f"{what}: no {pattern} under {root}; is this the right folder?")
    return files
