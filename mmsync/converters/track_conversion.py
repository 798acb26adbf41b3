"""Videos and the boxes of their people into a store of tracks: the part that all data sets share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.converters.boxes import FPS, BoxTable, build_tracks, ticks_of_video
from mmsync.converters.report import Report
from mmsync.errors import DataError
from mmsync.media.av_reader import Clock, open_container
from mmsync.media.index import USABLE, build_index
from mmsync.store.tracks import TrackStore, write_track_store
from mmsync.structures import Track
from mmsync.structures.track import remarks

Facts = Mapping[str, Any]  # a row of the index of videos


class TrackConversion:
    """Decode videos below ``report.raw`` once (resumable by their index), collect tracks, write the store ``out``."""

    def __init__(
        self, out: Union[str, Path], report: Report, videos: Iterable[Path], workers: int, overwrite: bool
    ) -> None:
        self.out, self.report, self.overwrite = Path(out), report, overwrite
        self._decoded = self.out.with_name(f".{self.out.name}.index")
        names = [report.shown(video) for video in videos]
        self._index = build_index(report.raw, self._decoded, names, workers).rows if names else {}
        self._videos: list[dict[str, Any]] = []
        self._tracks: list[Track] = []

    @property
    def names(self) -> list[str]:
        """Names of the clips that were added."""
        return [video["name"] for video in self._videos]

    def usable(self, video: Path) -> Optional[Facts]:
        """The index's row of a video; ``None``, and a fault in the report, if the video cannot be used."""
        row = self._index[self.report.shown(video)]
        if row["status"] in USABLE:
            return row
        self.report.fault(f"video is {row['status']}", video, row["reason"])
        return None

    def add(
        self, name: str, video: Path, row: Facts, table: BoxTable, max_gap: int,
        times: Optional[np.ndarray], label: int = -1, notes: Optional[Mapping[str, str]] = None,
    ) -> None:  # fmt: skip
        """Add a clip: its row of the index, boxes, ``times`` of :func:`frame_times`; ``notes``: remarks by kind."""
        for kind, detail in {**(notes or {}), **box_remarks(table, row)}.items():
            self.report.remarks[kind][name] = detail
        table = table.take(table.frame < row["frames"])
        ticks = ticks_of_video(row["frames"], row["rate"], FPS, times)
        self._tracks += build_tracks(name, table, max_gap, ticks)
        facts = {key: row[key] for key in ("frames", "rate", "start", "width", "height")}
        self._videos.append({"name": name, "file": self.report.shown(video), "label": label, **facts})

    def finish(
        self, class_names: Sequence[str], splits: Mapping[str, list[str]], expected: Mapping[str, int], origin: str,
        hint: str = "",
    ) -> Report:  # fmt: skip
        """Complete the report and write the store with it; without a track, a ``DataError`` that ends in ``hint``."""
        tracks, report = self._tracks, self.report
        for kind, which in remarks(self.names, tracks, FPS).items():
            if which:
                report.remarks[kind] = which
        report.stored = len(self._videos)
        report.notes.append(f"{len(tracks)} tracks, {sum(map(len, tracks))} boxes at {FPS:g} ticks a second")
        if not tracks:
            raise DataError(f"{report.to_text()}\nno clip of {report.raw} is left{hint}")
        media_root = str(report.raw.resolve())
        facts = list(class_names), dict(splits), dict(expected), origin
        store = TrackStore(self._videos, tracks, media_root, FPS, *facts)
        write_track_store(self.out, store, {"report.json": report.to_json()}, self.overwrite)
        self._decoded.unlink(missing_ok=True)
        return report


def frame_times(video: Path, row: Facts) -> Optional[np.ndarray]:
    """Seconds from the first frame to each, ``(frames,)``; ``None`` of a constant rate."""
    if not row["is_vfr"]:
        return None
    container, stream = open_container(video)
    clock = Clock(container, stream)
    with container:
        times = np.array([clock.time(frame) for frame in container.decode(stream)])
    return times - times[0]


def box_remarks(table: BoxTable, row: Facts) -> dict[str, str]:
    """Reasons why some boxes of a video are of no use, by kind."""
    notes = {}
    late = int((table.frame >= row["frames"]).sum())
    if late:
        last = int(table.frame.max()) + 1
        notes["fewer frames than annotated"] = f"{row['frames']} of {last} frames decode, {late} boxes cut off"
    size = np.array([row["width"], row["height"]])
    leaving = (table.box[:, :2] < 0).any(1) | (table.box[:, 2:] > size).any(1)
    beyond = (table.box[:, 2:] <= 0).any(1) | (table.box[:, :2] >= size).any(1)
    for kind, which in (("boxes leave the picture", leaving & ~beyond), ("boxes beyond the picture", beyond)):
        if which.any():
            notes[kind] = f"{which.sum()} boxes, first in frame {table.frame[which].min()}"
    return notes
