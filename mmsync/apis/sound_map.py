"""Where a multisensory network sees what it hears, drawn over a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.apis.sync import cut_sound, window_settings
from mmsync.errors import DataError
from mmsync.media import open_video
from mmsync.media.reader import scaled
from mmsync.media.sound import Sound, read_sound
from mmsync.media.write import write_video
from mmsync.models.methods.base import SelfSupervisedModel
from mmsync.models.methods.multisensory import Multisensory
from mmsync.structures import View

_SHOWN_RATE = 16000  # samples a second of the sound that is written
_TOP = 99.5  # percentile of the maps that is drawn in full


class _Part(NamedTuple):
    pictures: np.ndarray  # (P, H, W, 3) uint8, all of the video's
    maps: Tensor  # (P, H', W')


@torch.no_grad()
def draw_sound_map(
    model: Multisensory, path: Union[str, Path], out: Union[str, Path], start: float = 0.0, seconds: float = 20.0
) -> Path:
    """Write an MP4 of a video with its sound, and over the pictures the magnitude of :meth:`Multisensory.sound_maps`.

    Windows as those of training follow each other; the model sees the square in the middle of the pictures, and the
    rest stays as it is.

    Args:
        model: Of :func:`mmsync.apis.init_model`.
        path: The video.
        out: The file to write, ``.mp4``.
        start: First second that is drawn, from the first one with pictures and sound.
        seconds: Most seconds that are drawn.

    Raises:
        ConfigError: A model of another kind.
        DataError: The file has no sound, or is shorter than one window.
    """
    settings = window_settings(model, Multisensory, "maps of sound need Multisensory")
    sound = read_sound(path, rate=settings["rate"], channels=settings["channels"])
    with open_video(path) as reader:
        info = reader.info
        begin, end, span = stretch(reader, sound, settings, start, seconds)
        count = max(1, round((end - begin) / span))
        edges = begin + (end - begin) * np.arange(count + 1) / count
        parts = []
        for first, last in zip(edges, edges[1:]):
            moments = np.arange(np.ceil(first * info.rate - 1e-6), np.ceil(last * info.rate - 1e-6)) / info.rate
            pictures = reader.read(moments + 1e-3, None, None)
            at = min(float(first), end - span)
            maps = torch.from_numpy(_maps(model, reader, sound, at, settings))
            parts.append(_Part(pictures, _at_times(maps, (moments - at) / span)))
        crop = _square(info.width, info.height, settings["size"])
    top = float(np.percentile(torch.cat([part.maps for part in parts]).numpy(), _TOP))
    frames = [_drawn(p, m.numpy() / max(top, 1e-12), crop) for part in parts for p, m in zip(*part)]
    heard = read_sound(path, begin, end - begin, rate=_SHOWN_RATE).samples[0]
    return write_video(out, frames, info.rate, codec="libx264", options={"crf": "20"}, sound=heard)


def stretch(
    reader: Any, sound: Sound, settings: Mapping[str, Any], start: float, seconds: float
) -> tuple[float, float, float]:
    """First and last second, from ``start`` on, that have pictures and sound, and the seconds of a window.

    Raises:
        DataError: They are less than a window.
    """
    info, span = reader.info, max(settings["duration"], (settings["frames"] - 1) / settings["fps"])
    begin = max(info.start, sound.start) + start
    end = min(info.start + info.duration, sound.start + sound.samples.shape[1] / sound.rate, begin + seconds)
    if end - begin < span:
        text = f"pictures and sound from second {start:g} on last less than a window of {span:g} s"
        raise DataError(f"{info.path}: {text}")
    return begin, end, span


def window_views(
    model: SelfSupervisedModel, reader: Any, sound: Sound, at: float, settings: Mapping[str, Any]
) -> dict[str, View]:
    """Views ``video`` and ``audio`` of the window that begins ``at`` a second, of the square in the middle."""
    size, info = settings["size"], reader.info
    width, height = scaled(info.width, info.height, size)
    left, top = (width - size) // 2, (height - size) // 2
    times = np.minimum(
        at + np.arange(settings["frames"]) / settings["fps"], info.start + info.duration - 0.5 / info.rate
    )
    pictures = torch.from_numpy(reader.read(times + 1e-3, size, (left, top, left + size, top + size)))[None]
    samples = torch.from_numpy(cut_sound(sound, at, settings["duration"]))[None]
    inputs = {"video": View(pictures), "audio": View(samples)}
    return model.data_preprocessor({"inputs": inputs}, False)["inputs"]


def _maps(model: Multisensory, reader: Any, sound: Sound, at: float, settings: Mapping[str, Any]) -> np.ndarray:
    """Magnitudes ``(T', H', W')`` of the window that begins ``at`` a second."""
    return model.sound_maps(window_views(model, reader, sound, at, settings))[0].abs().float().cpu().numpy()


def _at_times(maps: Tensor, share: np.ndarray) -> Tensor:
    """Maps ``(P, H', W')`` at shares ``(P,)`` of a window, interpolated between its steps ``(T', H', W')``."""
    steps = len(maps)
    place = torch.from_numpy(share * steps - 0.5).clamp(0, steps - 1).float()
    low = place.floor().long()
    weight = (place - low)[:, None, None]
    return maps[low] * (1 - weight) + maps[(low + 1).clamp(max=steps - 1)] * weight


def _square(width: int, height: int, size: int) -> tuple[int, int, int, int]:
    """The part of a picture that the model sees, ``x1 y1 x2 y2`` in pixels."""
    small = scaled(width, height, size)
    left, top = ((edge - size) // 2 for edge in small)
    across, down = width / small[0], height / small[1]
    return round(left * across), round(top * down), round((left + size) * across), round((top + size) * down)


def _drawn(picture: np.ndarray, strength: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    """A picture ``(H, W, 3)`` of even size under a map ``(H', W')``, 1 for the hottest color."""
    import cv2

    x1, y1, x2, y2 = crop
    heat = cv2.resize(strength.astype(np.float32), (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    color = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    weight = 0.6 * heat[..., None]
    out = picture.copy()
    out[y1:y2, x1:x2] = (1 - weight) * picture[y1:y2, x1:x2] + weight * color
    return out[: len(out) // 2 * 2, : out.shape[1] // 2 * 2]
