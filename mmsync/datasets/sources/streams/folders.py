"""A source of signals that were recorded together: one folder for each stream, one file for each recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS

_READERS = (".npy", ".csv")


@DATASETS.register_module()
class StreamSource(BaseSource):
    """Recordings of two streams of one clock, ``<data_root>/<folder>/<name>.npy`` or ``.csv``, ``(T, ...)`` each.

    Args:
        data_root: The folder.
        streams: Of each of the two streams, by name: ``rate``, samples a second; ``folder``, its name unless it is that
            of the stream; ``start``, time of the first sample in seconds; ``persons``, whether the files of a skeleton
            lack the axis of persons, ``(T, V, C)``.
        splits: Names of the recordings by split, or prefixes of them, ``dict(train='train_', test='test_')``.
        labels_file: A json with ``label`` by name of recording, for probes.

    Raises:
        ConfigError: Not two streams, or a rate that is not positive.
        DataError: No folder, or no recording that has both streams.
    """

    item = "recording"
    modality = "streams"

    def __init__(
        self, data_root: Union[str, Path], streams: Mapping[str, Mapping[str, Any]],
        splits: Optional[Mapping[str, Union[str, Sequence[str]]]] = None, labels_file: Optional[str] = None,
    ) -> None:  # fmt: skip
        root = Path(data_root)
        if len(streams) != 2:
            raise ConfigError(f"StreamSource: {len(streams)} streams; give two, dict(skeleton=..., inertial=...)")
        self.streams = {name: dict(options) for name, options in streams.items()}
        found: list[dict[str, Path]] = []
        for name, options in self.streams.items():
            if not options.get("rate", 0) > 0:
                raise ConfigError(f"StreamSource: streams.{name}.rate={options.get('rate')}; give samples a second")
            folder = root / options.get("folder", name)
            if not folder.is_dir():
                raise DataError(f"{folder} not found: put the files of stream {name!r} there")
            found.append({path.stem: path for path in sorted(folder.iterdir()) if path.suffix in _READERS})
        both = sorted(found[0].keys() & found[1].keys())
        if not both:
            raise DataError(f"{root}: no recording has both {' and '.join(self.streams)}; names must be the same")
        alone = len(found[0].keys() ^ found[1].keys())
        if alone:
            print_log(f"{root}: {alone} recordings have one stream only and are left out", logger="current", level=30)
        self.names = both
        self._paths = {name: [files[item] for item in both] for name, files in zip(self.streams, found)}
        self._arrays: dict[tuple[str, int], np.ndarray] = {}
        self.splits = {
            split: [n for n in both if (n.startswith(part) if isinstance(part, str) else n in set(part))]
            for split, part in (splits or {}).items()
        }
        if labels_file is not None:
            self.labels = _read_labels(Path(labels_file), both)
        self.check(root)

    def files(self) -> list[Path]:
        return [path for paths in self._paths.values() for path in paths]

    def extent(self, place: int, stream: str) -> tuple[float, float]:
        """First second of a stream of a recording, and the one after its last."""
        options = self.streams[stream]
        start = float(options.get("start", 0.0))
        return start, start + len(self._array(place, stream)) / options["rate"]

    def read(self, place: int, stream: str, start: float, duration: float) -> np.ndarray:
        """The window ``(T, ...)`` of a stream, ``(1, T, V, C)`` with ``persons``, float32; a DataError outside it."""
        options, array = self.streams[stream], self._array(place, stream)
        first = round((start - options.get("start", 0.0)) * options["rate"])
        count = round(duration * options["rate"])
        if first < 0 or first + count > len(array) + 1:
            raise DataError(
                f"{self.names[place]}: {stream} has no samples from {start:.3f} to {start + duration:.3f} s"
            )
        first = min(first, len(array) - count)
        window = np.asarray(array[first : first + count], dtype=np.float32)
        if not np.isfinite(window).all():
            raise DataError(f"{self.names[place]}: NaN or infinity in {stream} from {start:.3f} s on")
        return window[None] if options.get("persons") else window

    def _array(self, place: int, stream: str) -> np.ndarray:
        key = (stream, place)
        if key not in self._arrays:
            path = self._paths[stream][place]
            try:
                read = (
                    np.load(path, mmap_mode="r") if path.suffix == ".npy" else np.loadtxt(path, delimiter=",", ndmin=2)
                )
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: cannot be read as numbers: {error}") from error
            self._arrays[key] = read
        return self._arrays[key]


def _read_labels(path: Path, names: Sequence[str]) -> np.ndarray:
    import json

    try:
        table = json.loads(path.read_text())
        return np.array([int(table[name]["label"]) for name in names], dtype=np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no label of each recording by name: {error!r}") from error
