"""The base of sources of tracks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import DataError, unwritten
from mmsync.structures import SkeletonLayout, Track
from mmsync.structures.track import remarks


class TrackSource(BaseSource):
    """Base of the track sources; items are videos; a subclass sets the attributes, calls ``check``, writes ``load``."""

    item = "video"
    fps: float  # ticks a second
    tracks: list[Track]
    layout: SkeletonLayout  # of skeletons, as num_coords
    num_coords: int

    @property
    def metainfo(self) -> dict[str, Any]:
        """Classes; of skeletons layout and coordinates too."""
        joints = {"layout": self.layout.name, "num_coords": self.num_coords} if self.modality == "skeleton" else {}
        return {**super().metainfo, **joints}

    def load(self, track: int, start: int, length: int) -> np.ndarray:
        """Ticks from ``start``: crops ``(T, S, S, 3)``, flow ``(T, S, S, 2)``, or skeletons ``(T, V, C)`` float32."""
        raise unwritten(self, "load(track, start, length)")

    def span(self, track: int, start: int, length: int) -> Track:
        """The track, if it has the ticks ``start .. start + length - 1``; else a ``DataError``."""
        found = self.tracks[track]
        if length < 1 or start < found.start or start + length > found.stop:
            ticks = f"ticks {found.start} to {found.stop - 1}, asked for {length} from {start}"
            raise DataError(f"{found.video}, person {found.person}: the track has {ticks}")
        return found

    def check(self, origin: Union[str, Path], expected: Optional[Mapping[str, int]] = None) -> None:
        """Check names, labels and tracks, and log the numbers of videos and tracks; see :meth:`BaseSource.check`."""
        if not self.tracks:
            raise DataError(f"{origin}: no track found")
        super().check(origin, expected)
        counts = remarks(self.names, self.tracks, self.fps)
        text = "; ".join(f"{kind}: {len(names)}" for kind, names in counts.items())
        print_log(f"{origin}: {len(self.tracks)} tracks in {len(self.names)} videos; {text}", logger="current")
