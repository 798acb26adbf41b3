"""Pairs of tracks, and whole scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Optional, Union
from zlib import crc32

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.kinds import KindDataset
from mmsync.datasets.pair_table import PAIR_KINDS, PairTable
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.structures import MotionSample


@DATASETS.register_module()
class PairDataset(KindDataset):
    """Pairs of tracks of the kinds of :class:`PairTable`, newly drawn in each epoch.

    A batch has ``inputs.video (N, K, T, S, S, 3)`` uint8 or ``inputs.skeleton (N, K, T, V, C)`` float32. K is 2, or
    more for scenes; people who are not present are zero. If a track cannot be read, its video is counted as bad.

    A pair's class is the one that both people have in most frames of their windows; pairs without one, and those of two
    videos, are of ``negative_class``; -1 if unknown classes leave it open. ``video_label`` is the class of the video,
    -1 of pairs of two videos or times.

    Args:
        source: A track source, or its config.
        mix: Weights of the kinds, ``dict(positive=1, easy=1, medium=1, hard=1)``; shares are relative to their sum.
        window: Frames T of the tracks.
        iou_threshold: See :class:`PairTable`, as are the next three.
        shift: Frames by which hard negatives are moved; ``None``: ``window``.
        placement: ``'center'`` or ``'any'`` window.
        enlarge: Growth of the boxes before the IoU is taken.
        size: Pairs of an epoch, in each role; ``None``: so many that each positive pair comes once.
        persons: K; above 2 each sample is a scene: a positive pair, and the others of the video who are there all the
            time. Their ``aligned (K, K)`` says which of them are positive to each other; ``moments (K, 3)`` are a
            number of the video, the first frame and the end of each window.
        redistribute: Give the share of a kind of negatives that the data lack to the other kinds; else it is an error.
        negative_class: Class of pairs that do nothing together, if the source has it; else they have label -1.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`; items are videos.

    Raises:
        DataError: The data lack a kind that the mix asks for.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("window",)
    config_schema: ClassVar[dict[str, Any]] = {"mix": tuple(kind.name for kind in PAIR_KINDS)}
    kinds = PAIR_KINDS
    item: ClassVar[str] = "video"
    unit: ClassVar[str] = "pairs"
    advice: ClassVar[str] = "Decode the videos, or look through the skeletons, before training"
    more: ClassVar[str] = "Longer tracks, a smaller window or shift, or placement='any' give more; "

    def __init__(
        self, source: Union[Mapping, TrackSource], mix: Mapping[str, float], window: int = 25,
        iou_threshold: float = 0.1, shift: Optional[int] = None, placement: Literal["center", "any"] = "center",
        enlarge: float = 0.0, size: Optional[int] = None, persons: int = 2, redistribute: bool = False,
        negative_class: str = "negative", **keyed: Any,
    ) -> None:  # fmt: skip
        if persons < 2:
            raise ConfigError(f"PairDataset: persons={persons}: give 2 or more")
        self.window, self.persons, self.negative_class = window, persons, negative_class
        self._table_options = (window, iou_threshold, shift, placement, enlarge)
        super().__init__(source, mix, size, redistribute, **keyed)

    def prepare(self) -> None:
        """Make the table of pairs of each role."""
        names, tracks = self.source.class_names or [], self.source.tracks
        self.negative_label = names.index(self.negative_class) if self.negative_class in names else -1
        place = {name: i for i, name in enumerate(self.source.names)}
        self._video = np.array([place[track.video] for track in tracks], dtype=np.int64)  # of each track
        self.tables = {}
        for role in self.splits:
            videos = self.items(role)
            table = PairTable(tracks, *self._table_options, np.flatnonzero(np.isin(self._video, videos)))
            self.tables[role] = table
            together = len(np.unique(self._video[table.pairs]))
            if together < len(videos):
                text = f"{together} of {len(videos)} videos show two people for {self.window} frames"
                print_log(f"PairDataset, {role}: {text}", logger="current")

    @property
    def places(self) -> np.ndarray:
        """``(n,)`` int64, the place in the source of the first track's video in each pair of the present epoch."""
        return self._video[self.drawn()[0][:, 0]]

    def available(self, role: str) -> Mapping[str, int]:
        return self.tables[role].available

    def draw(self, role: str, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        return self.tables[role].draw(kind, count, rng)

    def read_row(self, row: np.ndarray, kind: str, index: int) -> dict[str, Any]:
        first, first_start, second, second_start = row.tolist()
        places = [(first, first_start), (second, second_start)]
        table = self.tables[self.roles[index]]
        if self.persons > 2 and kind == "positive":
            more = table.others(self.source.tracks[first].video, first_start, [first, second])
            places += [(track, first_start) for track in more[: self.persons - 2]]
        parts = [self._load(track, start, self.window) for track, start in places]
        present = np.arange(self.persons) < len(parts)
        inputs = {self.source.modality: (parts, present)}
        return {"inputs": inputs, "data_samples": self._describe(places, kind, table, index)}

    def read_all(self) -> Iterator[None]:
        """Read each track of the chosen videos as a whole, a step for each; ``failures`` has what is wrong."""
        videos = np.concatenate([self.items(role) for role in self.splits])
        for track in np.flatnonzero(np.isin(self._video, videos)).tolist():
            if int(self._video[track]) not in self.failures:
                with self._quietly():
                    self._load(track, self.source.tracks[track].start, len(self.source.tracks[track]))
            yield

    def _load(self, track: int, start: int, length: int) -> np.ndarray:
        with self.counted(int(self._video[track])):
            data = self.source.load(track, start, length)
            if data.dtype.kind == "f" and not np.isfinite(data).all():
                video, stop = self.source.tracks[track].video, start + length - 1
                raise DataError(f"{video}: NaN or infinity in frames {start} to {stop}")
            return data

    def _describe(self, places: Sequence[tuple[int, int]], kind: str, table: PairTable, index: int) -> MotionSample:
        tracks = [self.source.tracks[track] for track, _ in places]
        aligned = kind in ("positive", "medium")  # both in the same window of one video
        video_label = int(self._labels_at(self._video[[places[0][0]]])[0]) if aligned else -1
        meta: dict[str, object] = dict(
            positive=int(self.is_positive(kind)), kind=kind, name=tracks[0].video, other=tracks[1].video,
            persons=[track.person for track in tracks], index=index, role=self.roles[index], video_label=video_label,
            windows="-".join(f"{track.video}.{track.person}@{start}" for track, (_, start) in zip(tracks, places)),
        )  # fmt: skip
        if self.persons > 2:
            near = np.zeros((self.persons, self.persons), dtype=bool)
            if kind == "positive":
                near[: len(places), : len(places)] = table.aligned([track for track, _ in places], places[0][1])
            meta["aligned"] = near.tolist()
            moments = [[crc32(t.video.encode()), start, start + self.window] for t, (_, start) in zip(tracks, places)]
            meta["moments"] = moments + [[0, 0, 0]] * (self.persons - len(moments))
        return MotionSample.quick(self._pair_label(places[:2]), meta)

    def _pair_label(self, places: Sequence[tuple[int, int]]) -> int:
        """The class of a pair of windows: that of most frames of both, else the negative class or unknown."""
        tracks = [self.source.tracks[track] for track, _ in places]
        if tracks[0].video != tracks[1].video:
            return self.negative_label
        first, second = (
            _majority(track.labels[start - track.start :][: self.window]) for track, (_, start) in zip(tracks, places)
        )
        if first is not None and first == second:
            return first
        unclear = -1 in (first, second) and not {None, self.negative_label} & {first, second}
        return -1 if unclear else self.negative_label


def _majority(labels: np.ndarray) -> Optional[int]:
    """The label, -1 included, of more than half of the frames, if there is one."""
    values, counts = np.unique(labels, return_counts=True)
    return int(values[counts.argmax()]) if 2 * counts.max() > len(labels) else None
