"""A source of signals that were recorded together: one folder for each stream, one file for each recording."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found
from mmsync.registry import DATASETS

_READERS = (".npy", ".csv")


@dataclass(frozen=True)
class StreamOptions:
    """One stream: samples a second, its folder, seconds of the first sample, files without the axis of persons."""

    rate: float
    folder: Optional[str] = None
    start: Union[float, str] = 0.0
    persons: bool = False

    def window(self, array: np.ndarray, start: float, duration: float) -> np.ndarray:
        """Samples from ``start`` seconds after the first one on, float32, with the axis of persons."""
        count = round(duration * self.rate)
        first = min(round(start * self.rate), len(array) - count)
        window = np.asarray(array[first : first + count], dtype=np.float32)
        return window[None] if self.persons else window


@DATASETS.register_module()
class StreamSource(BaseSource):
    """Recordings of two streams of one clock, ``<data_root>/<folder>/<name>.npy`` or ``.csv``, ``(T, ...)`` each.

    A recording has the same name in both folders; one that is in one folder alone is left out, and named.

    Args:
        data_root: The folder.
        streams: Of each of the two streams, by name: ``rate``, samples a second; ``folder``, if it is not the name of
            the stream; ``start``, time of the first sample in seconds, or the name of a json in the folder of the data
            with that of each recording; ``persons=True`` for files of one skeleton, ``(T, V, C)``, without the axis of
            persons.
        splits: Names of splits; a recording is of the one with which its name begins.
        labels_file: A json with ``label`` by name of recording, for probes.

    Raises:
        ConfigError: Not two streams, or a rate that is not positive.
        DataError: No folder, no recording that has both streams, or a json that lacks one.
    """

    item = "recording"
    modality = "streams"
    config_schema: ClassVar[dict[str, Any]] = {"streams": {"*": StreamOptions}}

    def __init__(
        self, data_root: Union[str, Path], streams: Mapping[str, Mapping[str, Any]], splits: Sequence[str] = (),
        labels_file: Optional[Union[str, Path]] = None,
    ) -> None:  # fmt: skip
        root = data_path(data_root)
        if len(streams) != 2:
            raise ConfigError(f"StreamSource: {len(streams)} streams; give two, dict(skeleton=..., inertial=...)")
        self.streams = {name: _options(name, options) for name, options in streams.items()}
        found: list[dict[str, Path]] = []
        for name, options in self.streams.items():
            folder = root / (options.folder or name)
            if not folder.is_dir():
                raise DataError(f"{not_found(folder)}: put the files of stream {name!r} there")
            found.append({path.stem: path for path in sorted(folder.iterdir()) if path.suffix in _READERS})
        self.names = sorted(found[0].keys() & found[1].keys())
        if not self.names:
            raise DataError(f"{root}: no recording has both {' and '.join(self.streams)}; names must be the same")
        alone = sorted(found[0].keys() ^ found[1].keys())
        if alone:
            some = ", ".join(alone[:5]) + (", ..." if len(alone) > 5 else "")
            text = f"{root}: {len(alone)} recordings have one stream only and are left out: {some}"
            print_log(text, logger="current", level=30)
        self._paths = {name: [files[item] for item in self.names] for name, files in zip(self.streams, found)}
        self._starts = {name: self._start(root, options.start) for name, options in self.streams.items()}
        self._arrays: dict[tuple[str, int], np.ndarray] = {}
        self.splits = {split: [name for name in self.names if name.startswith(split)] for split in splits}
        if labels_file is not None:
            values = _by_name(data_path(labels_file), self.names, "label")
            self.labels = np.array([int(value) for value in values], dtype=np.int64)
        self.check(root)

    def files(self) -> list[Path]:
        return [path for paths in self._paths.values() for path in paths]

    def extent(self, place: int, stream: str) -> tuple[float, float]:
        """First second of a stream of a recording, and the one after its last; a DataError if it cannot be read."""
        start = self._starts[stream][place]
        return start, start + len(self._array(place, stream)) / self.streams[stream].rate

    def read(self, place: int, stream: str, start: float, duration: float) -> np.ndarray:
        """The window ``(T, ...)`` of a stream, ``(1, T, V, C)`` with ``persons``, float32.

        Raises:
            DataError: The window is not within the stream, or holds NaN or infinity.
        """
        options, array = self.streams[stream], self._array(place, stream)
        since = start - self._starts[stream][place]
        first = round(since * options.rate)
        count = round(duration * options.rate)
        if first < 0 or first + count > len(array) + 1 or count > len(array):  # rounding may ask for one more
            raise DataError(
                f"{self.names[place]}: {stream} has no samples from {start:.3f} to {start + duration:.3f} s"
            )
        window = options.window(array, since, duration)
        if not np.isfinite(window).all():
            raise DataError(f"{self.names[place]}: NaN or infinity in {stream} from {start:.3f} s on")
        return window

    def _start(self, root: Path, start: Union[float, str]) -> list[float]:
        if isinstance(start, str):
            return [float(value) for value in _by_name(root / start, self.names)]
        return [float(start)] * len(self.names)

    def _array(self, place: int, stream: str) -> np.ndarray:
        key = (stream, place)
        if key not in self._arrays:
            path = self._paths[stream][place]
            try:
                if path.suffix == ".npy":
                    self._arrays[key] = np.load(path, mmap_mode="r")
                else:
                    self._arrays[key] = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float32)
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: cannot be read as numbers: {error}") from error
        return self._arrays[key]


def _options(name: str, given: Mapping[str, Any]) -> StreamOptions:
    try:
        options = StreamOptions(**given)
    except TypeError as error:
        raise ConfigError(f"StreamSource: streams.{name}={dict(given)}: {error}") from error
    if not options.rate > 0:
        raise ConfigError(f"StreamSource: streams.{name}.rate={options.rate}; give samples a second")
    return options


def _by_name(path: Path, names: Sequence[str], key: Optional[str] = None) -> list[float]:
    """Numbers by name of recording, or those at ``key`` of dicts by name."""
    try:
        table = json.loads(path.read_text())
        return [float(table[name] if key is None else table[name][key]) for name in names]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "number" if key is None else key
        raise DataError(f"{path}: no {what} of each recording by name: {error!r}") from error
