"""The contract of all sources, and the checks that they share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.converters.ntu import NTU_NAME
from mmsync.errors import DataError

_NAME_PATTERNS = (
    NTU_NAME,
    re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_e(?P<episode>\d+)_v(?P<view>\d+)"),  # NW-UCLA
)


class BaseSource:
    """Base of all sources: the attributes that data sets read. Each family adds one reader, see its base class.

    ==========  ================  ==================================================================
    family      base class        reader
    ==========  ================  ==================================================================
    skeleton    `SkeletonSource`  ``load(index)``: a clip ``(M, T, V, C)``
    tracks      `TrackSource`     ``load(track, start, length)``: crops, flow or joints of a person
    clips       `ClipSource`      ``read(index, times, size, crop)``: pictures ``(T, H, W, 3)``
    sequences   `SequenceSource`  ``load(index)``: ``(T, ...)``, and ``frame_labels(index)``
    sounds      `SoundSource`     ``file(index)``: a file of sound
    streams     `StreamSource`    ``read(index, stream, start, duration)``: ``(T, ...)`` of one of two streams
    ==========  ================  ==================================================================

    A subclass sets the attributes, calls ``check`` and writes its reader.
    """

    item = "clip"  # what an item is called in messages
    needed: Sequence[str] = ("modality", "names", "splits")  # attributes that a subclass has to set
    modality: str  # name of the input that batches have
    names: list[str]  # unique, of the items (clips, videos, sequences), (n,)
    labels: Optional[np.ndarray] = None  # (n,) int64 with -1 for unknown
    class_names: Optional[list[str]] = None
    input_arguments: ClassVar[tuple[str, ...]] = ()  # that shape a sample; checkpoints are compared by them
    splits: dict[str, list[str]]  # names of items by split
    attributes: Mapping[str, np.ndarray] = MappingProxyType({})  # (n,) arrays by name: subject, view, ...
    fold: Optional[str] = None  # as '<data set>/<fold>'; None where there are no folds

    def __len__(self) -> int:
        return len(self.names)

    @property
    def metainfo(self) -> dict[str, Any]:
        """Facts about the data that a data set passes on."""
        return {"classes": self.class_names}

    def problem(self, index: int) -> Optional[str]:
        """Why an item cannot be used, as far as is known before it is read; ``None`` if it can."""
        return None

    def fold_of(self, split: Any) -> Optional[str]:
        """The fold of a split, as ``'<data set>/<fold>'``; ``None``, all items, is a fold that overlaps with all."""
        if self.fold is None or split is not None:
            return self.fold
        return f"{self.fold.split('/')[0]}/all"

    def files(self) -> list[Path]:
        """The files that the items are read from; none if they cannot be listed."""
        return []

    def check(self, origin: Union[str, Path], expected: Optional[Mapping[str, int]] = None) -> None:
        """Check names and labels, a ``DataError`` if wrong; log the numbers of items by split and the expected ones."""
        if not self.names:
            raise DataError(f"{origin}: no {self.item} found")
        unique, counts = np.unique(np.asarray(self.names, dtype=object), return_counts=True)
        if len(unique) < len(self.names):
            twice = unique[counts > 1]
            raise DataError(f"{origin}: {len(twice)} {self.item} names occur twice: {', '.join(twice[:5])}")
        for split, names in self.splits.items():
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise DataError(f"{origin}: split {split!r} is {str(names)[:60]!r}; wanted a list of names")
        for key, values in self.attributes.items():
            if len(values) != len(self.names):
                raise DataError(
                    f"{origin}: attribute {key} has {len(values)} values for {len(self.names)} {self.item}s"
                )
        if self.labels is not None:
            check_labels(self.labels, self.names, origin, len(self.class_names) if self.class_names else None)
        found = {"all": len(self.names), **{split: len(names) for split, names in self.splits.items()}}
        expected = expected or {}
        shown = {k: n for k, n in found.items() if k in expected} or found
        text = ", ".join(f"{k} {f'{expected[k]}/' if k in expected else ''}{n}" for k, n in shown.items())
        wrong = {k: (n, found.get(k, 0)) for k, n in expected.items() if found.get(k, 0) != n}
        print_log(f"{origin}: {self.item}s ({'expected/' if expected else ''}found): {text}", logger="current")
        if wrong:
            text = ", ".join(f"{k}: expected {a}, found {b}" for k, (a, b) in wrong.items())
            print_log(f"{origin}: the {self.item}s are not the published set ({text})", logger="current", level=30)


NUMBERED = "number the classes from 0 on, -1 for unknown, and give their names as class_names"


def lists_problem(source: Any) -> Optional[str]:
    """What is wrong with the attributes of a source that data sets read; ``None`` if nothing is."""
    for part in source.needed:
        if not hasattr(source, part):
            return f"sets no `{part}`"
    names, labels = source.names, source.labels
    if not all(isinstance(one, str) for one in names):
        return "names has to be a list of strings"
    if labels is not None:
        right = isinstance(labels, np.ndarray) and labels.shape == (len(names),) and labels.dtype.kind == "i"
        found = f"{getattr(labels, 'dtype', type(labels).__name__)} {np.shape(labels)}"
        if not right:
            return f"labels are {found}; give an array ({len(names)},) int64, one for each name, -1 unknown"
    for key, values in source.attributes.items():
        if not isinstance(values, np.ndarray) or values.shape[:1] != (len(names),):
            found = f"{type(values).__name__} {np.shape(values)}"
            return f"attribute {key!r} is {found}; give an array ({len(names)},), one value for each name"
    return None


def attributes_from_names(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Attributes that NTU and NW-UCLA names contain, int64 ``(n,)`` each; empty if any name is of another kind."""
    for pattern in _NAME_PATTERNS:
        matches = [pattern.search(name) for name in names]
        if names and all(matches):
            return {key: np.array([int(m[key]) for m in matches if m], dtype=np.int64) for key in pattern.groupindex}
    return {}


def check_labels(
    labels: np.ndarray, names: Sequence[str], origin: Union[str, Path], num_classes: Optional[int] = None
) -> None:
    """Check labels ``(n,)`` int64, -1 for unknown, against the number of classes and the action in the names."""
    if len(labels) != len(names):
        raise DataError(f"{origin}: {len(labels)} labels for {len(names)} clips")
    if np.asarray(labels).dtype.kind not in "iu":
        listed = np.asarray(labels).tolist()
        i = next((i for i, label in enumerate(listed) if not isinstance(label, int)), 0)
        raise DataError(f"{origin}: the label of {names[i]} is {listed[i]!r}; {NUMBERED}")
    bad = np.flatnonzero((labels < -1) | (labels >= (num_classes or np.inf)))
    if len(bad):
        i = int(bad[0])
        limit = "no limit" if num_classes is None else num_classes - 1
        text = f"{len(bad)} labels are out of range, first {names[i]}: {labels[i]} is not in [0, {limit}] (nor -1)"
        raise DataError(f"{origin}: {text}; is the label file that of another set, or does it count from 1?")
    action = attributes_from_names(names).get("action")
    if action is None:
        return
    pairs = np.unique(np.stack([action, labels])[:, labels >= 0], axis=1)
    value, count = np.unique(pairs[0], return_counts=True)
    for twice in value[count > 1]:  # several actions may be one class
        text = f"action {twice} goes with labels {pairs[1][pairs[0] == twice].tolist()[:5]}"
        raise DataError(f"{origin}: labels contradict the clip names: {text}; are data and label file a pair?")
