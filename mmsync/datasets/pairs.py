"""Pairs of tracks, and whole scenes, as a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.structures import MotionSample, Track, View

from .collate import motion_collate
from .failures import Failures
from .pair_mix import apportion, shares_of, tell
from .pair_table import KINDS, PairTable
from .selection import Split, select

_ATTEMPTS = 100  # redraws of one pair before the data are given up


@DATASETS.register_module()
class PairDataset(Dataset):
    """Pairs of tracks of the kinds of :class:`PairTable`, newly drawn in each epoch.

    A batch has ``inputs.video (N, K, T, S, S, 3)`` uint8 or ``inputs.skeleton (N, K, T, V, C)`` float32. K is 2, or
    more for scenes; people who are not present are zero.

    The pairs of an epoch are drawn at once from ``(seed, epoch)``: each kind has its share of them to the pair, and no
    pair comes twice before all of its kind have come. The samples are the same for any number of workers. If a track
    cannot be read, its video is counted and logged, and another pair of the same kind takes the place; once more than
    ``max_bad_share`` of the videos are bad, the run stops with a list.

    A pair's class is the one that both people have in most frames of their windows; pairs without one, and those of two
    videos, are of ``negative_class``; -1 if unknown classes leave it open. Beside it, ``video_label`` is the class of
    the video, -1 of pairs of two videos or times.

    Args:
        source: A track source, or its config.
        mix: Weights of the kinds, ``dict(positive=1, easy=1, medium=1, hard=1)``; shares are relative to their sum.
        split: Which videos: a split of the source, ``dict(names=[...])``, ``dict(file='names.txt')``,
            ``dict(label=[...])``; ``None`` for all.
        roles: Instead of ``split``: one split for each role, ``dict(bank='set1', query='set2')``.
        window: Frames T of the tracks.
        iou_threshold: See :class:`PairTable`, as are the next three.
        shift: Frames by which hard negatives are moved; ``None``: ``window``.
        placement: ``'center'`` or ``'any'`` window.
        enlarge: Growth of the boxes before the IoU is taken.
        size: Pairs of an epoch, in each role; ``None``: so many that each positive pair comes once.
        persons: K; above 2 each sample is a scene: a positive pair, and who else of the video is there all the time.
            Their ``aligned (K, K)`` says which of them are positive to each other.
        redistribute: Give the share of a kind of negatives that the data lack to the other kinds; else it is an error.
        negative_class: Class of pairs that do nothing together, if the source has it; else they have label -1.
        seed: Of the pairs.
        max_bad_share: Share of the videos in [0, 1] that may be bad.
        test_mode: Draw the same pairs in every epoch.

    Raises:
        ConfigError: The arguments contradict each other.
        DataError: The data lack a kind that the mix asks for.
        ProtocolError: No such split.
    """

    config_schema = {"roles": ("train", "bank", "query"), "mix": KINDS}
    collate = staticmethod(motion_collate)  # batches are finished, and pass it

    def __init__(
        self,
        source: Union[dict, TrackSource],
        mix: Mapping[str, float],
        split: Optional[Split] = None,
        roles: Optional[Mapping[str, Split]] = None,
        window: int = 25,
        iou_threshold: float = 0.1,
        shift: Optional[int] = None,
        placement: Literal["center", "any"] = "center",
        enlarge: float = 0.0,
        size: Optional[int] = None,
        persons: int = 2,
        redistribute: bool = False,
        negative_class: str = "negative",
        seed: int = 0,
        max_bad_share: float = 0.01,
        test_mode: bool = False,
    ) -> None:
        if split is not None and roles is not None:
            raise ConfigError("PairDataset: give split or roles, not both; roles has a split for each role")
        if persons < 2 or (size is not None and size < 1):
            raise ConfigError(
                f"PairDataset: persons={persons}, size={size}: give 2 persons or more, and a pair or more"
            )
        self.source = DATASETS.build(source) if isinstance(source, Mapping) else source
        self.persons, self.redistribute, self.seed, self.test_mode = persons, redistribute, seed, test_mode
        names = self.source.class_names or []
        self.negative_label = names.index(negative_class) if negative_class in names else -1

        self.splits = {"train": split} if roles is None else dict(roles)
        video = np.array([track.video for track in self.source.tracks], dtype=object)
        names = np.array(self.source.videos, dtype=object)
        self.tables = {}
        for role, part in self.splits.items():
            chosen = select(part, self.source.videos, self.source.splits, {"label": self.source.labels})
            members = np.flatnonzero(np.isin(video, names[chosen]))
            self.tables[role] = PairTable(
                self.source.tracks, window, iou_threshold, shift, placement, enlarge, members
            )  # fmt: skip
            together = len(np.unique(video[self.tables[role].pairs]))
            if together < len(chosen):
                text = f"PairDataset, {role}: {together} of {len(chosen)} videos show two people for {window} frames"
                print_log(text, logger="current")
        self._place = {name: i for i, name in enumerate(self.source.videos)}
        hint = "Decode the videos, or look through the skeletons, before training"
        self.failures = Failures(self.source.videos, max_bad_share, "videos", hint)
        # shared with the workers, persistent ones too
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._mix = torch.zeros(len(KINDS), dtype=torch.float64).share_memory_()
        share = float(shares_of(mix)[0])
        self.sizes = {role: size or self._size(role, share) for role in self.tables}
        self._plan: tuple[object, np.ndarray, np.ndarray] = (None, np.zeros((0, 4)), np.zeros(0))
        self.set_mix(mix)

    def __len__(self) -> int:
        return sum(self.sizes.values())

    @property
    def metainfo(self) -> dict:
        """What tools ask a data set for: ``num_classes``, ``classes``, of skeletons ``layout``, ``num_coords``."""
        classes = self.source.class_names
        found = {"num_classes": len(classes) if classes else 0, "classes": classes}
        if self.source.modality == "skeleton":
            found.update(layout=self.source.layout.name, num_coords=self.source.num_coords)
        return found

    @property
    def epoch(self) -> int:
        """The epoch that keys what is random."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, to running workers too."""
        self._epoch.fill_(epoch)

    def set_mix(self, mix: Mapping[str, float]) -> None:
        """Change the shares of the kinds, in running workers too from their next batch on.

        Args:
            mix: As in the constructor.

        Raises:
            ConfigError: An unknown kind, a negative weight, or weights that are all 0.
            DataError: The data lack a kind.
        """
        shares = shares_of(mix)
        counts = {role: self._counts(shares, role) for role in self.tables}
        for role, found in counts.items():
            text = tell(found, self.tables[role].available, shares)
            print_log(f"PairDataset, {role}: {self.sizes[role]} pairs: {text}", logger="current")
        self._mix.copy_(torch.from_numpy(shares))

    def counts(self, mix: Mapping[str, float], role: str) -> dict[str, int]:
        """How many pairs of each kind an epoch has.

        Args:
            mix: Weights of the kinds.
            role: One of the data set's roles.

        Returns:
            Numbers by kind, which add up to the size.

        Raises:
            ConfigError: An unknown kind, a negative weight, or weights that are all 0.
            DataError: The data lack a kind.
        """
        return self._counts(shares_of(mix), role)

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of the present epoch: rows ``(len, 4)`` as of :class:`PairTable`, and kinds ``(len,)``."""
        key = (0 if self.test_mode else self.epoch, tuple(self._mix.tolist()))
        if self._plan[0] != key:
            rows, kinds = [], []
            for number, (role, table) in enumerate(self.tables.items()):
                rng = np.random.default_rng((self.seed, key[0], number))
                counts = self._counts(self._mix.numpy(), role)
                order = rng.permutation(self.sizes[role])
                rows.append(np.concatenate([table.draw(kind, n, rng) for kind, n in counts.items()])[order])
                kinds.append(np.repeat(list(counts), list(counts.values()))[order])
            self._plan = (key, np.concatenate(rows), np.concatenate(kinds))
        return self._plan[1], self._plan[2]

    def bad_clips(self) -> list[str]:
        """Names of the bad videos met so far, by any worker."""
        return self.failures.names

    def __getitem__(self, index: int) -> dict:
        """One sample: ``inputs``, a view ``(K, T, ...)`` by the modality's name, and ``data_samples``."""
        batch = self.__getitems__([range(len(self))[index]])
        inputs = {name: view.take(0) for name, view in batch["inputs"].items()}
        return {"inputs": inputs, "data_samples": batch["data_samples"][0]}

    def __getitems__(self, indices: Sequence[int]) -> dict:
        """A finished batch: ``inputs``, a view ``(N, K, T, ...)`` by the modality's name, and ``data_samples``."""
        found = [self._sample(index) for index in indices]
        mask = np.array([[len(parts) > k for k in range(self.persons)] for parts, _ in found])
        some = found[0][0][0]
        tracks = np.zeros((*mask.shape, *some.shape), some.dtype)
        for place, part in zip(np.argwhere(mask), (part for parts, _ in found for part in parts)):
            tracks[tuple(place)] = part
        inputs = {self.source.modality: View(torch.from_numpy(tracks), torch.from_numpy(mask))}
        return {"inputs": inputs, "data_samples": [sample for _, sample in found]}

    def _sample(self, index: int) -> tuple[list[np.ndarray], MotionSample]:
        """Tracks of a pair, or of another one of its kind if it cannot be read: always the same one."""
        rows, kinds = self.drawn()
        row, kind = rows[index], str(kinds[index])
        number = int(np.searchsorted(np.cumsum(list(self.sizes.values())), index, "right"))
        role = list(self.tables)[number]
        table, epoch = self.tables[role], 0 if self.test_mode else self.epoch
        for attempt in range(_ATTEMPTS):
            first, first_start, second, second_start = row.tolist()
            places = [(first, first_start), (second, second_start)]
            if self.persons > 2 and kind == "positive":
                more = table.others(self.source.tracks[first].video, first_start, [first, second])
                places += [(track, first_start) for track in more[: self.persons - 2]]
            parts = [self._load(track, start, table.window) for track, start in places]
            read = [part for part in parts if part is not None]
            if len(read) == len(parts):
                return read, self._describe(places, kind, table, index, role)
            rng = np.random.default_rng((self.seed, epoch, number, index, attempt))
            row = table.draw(kind, 1, rng)[0]
        raise DataError(
            f"{_ATTEMPTS} {kind} pairs one after the other could not be read: {', '.join(self.bad_clips())}"
        )

    def _load(self, track: int, start: int, length: int) -> Optional[np.ndarray]:
        """The window of a track; ``None``, and its video counted as bad, if it cannot be read."""
        video = self.source.tracks[track].video
        try:
            data = self.source.load(track, start, length)
            if data.dtype.kind != "f" or np.isfinite(data).all():
                return data
            error: Exception = DataError(f"{video}: NaN or infinity in frames {start} to {start + length - 1}")
        except (DataError, OSError) as found:
            error = found
        if self._place[video] not in self.failures:
            self.failures.add(self._place[video], error)
        return None

    def _describe(
        self, places: Sequence[tuple[int, int]], kind: str, table: PairTable, index: int, role: str
    ) -> MotionSample:
        tracks = [self.source.tracks[track] for track, _ in places]
        label = self.negative_label
        if tracks[0].video == tracks[1].video:
            first, second = (
                _majority(track.labels[start - track.start :][: table.window])
                for track, (_, start) in zip(tracks[:2], places)
            )
            if first is not None and first == second:
                label = first
            elif -1 in (first, second) and not {None, self.negative_label} & {first, second}:
                label = -1
        meta: dict[str, object] = dict(
            positive=int(kind == "positive"), kind=kind, name=tracks[0].video, other=tracks[1].video,
            persons=[track.person for track in tracks], index=index, role=role,
            video_label=self._video_label(tracks, kind),
            windows="-".join(f"{track.video}.{track.person}@{start}" for track, (_, start) in zip(tracks, places)),
        )  # fmt: skip
        if self.persons > 2:
            aligned = np.zeros((self.persons, self.persons), dtype=bool)
            if kind == "positive":
                aligned[: len(places), : len(places)] = table.aligned([track for track, _ in places], places[0][1])
            meta["aligned"] = aligned.tolist()
        return MotionSample.quick(label, meta)

    def _video_label(self, tracks: Sequence[Track], kind: str) -> int:
        return int(self.source.labels[self._place[tracks[0].video]]) if kind in ("positive", "medium") else -1

    def _size(self, role: str, share: float) -> int:
        if not share:
            raise ConfigError(
                "PairDataset: size=None makes an epoch of all positive pairs, and the mix has none; give size"
            )
        available = self.tables[role].available["positive"] or 1  # without any, the mix is refused with what there is
        return round(available / share)

    def _counts(self, shares: np.ndarray, role: str) -> dict[str, int]:
        available = self.tables[role].available
        return apportion(shares, self.sizes[role], available, self.redistribute, f"PairDataset, {role}")


def _majority(labels: np.ndarray) -> Optional[int]:
    """The label, -1 included, of more than half of the frames, if there is one."""
    values, counts = np.unique(labels, return_counts=True)
    return int(values[counts.argmax()]) if 2 * counts.max() > len(labels) else None
