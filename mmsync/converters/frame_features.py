"""Features of every frame of videos, a ``.npy`` for each video: resumable, with a report of what is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.fileio import read_text, remove_leftovers, write_text
from mmsync.media.reader import resized
from mmsync.parallel import progress
from mmsync.store.frame_features import feature_file, map_features, write_features

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB in [0, 1]
SETTINGS = "frame_features.json"  # how the features of a folder were made


class FrameEncoder:
    """Encode pictures, batch by batch; the next batch is decoded while the network runs.

    Cost: one forward pass of the network for each frame; memory of two batches.

    Args:
        network: Maps pictures ``(N, 3, H, W)``, normalized by ImageNet's mean and deviation, to ``(N, D)``.
        size: Height and width that pictures are scaled to, both, as TCC and CARL do it.
        batch: Pictures at once.
        device: Of the network.
        amp: Run in mixed precision.
    """

    def __init__(
        self, network: nn.Module, size: int = 224, batch: int = 64, device: str = "cpu", amp: bool = False
    ) -> None:
        self.network, self.size, self.batch = network.eval().to(device), size, batch
        self.device, self.amp = torch.device(device), amp
        self._mean, self._std = (torch.tensor(part, device=device).view(3, 1, 1) for part in (_MEAN, _STD))

    @torch.inference_mode()
    def __call__(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """Encode all pictures ``(H, W, 3)`` uint8 of a video.

        Returns:
            np.ndarray: ``(T, D)`` float16.

        Raises:
            ConfigError: The network returns something else.
            DataError: There are no pictures, or features are beyond the range of float16.
        """
        parts = [self._encode(batch).half().cpu() for batch in _ahead(self._batches(iter(pictures)))]
        if not parts:
            raise DataError("there are no pictures")
        features = torch.cat(parts).numpy()
        if not np.isfinite(features).all():
            raise DataError("features are not finite as float16")
        return features

    def _batches(self, pictures: Iterator[np.ndarray]) -> Iterator[torch.Tensor]:
        size = (self.size, self.size)
        while chunk := [resized(np.ascontiguousarray(picture), size) for picture in islice(pictures, self.batch)]:
            yield torch.from_numpy(np.stack(chunk))

    def _encode(self, batch: torch.Tensor) -> torch.Tensor:
        images = (batch.to(self.device).permute(0, 3, 1, 2).float() / 255 - self._mean) / self._std
        with torch.autocast(self.device.type, enabled=self.amp):
            out = self.network(images)
        if not isinstance(out, torch.Tensor) or out.ndim != 2 or len(out) != len(images):
            found = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            text = f"the backbone maps pictures {tuple(images.shape)} to {found}; wanted (N, D)"
            raise ConfigError(f"{text}: let its factory pool the map, and return the module without a head")
        return out


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """The items of an iterator, of which the next one is made in a thread."""
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(next, items, None)
        while (item := later.result()) is not None:
            later = pool.submit(next, items, None)
            yield item


def write_frame_features(
    videos: Mapping[str, Callable[[], Iterable[np.ndarray]]],
    out: Union[str, Path],
    encoder: Callable[[Iterable[np.ndarray]], np.ndarray],
    settings: Mapping[str, Any],
    overwrite: bool = False,
) -> list[str]:
    """Write ``<out>/<name>.npy``, ``(T, D)`` float16, for each video that has no such file yet.

    Args:
        videos: By name, functions that give the pictures of a video.
        out: The folder.
        encoder: Maps pictures to features, as :class:`FrameEncoder`.
        settings: What features depend on; the folder keeps it, and is not resumed with other settings.
        overwrite: Make all files anew.

    Returns:
        list[str]: What is wrong with videos that are left out; it is in ``left_out.txt`` too.

    Raises:
        ConfigError: The folder has features that were made with other settings.
        DataError: No video can be used, or a name leaves the folder.
    """
    out = Path(out)
    files = {name: feature_file(out, name) for name in videos}
    _keep_settings(out / SETTINGS, dict(settings), overwrite)
    waiting = [name for name, file in files.items() if overwrite or not _is_complete(file)]
    left_out = []
    for folder in {files[name].parent for name in waiting}:
        remove_leftovers(folder)
    with progress(len(files), len(files) - len(waiting), unit="video") as bar:
        for name in waiting:
            try:
                write_features(files[name], encoder(videos[name]()))
            except DataError as error:
                left_out.append(f"{name}: {error}")
                bar.set_postfix(left_out=len(left_out))
            bar.update()
    if left_out and len(left_out) == len(files):
        raise DataError(f"none of the {len(left_out)} videos can be used; the first: {left_out[0]}")
    if left_out:
        write_text(out / "left_out.txt", "".join(f"{line}\n" for line in left_out))
    else:
        (out / "left_out.txt").unlink(missing_ok=True)
    return left_out


def _is_complete(file: Path) -> bool:
    try:
        return len(map_features(file)) > 0
    except DataError:
        return False


def _keep_settings(file: Path, settings: dict[str, Any], overwrite: bool) -> None:
    if file.is_file() and not overwrite:
        try:
            before = json.loads(read_text(file))
        except json.JSONDecodeError as error:
            raise DataError(f"{file}: no JSON: {error}; remove it, or give --overwrite") from error
        if before != settings:
            text = f"has features made with {before}, not with {settings}"
            raise ConfigError(f"{file.parent} {text}; give another folder, or --overwrite to make all of them anew")
    write_text(file, json.dumps(settings, indent=1) + "\n")
