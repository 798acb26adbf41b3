"""Boxes of people, frame by frame, made tracks; and what all sources of tracks share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout, Track
from mmsync.structures.track import remarks


class TrackSource:
    """Base of the track sources; a subclass sets the attributes, calls ``check`` and writes ``load``.

    Attributes:
        modality: ``'video'`` or ``'skeleton'``.
        fps: Ticks a second.
        videos: Names of the videos, ``(n,)``.
        labels: ``(n,)`` int64 classes of the videos.
        class_names: ``None`` if unknown.
        splits: Names of videos by split.
        tracks: The tracks.
        layout: Of skeletons, as ``num_coords``.
    """

    modality: str
    fps: float
    videos: list[str]
    labels: np.ndarray
    class_names: Optional[list[str]] = None
    splits: dict[str, list[str]]
    tracks: list[Track]
    layout: SkeletonLayout
    num_coords: int

    def __len__(self) -> int:
        return len(self.tracks)

    def load(self, track: int, start: int, length: int) -> np.ndarray:
        """What is seen of a person.

        Args:
            track: Place in ``tracks``.
            start: First tick of the clock.
            length: Ticks ``T``.

        Returns:
            Crops ``(T, S, S, 3)`` uint8 RGB, flow ``(T, S, S, 2)`` uint8, or skeletons ``(T, V, C)`` float32; not to be
            written to.

        Raises:
            DataError: The track does not have these ticks, or the file cannot be read.
        """
        raise NotImplementedError

    def span(self, track: int, start: int, length: int) -> Track:
        """The track, once it is sure that it has the ticks ``start .. start + length - 1``; else a ``DataError``."""
        found = self.tracks[track]
        if length < 1 or start < found.start or start + length > found.stop:
            raise DataError(
                f"{found.video}, person {found.person}: the track has ticks {found.start} to {found.stop - 1}, "
                f"asked for {length} from {start}"
            )
        return found

    def check(self, origin: Union[str, Path], expected: Optional[Mapping[str, int]] = None) -> None:
        """Log what is there, and what is short of what was published.

        Args:
            origin: The file or folder, for the messages.
            expected: Number of videos by split, ``'all'`` for the whole set.

        Raises:
            DataError: No track at all.
        """
        if not self.tracks:
            raise DataError(f"{origin}: no track found")
        counts = remarks(self.videos, self.tracks, self.fps)
        print_log(
            f"{origin}: {len(self.tracks)} tracks in {len(self.videos)} videos; "
            + "; ".join(f"{kind}: {len(names)}" for kind, names in counts.items()),
            logger="current",
        )
        found = {"all": len(self.videos), **{split: len(names) for split, names in self.splits.items()}}
        short = {split: number for split, number in (expected or {}).items() if found.get(split, 0) != number}
        if short:
            text = ", ".join(
                f"{split}: expected {number}, found {found.get(split, 0)}" for split, number in short.items()
            )
            print_log(f"{origin}: the videos are not the published set ({text})", logger="current", level=30)
