"""The offset between the sound and the pictures of a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.media import open_video
from mmsync.media.reader import scaled
from mmsync.media.sound import Sound, read_sound
from mmsync.models.methods.avts import TwoStreamModel
from mmsync.ops.offsets import Offset, estimate_offset
from mmsync.structures import View

_NEEDED = ("frames", "fps", "size", "duration", "rate")


def window_settings(
    model: nn.Module, kind: type = TwoStreamModel, needs: str = "offsets need AVTS, SyncNet or GDT"
) -> dict[str, Any]:
    """Windows that a model was trained on, as in its config's ``AudioVisualDataset``; a ConfigError if it has none."""
    loader = getattr(model, "cfg", {}).get("train_dataloader") or {}
    settings = loader.get("dataset") or {}
    missing = [name for name in _NEEDED if name not in settings]
    if not isinstance(model, kind) or missing:
        what = f"{type(model).__name__} on {settings.get('type')}"
        raise ConfigError(f"{needs} on an AudioVisualDataset, not {what}")
    return {"channels": 1, "offset_rate": 25.0, **settings}


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
    found: list[tuple[torch.Tensor, ...]] = []
    for begin in range(0, count, batch_size):
        rows = slice(begin, begin + batch_size)
        video = torch.from_numpy(pictures[where[rows]])
        audio = torch.from_numpy(np.stack([cut_sound(sound, start, settings["duration"]) for start in starts[rows]]))
        views = model.data_preprocessor({"inputs": {"video": View(video), "audio": View(audio)}}, False)["inputs"]
        encoded = model.encode_all(views)
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
    if reach < 0:
        raise ConfigError(f"{reach=}: give the largest offset that is tried, 0 or more")
    settings = window_settings(model)
    first, second = embed_windows(model, path, settings)
    if len(first) <= reach:
        rate = settings["offset_rate"]
        text = f"{len(first)} windows of {settings['duration']:g} s, {rate:g} a second, are too few for offsets up to"
        raise DataError(f"{path}: {text} {reach}; give a longer video or a smaller reach")
    return estimate_offset(first, second, reach)
