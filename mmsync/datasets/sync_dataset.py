"""Windows of two streams of one clock: the base of data sets that ask whether both are in sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.kinds import Kind, KindDataset
from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError

SYNC_KINDS = (Kind("positive", positive=True), Kind("easy"), Kind("hard"), Kind("super_hard"))
Gap = tuple[float, Optional[float]]


class SyncDataset(KindDataset):
    """Base of the windows of two streams, of four kinds as in AVTS (Korbar et al., 2018, sec. 3).

    In sync (``positive``); the second one of another item (``easy``); of the same item with a ``gap`` between both
    windows (``hard``), or overlapping by ``overlap`` seconds (``super_hard``).

    A subclass writes :meth:`extent` and ``read_row``. Rows of :meth:`draw` are the item and start of the first window,
    those of the second one (microseconds), and a seed.

    Args:
        source: A source, or its config.
        mix: Weights of the kinds, ``dict(positive=1, easy=1)``.
        duration: Length of the windows, seconds.
        gap: Least and largest time between the windows of ``hard`` samples, seconds; ``None`` for no largest. Windows
            may overlap: from ``-duration`` on, not included.
        overlap: Seconds by which the windows of ``super_hard`` samples overlap, less than ``duration``; ``None``: half
            of it.
        num_samples: Samples of an epoch, in each role; ``None``: so many that each item comes once as positive.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KindDataset`.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No item has both streams, or the data lack a kind that the mix asks for.
    """

    config_schema: ClassVar[dict[str, Any]] = {"mix": tuple(kind.name for kind in SYNC_KINDS)}
    kinds = SYNC_KINDS
    unit: ClassVar[str] = "windows"
    size_argument: ClassVar[str] = "num_samples"
    more: ClassVar[str] = "Longer items, a smaller gap or shorter windows give more; "
    margin: float = 0.0  # seconds that a window keeps from the ends of its item
    span: float  # seconds that a window needs

    def __init__(
        self, source: Union[Mapping, BaseSource], mix: Mapping[str, float], duration: float = 1.0,
        gap: Gap = (0.5, None), overlap: Optional[float] = None, num_samples: Optional[int] = None, **keyed: Any,
    ) -> None:  # fmt: skip
        low, high = gap
        overlap = duration / 2 if overlap is None else overlap
        who = type(self).__name__
        if not duration > 0 or not 0 < overlap < duration:
            raise ConfigError(f"{who}: {duration=}, {overlap=}: give a positive duration, and 0 < overlap < duration")
        if low <= -duration or (high is not None and high <= low):
            raise ConfigError(f"{who}: {gap=}, {duration=}: give -duration < low < high, or None for no largest gap")
        self.duration, self.gap, self.overlap = duration, (low, high), overlap
        self.span = getattr(self, "span", duration)
        super().__init__(source, mix, num_samples, **keyed)

    def extent(self, place: int) -> Union[tuple[float, float], str]:
        """First and last second in which an item has both streams, or why it cannot be used."""
        raise NotImplementedError

    def open(self) -> None:
        """Open what :meth:`extent` needs; called once, before it."""

    def windows(self, places: np.ndarray) -> np.ndarray:
        """Leave out, and name, items that cannot be used or that have no window."""
        self.open()
        count = len(self.source)
        self._first, self._last = np.zeros(count), np.full(count, -1.0)
        problems: dict[str, list[str]] = {}
        for place in places.tolist():
            found = self.extent(place)
            if not isinstance(found, str):
                self._first[place], self._last[place] = found[0] + self.margin, found[1] - self.span - self.margin
                if self._last[place] >= self._first[place]:
                    continue
                found = f"have both streams for less than {self.span + 2 * self.margin:g} s"
            problems.setdefault(found, []).append(self.source.names[place])
        left_out = {name for names in problems.values() for name in names}
        for problem, names in problems.items():
            some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            text = f"{len(names)} of {len(places)} {self.item}s {problem} and are left out: {some}"
            print_log(f"{self._kind}: {text}", logger="current", level=30)
        return np.array([self.source.names[place] not in left_out for place in places.tolist()], dtype=np.int64)

    def prepare(self) -> None:
        """Find the items of each role that are long enough for each kind."""
        room = self._last - self._first
        self._usable_items: dict[str, dict[str, np.ndarray]] = {}
        self._instance: dict[str, dict[int, int]] = {}
        for role in self.splits:
            items = self.items(role)
            self._instance[role] = {int(item): i for i, item in enumerate(items)}
            # a window at one end of the item leaves the most room for another one
            self._usable_items[role] = {
                "positive": items, "easy": items, "hard": items[room[items] >= self.gap[0] + self.duration],
                "super_hard": items[room[items] >= self.duration - self.overlap],
            }  # fmt: skip

    @property
    def num_instances(self) -> int:
        """One more than the largest ``instance`` of a sample: the number of items, of the largest role."""
        return max(map(len, self._instance.values()))

    def available(self, role: str) -> Mapping[str, int]:
        found = {kind: len(items) for kind, items in self._usable_items[role].items()}
        return {**found, "easy": found["easy"] * (found["easy"] > 1)}

    def draw(self, role: str, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Rows ``(count, 5)`` int64, see the class."""
        items = self._items_for(role, kind)
        item = np.concatenate([rng.permutation(items) for _ in range(-(-count // len(items)))])[:count]
        first, last = self._first[item], self._last[item]
        start = first + rng.random(count) * (last - first)
        other, other_start = item, start
        if kind == "easy":
            shift = np.searchsorted(items, item) + rng.integers(1, len(items), size=count)
            other = items[shift % len(items)]
            other_start = self._first[other] + rng.random(count) * (self._last[other] - self._first[other])
        elif kind == "hard":
            start, other_start = self.apart(first, last, rng)
        elif kind == "super_hard":
            step = self.duration - self.overlap
            start = first + rng.random(count) * (last - first - step)
            start, other_start = _either_way(start, start + step, rng)
        micro = [np.rint(1e6 * time).astype(np.int64) for time in (start, other_start)]
        return np.stack([item, micro[0], other, micro[1], rng.integers(2**31, size=count)], 1)

    def apart(self, first: np.ndarray, last: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two starts ``(n,)`` in [first, last] whose distance is uniform in the range of gaps, in either order."""
        low, high = self.gap
        least = low + self.duration
        most = last - first if high is None else np.minimum(last - first, high + self.duration)
        distance = least + rng.random(len(first)) * (most - least)
        early = first + rng.random(len(first)) * (last - first - distance)
        return _either_way(early, early + distance, rng)

    def _items_for(self, role: str, kind: str) -> np.ndarray:
        items = self._usable_items[role][kind]
        if not len(items):
            raise DataError(f"{self._kind}: no {self.item} of {role} is long enough for {kind} samples. {self.more}")
        return items

    def describe_row(self, row: np.ndarray, kind: str, index: int, **more: Any) -> Any:
        """The sample of a row: ``kind``, ``positive``, ``other``, starts in seconds, ``instance`` (of its item)."""
        item, start, other, other_start = row[:4].tolist()
        values = dict(
            kind=kind, positive=int(self.is_positive(kind)), other=self.source.names[other], start=start / 1e6,
            other_start=other_start / 1e6, instance=self._instance[self.roles[index]][item], **more,
        )  # fmt: skip
        return self.describe([index], row[:1], **{key: [value] for key, value in values.items()})[0]


def _either_way(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    swap = rng.random(len(a)) < 0.5
    return np.where(swap, b, a), np.where(swap, a, b)
