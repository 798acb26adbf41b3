"""The cache of sound: each file is decoded and resampled once, and all processes share the pages of one map.

sound.npy   (R, C) int16, file after file
index.npy   (n, 3) int64: first row, number of rows, and the time of the first one in microseconds; empty if it is bad
bad.json    why the sound of a file cannot be used, by number
peak.npy    (n,) float32, the largest magnitude of each file, in [0, 1]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.media.sound import read_sound
from mmsync.ops.sound import INT16
from mmsync.parallel import Lost, progress, run_tasks
from mmsync.store.cache import cached
from mmsync.store.ragged import Ragged, RaggedWriter

FORMAT = "mmsync-sounds-1"
SILENT = 1e-3
"""A sound that never exceeds this magnitude, -60 dB, is silent."""


class SoundStore:
    """Sound of files at one rate, decoded on first use.

    Args:
        files: Videos with sound, or files of sound.
        rate: Samples a second.
        channels: 1 or 2, see :func:`mmsync.media.sound.read_sound`.

    Attributes:
        bad: Why the sound of a file cannot be used, by its number.
        start, duration: ``(n,)`` seconds, on the clock of the pictures.
        peak: ``(n,)`` largest magnitude; below :data:`SILENT` for silent files.
    """

    def __init__(self, files: Sequence[Path], rate: int, channels: int = 1) -> None:
        self.rate, self.channels = rate, channels
        self.path = cached(f"sounds-{rate}-{channels}", files, lambda path: _build(path, files, rate, channels))
        stored = Ragged(self.path, FORMAT, ["sound"])
        self._sound, self._index = stored.arrays["sound"], stored.index
        self.start, self.duration = self._index[:, 2] / 1e6, self._index[:, 1] / rate
        self.peak = stored.load("peak")
        self.bad = {int(i): text for i, text in stored.json("bad").items()}

    def read(self, item: int, start: float, duration: float) -> np.ndarray:
        """Samples ``(C, S)`` int16 of a file from ``start`` seconds on; silence where it has none.

        Raises:
            DataError: The file's sound cannot be used, or it has none in this window.
        """
        if item in self.bad:
            raise DataError(self.bad[item])
        first, length, _ = self._index[item].tolist()
        begin, count = round((start - self.start[item]) * self.rate), round(duration * self.rate)
        low, high = max(begin, 0), min(begin + count, length)
        if low >= high:
            text = f"its sound lasts from {self.start[item]:.3f} to {self.start[item] + self.duration[item]:.3f} s"
            raise DataError(f"sound {item}: none from {start:.3f} to {start + duration:.3f} s; {text}")
        rows = self._sound.rows(first + low, first + high)
        if high - low == count:
            return rows.T
        out = np.zeros((self.channels, count), np.int16)
        out[:, low - begin : high - begin] = rows.T
        return out


def _load(path: str, rate: int, channels: int) -> tuple[np.ndarray, float, float, str]:
    try:
        found = read_sound(path, rate=rate, channels=channels)
    except (DataError, OSError) as error:
        return np.zeros((0, channels), np.int16), 0.0, 0.0, str(error)
    peak = float(np.abs(found.samples).max(initial=0.0))
    rows = np.clip(np.rint(found.samples.T * INT16), -INT16, INT16 - 1).astype(np.int16)
    return rows, found.start, peak, ""


def _build(path: Path, files: Sequence[Path], rate: int, channels: int) -> None:
    tasks = {str(i): (str(file), rate, channels) for i, file in enumerate(files)}
    found: dict[int, tuple[np.ndarray, float, float, str]] = {}
    bad: dict[int, str] = {}
    peaks: list[float] = []
    bar = progress(len(files), desc="decode sound", unit="file", disable=len(files) < 50)
    with RaggedWriter(path, FORMAT) as out, bar:
        for name, row in run_tasks(_load, tasks, min(8, os.cpu_count() or 1), timeout=300, isolate=len(files) > 8):
            lost = isinstance(row, Lost)
            found[int(name)] = (np.zeros((0, channels), np.int16), 0.0, 0.0, row.reason) if lost else row
            while len(out) in found:  # results come in any order, rows are written in that of the files
                rows, start, peak, problem = found.pop(len(out))
                if problem:
                    bad[len(out)] = problem if str(files[len(out)]) in problem else f"{files[len(out)]}: {problem}"
                peaks.append(peak)
                out.append(round(start * 1e6), sound=rows)
                bar.update()
        out.save("peak", np.array(peaks, np.float32))
        if len(bad) == len(files):
            raise DataError(f"none of {len(files)} files has sound that can be used; the first: {bad[0]}")
        out.json("bad", bad)
    if bad:
        some = "; ".join(list(bad.values())[:3])
        print_log(
            f"{len(bad)} of {len(files)} files have no sound that can be used: {some}", logger="current", level=30
        )
