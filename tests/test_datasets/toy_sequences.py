"""Whole sequences with a label for each frame, of different lengths; a source and its kind of data set."""

from __future__ import annotations

import numpy as np

from mmsync.datasets import KeyedDataset
from mmsync.datasets.sources import SequenceSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS


@DATASETS.register_module()
class ToySequenceSource(SequenceSource):
    """``n`` sequences ``(T, 3)`` of 5 to 14 frames, that show their number, time and phase."""

    def __init__(self, n=12, bad=()):
        self.names, self.bad = [f"s{i:02d}" for i in range(n)], bad
        self.attributes = {"activity": np.arange(n) // 4}
        self.splits = {"train": self.names[: 2 * n // 3], "test": self.names[2 * n // 3 :]}
        self.check("toy sequences")

    def load(self, index):
        if self.names[index] in self.bad:
            raise DataError(f"{self.names[index]}: corrupt")
        time = np.arange(5 + index % 10)
        return np.stack([np.full_like(time, index), time, time >= 3], 1).astype(np.float32)

    def frame_labels(self, index):
        return (np.arange(5 + index % 10) >= 3).astype(np.int64)


@DATASETS.register_module()
class ToySequenceDataset(KeyedDataset):
    """Sequences ``inputs.sequence (N, T, 3)`` at ``keep`` random frames in order, with their index in the source."""

    item = "sequence"

    def __init__(self, source, keep=0.7, **keyed):
        self.keep = keep
        super().__init__(source, **keyed)

    def read(self, index):
        place = int(self.places[index])
        frames = self.source.load(place)
        count = max(1, round(self.keep * len(frames)))
        chosen = np.sort(self.generator(index).choice(len(frames), count, replace=False))
        sample = self.describe([index], frame_labels=[self.source.frame_labels(place)[chosen].tolist()])[0]
        fields = (frames[chosen], None, np.ones(count, dtype=bool), chosen.astype(np.float32))
        return {"inputs": {"sequence": fields}, "data_samples": sample}
