"""The sound on and off screen of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np
import torch

from mmsync.apis.sound_map import stretch, window_views
from mmsync.apis.sync import window_settings
from mmsync.fileio import atomic_path
from mmsync.media import open_video
from mmsync.media.sound import read_sound
from mmsync.models.methods.on_off_screen import OnOffScreen


@torch.no_grad()
def separate_video(
    model: OnOffScreen, path: Union[str, Path], start: float = 0.0, seconds: float = 20.0
) -> tuple[np.ndarray, int]:
    """Sound on and off screen of a video, ``(2, S)`` float32, and its rate, samples a second.

    Windows as those of training overlap by half and fade into each other; the model sees the square in the middle of
    the pictures.

    Args:
        model: Of :func:`mmsync.apis.init_model`.
        path: The video.
        start: First second, from the first one with pictures and sound.
        seconds: Most seconds.

    Raises:
        ConfigError: A model of another kind.
        DataError: The file has no sound, or is shorter than one window.
    """
    settings = window_settings(model, OnOffScreen, "separation needs OnOffScreen")
    rate = settings["rate"]
    sound = read_sound(path, rate=rate, channels=settings["channels"])
    with open_video(path) as reader:
        begin, end, span = stretch(reader, sound, settings, start, seconds)
        length, window = int((end - begin) * rate), round(settings["duration"] * rate)
        fade = torch.hann_window(window) + 1e-3  # what a single window covers counts in full
        total, weight = torch.zeros(2, length + window), torch.zeros(length + window)
        last = end - begin - span
        for at in np.linspace(0, last, 1 + int(np.ceil(2 * last / span))).tolist():
            views = window_views(model, reader, sound, begin + at, settings)
            found = model.separate(views["video"], views["audio"].data)[0].float().cpu()
            here = slice(round(at * rate), round(at * rate) + window)
            total[:, here] += fade * found
            weight[here] += fade
    return (total / weight.clamp(min=1e-3))[:, :length].numpy(), rate


def write_separated(folder: Union[str, Path], sounds: np.ndarray, rate: int) -> list[Path]:
    """Write ``on_screen.wav`` and ``off_screen.wav``, 16 bits, of sounds ``(2, S)`` in [-1, 1] into a folder."""
    from scipy.io import wavfile

    paths = [Path(folder) / f"{name}_screen.wav" for name in ("on", "off")]
    for path, samples in zip(paths, sounds):
        with atomic_path(path) as temporary:
            wavfile.write(temporary, rate, np.rint(samples.clip(-1, 1) * 32767).astype(np.int16))
    return paths
