"""Windows of sound alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.store.sounds import SoundStore


@DATASETS.register_module()
class AudioDataset(KeyedDataset):
    """Windows of recordings or of the sound of videos, ``inputs.audio (N, C, S)`` int16, for ``AudioPreprocessor``.

    They begin at random in training, in the middle in ``test_mode``, or, with several, at equal distances. Recordings
    that are shorter than a window end in silence. Files without usable sound are left out and named.

    Args:
        source: A source of files of sound or of videos, or its config.
        duration: Length of a window, seconds.
        rate: Samples a second.
        channels: Of sound, 1 or 2.
        clips: Windows of each recording, in ``test_mode`` only, as samples of the same name.
        test_mode: Draw nothing.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.

    Raises:
        ConfigError: Numbers out of their ranges, or a source without files.
        DataError: No file has sound that can be used.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("duration", "rate", "channels")
    item: ClassVar[str] = "recording"

    def __init__(
        self, source: Union[Mapping, BaseSource], duration: float = 1.0, rate: int = 16000, channels: int = 1,
        clips: int = 1, test_mode: bool = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if not duration > 0 or min(rate, clips) < 1 or channels not in (1, 2):
            given = f"{duration=}, {rate=}, {channels=}, {clips=}"
            raise ConfigError(f"AudioDataset: {given}: give positive numbers, and 1 or 2 channels")
        if clips > 1 and not test_mode:
            raise ConfigError(f"AudioDataset: clips={clips} needs test_mode=True; training draws one window an epoch")
        self.duration, self.rate, self.channels, self.clips = duration, rate, channels, clips
        super().__init__(source, test_mode=test_mode, **keyed)

    def windows(self, places: np.ndarray) -> np.ndarray:
        if not hasattr(self.source, "file"):
            raise ConfigError(f"AudioDataset: {type(self.source).__name__} has no files of sound or video")
        files = [self.source.file(place) for place in range(len(self.source))]
        self.sound = SoundStore(files, self.rate, self.channels)  # which names files without sound
        good = np.array([place not in self.sound.bad for place in places.tolist()], dtype=bool)
        brief = good & (self.sound.duration[places] < self.duration)
        if brief.any():
            first = self.source.names[places[brief][0]]
            text = f"{brief.sum()} of {len(places)} recordings are shorter than {self.duration:g} s and end in silence"
            print_log(f"AudioDataset: {text}; the first is {first}", logger="current", level=30)
        if not good.any():
            raise DataError(f"AudioDataset: none of {len(places)} {self.item}s has sound that can be used")
        return np.where(good, self.clips, 0)

    def read(self, index: int) -> dict[str, Any]:
        place, number = int(self.places[index]), int(self.part[index])
        room = max(float(self.sound.duration[place]) - self.duration, 0.0)
        if not self.test_mode:
            begin = self.generator(index).random() * room
        else:
            begin = room / 2 if self.clips == 1 else room * number / (self.clips - 1)
        sound = self.sound.read(place, float(self.sound.start[place]) + begin, self.duration)
        return {"inputs": {"audio": (sound,)}, "data_samples": self.describe([index], clip=[number])[0]}
