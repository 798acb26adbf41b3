"""Windows of videos with their own sound or with other sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Union

import numpy as np

from mmsync.datasets.sources.clips.sources import ClipSource
from mmsync.datasets.sync_dataset import Gap, SyncDataset
from mmsync.errors import ConfigError, DataError
from mmsync.media.index import sound_apart
from mmsync.media.reader import scaled
from mmsync.registry import DATASETS
from mmsync.store.sounds import SILENT, SoundStore


@DATASETS.register_module()
class AudioVisualDataset(SyncDataset):
    """Windows of videos and sound, ``inputs.video (N, T, S, S, 3)`` uint8 and ``inputs.audio (N, C, S)`` int16.

    See :class:`SyncDataset` for the kinds. Samples have ``shown``, the part of the video in the pictures, ``x1 y1 x2
    y2`` as shares of its width and height. Pictures and sound are taken by their presentation time, sound from a cache
    that all processes share. Videos without usable sound are left out and named.

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
        gap: See :class:`SyncDataset`, as are ``overlap`` and ``num_samples``.
        contrast: Give each sample ``inputs.contrast (N, C, S)`` too, the sound of the same video at another time
            (``'hard'``, or True) or of another video (``'easy'``); the mix is then ``dict(positive=1)``. For methods
            that compare, or mix, both sounds (Owens and Efros, 2018).
        slide: Instead of one sound give ``2 slide + 1``, ``inputs.audio (N, 2 slide + 1, C, S)``, one for each offset
            from ``-slide`` to ``slide`` steps, to estimate offsets. Samples have ``offset``, how much later than the
            pictures the sound in the middle is, in steps, drawn within ``slide / 2`` either way.
        offset_rate: Steps of ``slide`` a second.
        silent: Use videos whose sound never exceeds -60 dB.
        same_end: Leave out videos whose sound and pictures end at times more than 5 % of the duration, and more than
            0.3 s, apart: their header may have a wrong sample rate.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`SyncDataset`.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No video has sound, or the data lack a kind that the mix asks for.
    """

    item: ClassVar[str] = "video"
    advice: ClassVar[str] = "mmsync index_videos lists the problem of each video"

    def __init__(
        self, source: Union[Mapping, ClipSource], mix: Mapping[str, float], duration: float = 1.0, frames: int = 25,
        fps: float = 25.0, size: int = 112, rate: int = 16000, channels: int = 1, gap: Gap = (0.5, None),
        contrast: Union[bool, Literal["hard", "easy"]] = False, slide: int = 0, offset_rate: float = 25.0,
        silent: bool = False, same_end: bool = True, **keyed: Any,
    ) -> None:  # fmt: skip
        if min(frames, size, rate) < 1 or not min(fps, offset_rate) > 0 or channels not in (1, 2) or slide < 0:
            given = f"{frames=}, {fps=}, {size=}, {rate=}, {channels=}, {slide=}"
            raise ConfigError(f"AudioVisualDataset: {given}: give positive numbers, and 1 or 2 channels")
        if contrast not in (True, False, "hard", "easy"):
            raise ConfigError(f"AudioVisualDataset: {contrast=}: give 'hard' or 'easy', or False for none")
        if contrast and (slide or set(mix) != {"positive"}):
            raise ConfigError(f"AudioVisualDataset: {contrast=} needs mix=dict(positive=1) and slide=0")
        self.frames, self.fps, self.side, self.rate, self.channels = frames, fps, size, rate, channels
        self.contrast = "hard" if contrast is True else contrast
        self.slide, self.offset_rate = slide, offset_rate
        self.silent, self.same_end = silent, same_end
        self.span = max(duration, (frames - 1) / fps)
        self.margin = 1.5 * slide / offset_rate
        super().__init__(source, mix, duration, gap, **keyed)

    def open(self) -> None:
        files = [self.source.file(place) for place in range(len(self.source))]
        self.sound = SoundStore(files, self.rate, self.channels)

    def extent(self, place: int) -> Union[tuple[float, float], str]:
        row, start = self.source.rows[place], float(self.sound.start[place])
        if row["status"] == "no_audio":
            return "have no sound"
        if place in self.sound.bad:
            return "have no sound that can be decoded"
        if not self.silent and self.sound.peak[place] < SILENT:
            return "are silent"
        if self.same_end and sound_apart(row):
            return "have sound that ends apart from the pictures (it is cut off, or its sample rate is wrong)"
        end = min(row["start"] + row["duration"], start + float(self.sound.duration[place]))
        return max(row["start"], start), end

    def draw(self, role: str, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        return super().draw(role, self.contrast or kind, count, rng)

    def available(self, role: str) -> Mapping[str, int]:
        found = super().available(role)
        return {**found, "positive": found[self.contrast]} if self.contrast else found

    def read_row(self, row: np.ndarray, kind: str, index: int) -> dict[str, Any]:
        video, start, sound, sound_start, seed = row.tolist()
        rng = np.random.default_rng(seed)
        begin, sound_begin, offset = start / 1e6, sound_start / 1e6, 0
        with self.counted(video):
            pictures, shown = self._pictures(video, begin, rng)
            inputs: dict[str, tuple] = {"video": (pictures,)}
            if self.contrast:
                inputs["audio"] = (self._sound(video, begin),)
        with self.counted(sound):
            if self.slide:
                offset = int(rng.integers(-(self.slide // 2), self.slide // 2 + 1))
                shifts = (np.arange(-self.slide, self.slide + 1) + offset) / self.offset_rate
                inputs["audio"] = ([self._sound(sound, sound_begin + shift) for shift in shifts],)
            else:
                inputs["contrast" if self.contrast else "audio"] = (self._sound(sound, sound_begin),)
        return {"inputs": inputs, "data_samples": self.describe_row(row, kind, index, offset=offset, shown=shown)}

    def _pictures(self, video: int, begin: float, rng: np.random.Generator) -> tuple[np.ndarray, list[float]]:
        """Pictures ``(T, S, S, 3)`` and the part of the video that they show, ``x1 y1 x2 y2``, shares of its size."""
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
        shown = [edge / size for edge, size in zip(crop, (width, height, width, height))]
        return self.source.read(video, np.minimum(times + 1e-3, end), self.side, crop), shown

    def _sound(self, video: int, begin: float) -> np.ndarray:
        try:
            return self.sound.read(video, begin, self.duration)
        except DataError as error:
            raise DataError(f"{self.source.names[video]}: {error}") from error
