"""A kind of data set that mmsync does not have: windows of videos, with their own sound or with other sound."""

from __future__ import annotations

import numpy as np

from mmsync.datasets import Kind, KindDataset
from mmsync.datasets.sources import BaseSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS

RATE = 8  # sound samples for each picture


@DATASETS.register_module()
class ToyAudioVisualSource(BaseSource):
    """``n`` videos of ``frames`` pictures ``(2, 2, 3)`` that show their number and time, and sound that says it."""

    item, modality, class_names = "video", "video", ["a", "b"]

    def __init__(self, n=12, frames=20, bad=()):
        self.names, self.bad, self.frames = [f"v{i:02d}" for i in range(n)], bad, frames
        self.labels = np.arange(n) % 2
        self.attributes = {"activity": np.arange(n) // 4}
        self.splits = {"train": self.names[: 2 * n // 3], "test": self.names[2 * n // 3 :]}
        self.check("toy videos")

    def read(self, index, start, length):
        if self.names[index] in self.bad:
            raise DataError(f"{self.names[index]}: corrupt")
        out = np.full((length, 2, 2, 3), index, np.uint8)
        out[..., 1] = np.arange(start, start + length)[:, None, None]
        return out

    def read_audio(self, index, start, length):
        if self.names[index] in self.bad:
            raise DataError(f"{self.names[index]}: corrupt")
        time = np.arange(start * RATE, (start + length) * RATE) / RATE
        return np.stack([np.full_like(time, index), time]).astype(np.float32)  # (C, S)


@DATASETS.register_module()
class ToyAudioVisualDataset(KindDataset):
    """Windows ``inputs.video (N, T, 2, 2, 3)`` and ``inputs.audio (N, 2, S)``.

    Their sound is that of the window (``positive``), of the same video at another time (``shifted``), or of another
    video (``easy``).
    """

    kinds = (Kind("positive", positive=True), Kind("shifted"), Kind("easy"))
    item = "video"

    def __init__(self, source, mix, window=4, **more):
        self.window = window
        super().__init__(source, mix, **more)

    def available(self, role):
        n = len(self.items(role))
        return {"positive": n, "shifted": n * (self.source.frames >= 2 * self.window), "easy": n * (n - 1)}

    def draw(self, role, kind, count, rng):
        items = self.items(role)
        video = np.concatenate([rng.permutation(items) for _ in range(-(-count // len(items)))])[:count]
        start = rng.integers(self.source.frames - self.window + 1, size=count)
        sound, sound_start = video, start
        if kind == "shifted":  # any start that does not overlap with that of the pictures
            free = [self._apart(first) for first in start]
            sound_start = np.array([rng.choice(starts) for starts in free])
        elif kind == "easy":
            places = np.searchsorted(items, video) + rng.integers(1, len(items), size=count)
            sound, sound_start = items[places % len(items)], rng.permutation(start)
        return np.stack([video, start, sound, sound_start], 1)

    def _apart(self, start):
        starts = np.arange(self.source.frames - self.window + 1)
        return starts[np.abs(starts - start) >= self.window]

    def read_row(self, row, kind, index):
        video, start, sound, sound_start = row.tolist()
        with self.counted(video):
            pictures = self.source.read(video, start, self.window)
        with self.counted(sound):
            audio = self.source.read_audio(sound, sound_start, self.window)
        more = dict(kind=[kind], positive=[int(self.is_positive(kind))], other=[self.source.names[sound]])
        sample = self.describe([index], row[:1], **more)[0]
        return {"inputs": {"video": (pictures,), "audio": (audio,)}, "data_samples": sample}
