"""The offset between the sound and the pictures of a video, or between two streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from mmsync.apis.features import read_array
from mmsync.datasets.collate import motion_collate
from mmsync.datasets.sources.streams.folders import StreamOptions
from mmsync.errors import ConfigError, DataError
from mmsync.media import open_video
from mmsync.media.reader import scaled
from mmsync.media.sound import Sound, read_sound
from mmsync.models.methods.avts import TwoStreamModel, TwoStreamSync
from mmsync.ops.offsets import Offset, estimate_offset
from mmsync.structures import View

_NEEDED = ("frames", "fps", "size", "duration", "rate")


def window_settings(
    model: nn.Module, kind: type = TwoStreamModel, needs: str = "offsets need AVTS, SyncNet or GDT"
) -> dict[str, Any]:
    """Windows that a model was trained on, as in its config's ``AudioVisualDataset``; a ConfigError if it has none."""
    settings = _data_settings(model)
    missing = [name for name in _NEEDED if name not in settings]
    if not isinstance(model, kind) or missing:
        what = f"{type(model).__name__} on {settings.get('type')}"
        raise ConfigError(f"{needs} on an AudioVisualDataset, not {what}")
    return {"channels": 1, **settings}


def _data_settings(model: nn.Module) -> dict[str, Any]:
    loader = getattr(model, "cfg", {}).get("train_dataloader") or {}
    return {"offset_rate": 25.0, **(loader.get("dataset") or {})}


def offset_settings(model: nn.Module) -> dict[str, Any]:
    """Those of :func:`stream_settings` or :func:`window_settings`, by the kind of the model."""
    return stream_settings(model) if isinstance(model, TwoStreamSync) else window_settings(model)


def find_offset(model: Any, given: Any, reach: int = 15) -> Offset:
    """That of :func:`stream_offset` or :func:`video_offset`, by the kind of the model."""
    return (stream_offset if isinstance(model, TwoStreamSync) else video_offset)(model, given, reach)


@torch.no_grad()
def embed_windows(
    model: TwoStreamModel, path: Union[str, Path], settings: Mapping[str, Any], batch_size: int = 32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings ``(W, D)`` of pictures and of sound of all windows of a video, ``offset_rate`` a second.

    Raises:
        DataError: The file has no sound, or is shorter than one window.
    """
    size, step = settings["size"], 1 / settings["offset_rate"]
    sound = read_sound(path, rate=settings["rate"], channels=settings["channels"])
    with open_video(path) as reader:
        info = reader.info
        span = max(settings["duration"], (settings["frames"] - 1) / settings["fps"])
        first = max(info.start, sound.start)
        last = min(info.start + info.duration, sound.start + sound.samples.shape[1] / sound.rate) - span
        count = int((last - first) / step) + 1
        if last < first:
            raise DataError(f"{path}: pictures and sound together last less than one window of {span:g} s")
        starts = first + step * np.arange(count)
        times = starts[:, None] + np.arange(settings["frames"]) / settings["fps"] + 1e-3
        shown, where = np.unique(np.round(times, 4), return_inverse=True)
        width, height = scaled(info.width, info.height, size)
        left, top = (width - size) // 2, (height - size) // 2
        pictures = reader.read(shown, size, (left, top, left + size, top + size))
    where = where.reshape(times.shape)

    def batch(rows: slice) -> dict[str, View]:
        audio = torch.from_numpy(np.stack([cut_sound(sound, start, settings["duration"]) for start in starts[rows]]))
        return {"video": View(torch.from_numpy(pictures[where[rows]])), "audio": View(audio)}

    return _embed(model, (batch(slice(begin, begin + batch_size)) for begin in range(0, count, batch_size)))


def _embed(model: TwoStreamModel, batches: Iterable[dict[str, View]]) -> tuple[torch.Tensor, torch.Tensor]:
    found: list[tuple[torch.Tensor, ...]] = []
    for inputs in batches:
        encoded = model.encode_all(model.data_preprocessor({"inputs": inputs}, False)["inputs"])
        found.append(tuple(encoded[name][1].float().cpu() for name in model.encoders))
    first_stream, second_stream = (torch.cat(part) for part in zip(*found))
    return first_stream, second_stream


def cut_sound(sound: Sound, start: float, duration: float) -> np.ndarray:
    """Samples ``(C, S)`` of a window, silent after the end."""
    begin, count = round((start - sound.start) * sound.rate), round(duration * sound.rate)
    part = sound.samples[:, begin : begin + count]
    return np.pad(part, ((0, 0), (0, count - part.shape[1])))


def video_offset(model: TwoStreamModel, path: Union[str, Path], reach: int = 15) -> Offset:
    """Estimate how early the sound of a video is.

    Args:
        model: Of :func:`mmsync.apis.init_model`: AVTS, SyncNet or GDT.
        path: The video.
        reach: Largest offset that is tried, in steps of ``offset_rate`` a second (25 unless the config says otherwise).

    Returns:
        ``offset`` in steps, positive where the sound is ahead of the pictures, its ``confidence``, and the curve of
        mean distances.

    Raises:
        ConfigError: A model of another kind, or a negative reach.
        DataError: The file has no sound, or is too short.
    """
    settings = window_settings(model)
    _check_reach(reach)
    return _offset(str(path), embed_windows(model, path, settings), settings, reach)


def _check_reach(reach: int) -> None:
    if not isinstance(reach, int) or reach < 0:
        text = "; two streams are one argument, a pair" if isinstance(reach, (str, Path, np.ndarray)) else ""
        raise ConfigError(f"reach={reach!r:.60}: give the largest offset that is tried, 0 or more{text}")


def _offset(name: str, streams: tuple[torch.Tensor, torch.Tensor], settings: Mapping[str, Any], reach: int) -> Offset:
    if len(streams[0]) <= reach:
        rate = settings["offset_rate"]
        text = f"{len(streams[0])} windows of {settings['duration']:g} s, {rate:g} a second, are too few for offsets"
        raise DataError(f"{name}: {text} up to {reach}; give longer streams or a smaller reach")
    return estimate_offset(*streams, reach)


def stream_settings(model: nn.Module) -> dict[str, Any]:
    """Windows and rates of the streams that a ``TwoStreamSync`` was trained on; a ConfigError of other models."""
    settings = _data_settings(model)
    if not isinstance(model, TwoStreamSync) or settings.get("type") != "StreamDataset":
        raise ConfigError(f"offsets need TwoStreamSync on a StreamDataset, not {type(model).__name__}")
    return settings


@torch.no_grad()
def stream_offset(model: TwoStreamSync, streams: Sequence[Union[str, Path, np.ndarray]], reach: int = 15) -> Offset:
    """Estimate how early the second of two streams is, whose first samples are said to be of one time.

    Args:
        model: Of :func:`mmsync.apis.init_model`: ``TwoStreamSync``.
        streams: Arrays ``(T, ...)``, or ``.npy`` files, as those of the model's ``StreamSource`` and in its order.
        reach: Largest offset that is tried, in steps of ``offset_rate`` a second (25 unless the config says otherwise).

    Returns:
        As :func:`video_offset`.

    Raises:
        ConfigError: A model of another kind, or a negative reach.
        DataError: Not two streams, values that are not finite numbers, or streams that are too short.
    """
    settings = stream_settings(model)
    _check_reach(reach)
    kinds = {name: StreamOptions(**options) for name, options in settings["source"]["streams"].items()}
    duration, step = settings["duration"], 1 / settings["offset_rate"]
    if len(streams) != 2 or isinstance(streams, (str, Path)):
        raise DataError(f"give two streams, {' and '.join(kinds)}, as arrays or .npy files")
    arrays = [read_array(x).astype(np.float32) for x in streams]
    for name, array in zip(kinds, arrays):
        if array.ndim < 2 or not np.isfinite(array).all():
            raise DataError(f"the stream {name} is {array.shape}; give (T, ...) of finite numbers")
    lengths = [len(array) / kind.rate for array, kind in zip(arrays, kinds.values())]
    starts = step * np.arange(int((min(lengths) - duration) / step + 1e-6) + 1) if min(lengths) >= duration else []

    def batch(some: Sequence[float]) -> dict[str, View]:
        inputs = [{n: (kinds[n].window(a, start, duration),) for n, a in zip(kinds, arrays)} for start in some]
        return motion_collate([dict(inputs=one, data_samples=None) for one in inputs])["inputs"]

    name = " and ".join(kinds)
    if not len(starts):
        raise DataError(f"{name} last {min(lengths):g} s together, less than one window of {duration:g} s")
    found = _embed(model, (batch(starts[begin : begin + 32]) for begin in range(0, len(starts), 32)))
    return _offset(name, found, settings, reach)
