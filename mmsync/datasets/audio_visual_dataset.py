"""Windows of videos with their own sound or with other sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.kinds import Kind, KindDataset
from mmsync.datasets.sources.clips.sources import ClipSource
from mmsync.errors import ConfigError, DataError
from mmsync.media.reader import scaled
from mmsync.registry import DATASETS
from mmsync.store.sounds import SILENT, SoundStore

AV_KINDS = (Kind("positive", positive=True), Kind("easy"), Kind("hard"), Kind("super_hard"))


@DATASETS.register_module()
class AudioVisualDataset(KindDataset):
    """Windows of videos and sound, ``inputs.video (N, T, S, S, 3)`` uint8 and ``inputs.audio (N, C, S)`` int16.

    The sound is that of the window (``positive``); of another video (``easy``); of the same video with a ``gap``
    between both windows (``hard``); or of the same video, overlapping with the pictures by ``overlap`` seconds
    (``super_hard``), as in AVTS (Korbar et al., 2018, sec. 3). Pictures and sound are taken by their presentation time,
    sound from a cache that all processes share. Videos without usable sound are left out and named.

    Args:
        source: A source of clips, or its config.
        mix: Weights of the kinds, ``dict(positive=1, easy=1)``.
        duration: Length of the sound, seconds.
        frames: Pictures T, taken at ``fps`` from the start of the window. 1: at a random time of it (the middle one in
            ``test_mode``), as in L3-Net.
        fps: Pictures a second.
        size: Side ``S`` of the pictures, pixels.
        rate: Samples of sound a second.
        channels: Of sound, 1 or 2.
        gap: Least and largest time between the windows of ``hard`` samples, seconds; ``None`` for no largest.
        overlap: Seconds by which the windows of ``super_hard`` samples overlap, less than ``duration``.
        contrast: Give each sample ``inputs.contrast (N, C, S)`` too, a ``hard`` negative of its pictures; mix is then
            ``dict(positive=1)``. For methods that compare both sounds of one clip (Owens and Efros, 2018).
        slide: Instead of one sound give ``2 slide + 1``, ``inputs.audio (N, 2 slide + 1, C, S)``, one for each offset
            from ``-slide`` to ``slide`` pictures, to estimate offsets. Samples have ``offset``, how much later than the
            pictures the sound at 0 is, in pictures, drawn within ``slide / 2`` either way.
        silent: Use videos whose sound never exceeds -60 dB.
        keyed: ``split``, ``roles``, ``size``, ``seed`` and the others of :class:`KindDataset`; ``num_samples`` is the
            number of samples of an epoch.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No video has sound, or the data lack a kind that the mix asks for.
    """

    config_schema: ClassVar[dict[str, Any]] = {"mix": tuple(kind.name for kind in AV_KINDS)}
    kinds = AV_KINDS
    item: ClassVar[str] = "video"
    unit: ClassVar[str] = "windows"
    advice: ClassVar[str] = "tools/dataset_converters/index_videos.py lists the problem of each video"
    more: ClassVar[str] = "Longer videos, a smaller gap or shorter windows give more; "

    def __init__(
        self, source: Union[Mapping, ClipSource], mix: Mapping[str, float], duration: float = 1.0, frames: int = 25,
        fps: float = 25.0, size: int = 112, rate: int = 16000, channels: int = 1,
        gap: tuple[float, Optional[float]] = (0.5, None), overlap: float = 0.5, contrast: bool = False, slide: int = 0,
        silent: bool = False, num_samples: Optional[int] = None, **keyed: Any,
    ) -> None:  # fmt: skip
        low, high = gap
        if min(frames, size, rate) < 1 or not min(duration, fps) > 0 or channels not in (1, 2) or slide < 0:
            given = f"{duration=}, {frames=}, {fps=}, {size=}, {rate=}, {channels=}, {slide=}"
            raise ConfigError(f"AudioVisualDataset: {given}: give positive numbers, and 1 or 2 channels")
        if low < 0 or (high is not None and high <= low) or not 0 < overlap < duration:
            raise ConfigError(f"AudioVisualDataset: {gap=}, {overlap=}: give 0 <= low < high, and 0 < overlap < duration")
        if contrast and (slide or set(mix) != {"positive"}):
            raise ConfigError("AudioVisualDataset: contrast=True wants mix=dict(positive=1) and slide=0")
        self.duration, self.frames, self.fps, self.side = duration, frames, fps, size
        self.rate, self.channels, self.gap, self.overlap = rate, channels, (low, high), overlap
        self.contrast, self.slide, self.silent = contrast, slide, silent
        self.span = max(duration, (frames - 1) / fps if frames > 1 else 0.0)
        super().__init__(source, mix, num_samples, **keyed)

    def windows(self, places: np.ndarray) -> np.ndarray:
        """Leave out videos whose sound cannot be used, or that have no window."""
        source = self.source
        self.sound = SoundStore([source.file(place) for place in range(len(source))], self.rate, self.channels)
        self._first, self._last = np.zeros(len(source)), np.full(len(source), -1.0)
        problems: dict[str, list[str]] = {}
        for place in places.tolist():
            row = source.rows[place]
            start = max(row["start"], self.sound.start[place])
            end = min(row["start"] + row["duration"], self.sound.start[place] + self.sound.duration[place])
            margin = self.slide / self.fps * 1.5
            self._first[place], self._last[place] = start + margin, end - self.span - margin
            if place in self.sound.bad:
                problem = "have no sound that can be used"
            elif not self.silent and self.sound.peak[place] < SILENT:
                problem = "are silent"
            elif self._last[place] < self._first[place]:
                problem = f"have pictures and sound together for less than {self.span + 2 * margin:g} s"
            else:
                continue
            problems.setdefault(problem, []).append(source.names[place])
        left_out = {name for names in problems.values() for name in names}
        for problem, names in problems.items():
            some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            text = f"{len(names)} of {len(places)} videos {problem} and are left out: {some}"
            print_log(f"AudioVisualDataset: {text}", logger="current", level=30)
        return np.array([source.names[place] not in left_out for place in places.tolist()], dtype=np.int64)

    def prepare(self) -> None:
        """Find the videos of each role that are long enough for each kind."""
        room = self._last - self._first
        low = self.gap[0] + self.duration
        self._videos = {}
        self._instance = {role: {int(v): i for i, v in enumerate(self.items(role))} for role in self.splits}
        for role in self.splits:
            items = self.items(role)
            # a window at one end of the video leaves the most room for another one
            self._videos[role] = {
                "positive": items, "easy": items, "hard": items[room[items] >= low],
                "super_hard": items[room[items] >= self.duration - self.overlap],
            }  # fmt: skip

    def available(self, role: str) -> Mapping[str, int]:
        found = {kind: len(items) for kind, items in self._videos[role].items()}
        return {**found, "easy": found["easy"] * (found["easy"] > 1)}

    def draw(self, role: str, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Rows ``(count, 5)``: video, start, video of the sound, its start (microseconds), and a seed."""
        items = self._videos[role]["hard" if self.contrast else kind]
        if not len(items):
            raise DataError(f"AudioVisualDataset: no video of {role} is long enough for hard negatives")
        video = np.concatenate([rng.permutation(items) for _ in range(-(-count // len(items)))])[:count]
        first, last = self._first[video], self._last[video]
        start = first + rng.random(count) * (last - first)
        sound, sound_start = video, start
        if kind == "easy":
            others = np.searchsorted(items, video) + rng.integers(1, len(items), size=count)
            sound = items[others % len(items)]
            sound_start = self._first[sound] + rng.random(count) * (self._last[sound] - self._first[sound])
        elif kind == "hard" or self.contrast:
            start, sound_start = self._apart(first, last, rng)
        elif kind == "super_hard":
            step = self.duration - self.overlap
            start = first + rng.random(count) * (last - first - step)
            sound_start = start + step
            swap = rng.random(count) < 0.5
            start, sound_start = np.where(swap, sound_start, start), np.where(swap, start, sound_start)
        micro = [np.rint(1e6 * time).astype(np.int64) for time in (start, sound_start)]
        return np.stack([video, micro[0], sound, micro[1], rng.integers(2**31, size=count)], 1)

    def _apart(self, first: np.ndarray, last: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two starts ``(n,)`` in [first, last] whose distance is uniform in the range of gaps, in either order."""
        low, high = self.gap
        least = low + self.duration
        most = last - first if high is None else np.minimum(last - first, high + self.duration)
        distance = least + rng.random(len(first)) * (most - least)
        early = first + rng.random(len(first)) * (last - first - distance)
        swap = rng.random(len(first)) < 0.5
        return np.where(swap, early + distance, early), np.where(swap, early, early + distance)

    def read_row(self, row: np.ndarray, kind: str, index: int) -> dict[str, Any]:
        video, start, sound, sound_start, seed = row.tolist()
        rng = np.random.default_rng(seed)
        begin, sound_begin = start / 1e6, sound_start / 1e6
        with self.counted(video):
            pictures = self._pictures(video, begin, rng)
        inputs: dict[str, tuple] = {"video": (pictures,)}
        offset = 0
        with self.counted(sound):
            if self.slide:
                offset = int(rng.integers(-(self.slide // 2), self.slide // 2 + 1))
                shifts = (np.arange(-self.slide, self.slide + 1) + offset) / self.fps
                inputs["audio"] = ([self._sound(sound, sound_begin + shift) for shift in shifts],)
            else:
                inputs["audio"] = (self._sound(sound, begin if self.contrast else sound_begin),)
            if self.contrast:
                inputs["contrast"] = (self._sound(sound, sound_begin),)
        more = dict(
            kind=[kind], positive=[int(self.is_positive(kind))], other=[self.source.names[sound]], offset=[offset],
            start=[begin], sound_start=[sound_begin], instance=[self._instance[self.roles[index]][video]],
        )  # fmt: skip
        return {"inputs": inputs, "data_samples": self.describe([index], row[:1], **more)[0]}

    def _pictures(self, video: int, begin: float, rng: np.random.Generator) -> np.ndarray:
        row = self.source.rows[video]
        width, height = scaled(row["width"], row["height"], self.side)
        room = np.array([width, height]) - self.side
        left, top = (room // 2 if self.test_mode else rng.integers(room + 1)).tolist()
        if self.frames == 1:
            times = begin + np.array([0.5 if self.test_mode else rng.random()]) * self.duration
        else:
            times = begin + np.arange(self.frames) / self.fps
        end = row["start"] + row["duration"] - 0.5 / row["rate"]
        crop = left, top, left + self.side, top + self.side
        return self.source.read(video, np.minimum(times + 1e-3, end), self.side, crop)

    def _sound(self, video: int, begin: float) -> np.ndarray:
        try:
            return self.sound.read(video, begin, self.duration)
        except DataError as error:
            raise DataError(f"{self.source.names[video]}: {error}") from error
