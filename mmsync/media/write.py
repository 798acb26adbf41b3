"""Small videos with known content, for tests and for the synthetic world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.media.reader import INSTALL, require

_SOUND_RATE = 16000  # samples a second
_BITS, _CELL = 12, 8  # numbers below 4096, in squares that survive compression


def write_video(
    path: Union[str, Path], pictures: Union[Sequence[np.ndarray], np.ndarray], rate: float = 25,
    times: Optional[Sequence[float]] = None, codec: str = "mpeg4", options: Optional[Mapping[str, str]] = None,
    sound: Optional[np.ndarray] = None, sound_codec: str = "aac",
) -> Path:  # fmt: skip
    """Write a video.

    Args:
        path: The file; its suffix determines the container.
        pictures: T pictures ``(H, W, 3)`` uint8 RGB; H and W are even.
        rate: Pictures a second.
        times: Seconds at which each picture is shown, ``(T,)``, rising; ``None``: evenly, by ``rate``.
        codec: Of the pictures, by FFmpeg's name.
        options: Of the codec.
        sound: ``(S,)`` in [-1, 1] at 16,000 samples a second; ``None``: no sound.
        sound_codec: By FFmpeg's name.

    Returns:
        Path: The file.

    Raises:
        DependencyError: PyAV is missing.
    """
    av = require("av", INSTALL)
    path = Path(path)
    fraction = Fraction(rate).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fraction, options=dict(options or {}))
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.bit_rate = "yuv420p", 4_000_000
        audio = container.add_stream(sound_codec, rate=_SOUND_RATE, layout="mono") if sound is not None else None
        tick = 1 / fraction if times is None else Fraction(1, 1000)
        video.codec_context.time_base = tick
        if sound is not None:
            _write_sound(av, container, audio, sound)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = i if times is None else round(times[i] * 1000), tick
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def _write_sound(av: Any, container: Any, audio: Any, sound: np.ndarray) -> None:
    block = audio.codec_context.frame_size or 1024
    for start in range(0, len(sound), block):
        samples = np.ascontiguousarray(sound[None, start : start + block], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def numbered_pictures(numbers: Union[Sequence[int], np.ndarray], size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """Pictures ``(T, H, W, 3)`` uint8 that show numbers ``(T,)`` below 4096 as squares; the lower left one is light."""
    bits = np.asarray(numbers)[:, None] >> np.arange(_BITS) & 1
    out = np.full((len(bits), *size, 3), 90, np.uint8)
    row = np.where(bits, 230, 20).astype(np.uint8).repeat(_CELL, axis=1)
    out[:, :_CELL, : _BITS * _CELL] = row[:, None, :, None]
    out[:, -_CELL:, :_CELL] = 230
    return out


def read_numbers(pictures: np.ndarray) -> np.ndarray:
    """Numbers ``(T,)`` int64 of upright pictures ``(T, H, W, 3)`` of :func:`numbered_pictures`, in their first size."""
    row = pictures[:, :_CELL, : _BITS * _CELL].mean(axis=(1, 3))
    bits = row.reshape(len(pictures), _BITS, _CELL)[:, :, 2:-2].mean(axis=-1) > 125
    return (bits << np.arange(_BITS)).sum(axis=1)
