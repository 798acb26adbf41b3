"""Skeletons of several people as tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from tqdm import tqdm

from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.registry import DATASETS
from mmsync.structures import Track


@DATASETS.register_module()
class SkeletonTrackSource(TrackSource):
    """Every person of every clip of a skeleton source as a track, ``(T, V, C)`` float32, without boxes.

    A person who is absent in between (all zeros) has several tracks. Frames carry the class of the clip; exactly two
    people in a clip are partners.

    Args:
        source: The skeleton source, such as ``dict(type='SBUSource', data_root='data/sbu')``.
        classes: Classes to keep, by name or index in the source, in the order of the new labels: NTU's actions of two
            persons are ``[*range(49, 60), *range(105, 120)]``. ``None`` keeps all clips.
        fps: Frames a second of the source: 30 of a Kinect, 15 of SBU.

    Raises:
        ConfigError: No such class.
        DataError: No clip is left.
    """

    modality = "skeleton"

    def __init__(
        self, source: Union[Mapping[str, Any], SkeletonSource], classes: Optional[Sequence[Union[int, str]]] = None,
        fps: float = 30.0,
    ) -> None:  # fmt: skip
        self.source: SkeletonSource = DATASETS.build(source) if isinstance(source, Mapping) else source
        if not isinstance(self.source, SkeletonSource):
            raise ConfigError(f"SkeletonTrackSource: {type(self.source).__name__} is no source of skeletons")
        self.fps, self.layout, self.num_coords = float(fps), self.source.layout, self.source.num_coords
        labels = self.source.labels
        labels = np.full(len(self.source), -1, np.int64) if labels is None else np.asarray(labels, dtype=np.int64)
        self.class_names = self.source.class_names
        kept = np.arange(len(labels))
        if classes is not None:
            wanted = [self._class(label) for label in classes]
            place = np.full(max(labels.max(initial=0), *wanted) + 2, -1)  # the last one is that of label -1
            place[wanted] = np.arange(len(wanted))
            labels = place[labels]
            kept = np.flatnonzero(labels >= 0)
            self.class_names = None if self.class_names is None else [self.class_names[label] for label in wanted]
        self.names, self.labels = [self.source.names[i] for i in kept], labels[kept]
        self.attributes = {key: values[kept] for key, values in self.source.attributes.items()}
        known = set(self.names)
        self.splits = {split: [name for name in names if name in known] for split, names in self.source.splits.items()}
        self._clip = dict(zip(self.names, kept.tolist()))
        self.tracks = []
        for i in tqdm(kept.tolist(), desc="find people", unit="clip", delay=2, leave=False, disable=None):
            self.tracks += _people(self.source.names[i], self.source.load(i), int(labels[i]))
        self.check(f"people of {type(self.source).__name__}")

    def files(self) -> list[Path]:
        """The files of the source."""
        return self.source.files()

    def fold_of(self, split: Any) -> Optional[str]:
        """The fold that a split of the source belongs to."""
        return self.source.fold_of(split)

    def load(self, track: int, start: int, length: int) -> np.ndarray:
        """Skeletons ``(T, V, C)`` float32 of ticks ``start .. start + length - 1``; see :meth:`TrackSource.load`."""
        found = self.span(track, start, length)
        return self.source.load(self._clip[found.video])[found.person, start : start + length]

    def _class(self, label: Union[int, str]) -> int:
        names = self.class_names or []
        if isinstance(label, str) and label in names:
            return names.index(label)
        if isinstance(label, int) and 0 <= label < (len(names) or np.inf):
            return label
        hint = did_you_mean(nearest(label, names)) if isinstance(label, str) else f"; there are {len(names)}"
        raise ConfigError(f"SkeletonTrackSource: classes: the source has no class {label!r}{hint}")


def _people(name: str, clip: np.ndarray, label: int) -> list[Track]:
    """Tracks of a clip ``(M, T, V, C)``: the periods in which a person is present."""
    there = np.any(clip, axis=(2, 3))
    persons = np.flatnonzero(there.any(axis=1))
    tracks = []
    for person in persons.tolist():
        edges = np.diff(there[person].astype(np.int8), prepend=0, append=0)
        for start, stop in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()):
            partner = np.full(stop - start, -1, np.int64)
            if len(persons) == 2:
                other = int(persons[persons != person][0])
                partner[there[other, start:stop]] = other
            tracks.append(Track(name, person, start, None, np.full(stop - start, label, np.int64), partner))
    return tracks
