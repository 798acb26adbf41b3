"""The cache of packed clips: a pipeline runs once, and all processes of a machine share the pages of one map.

A cache belongs to a source and a pipeline, not to a split, so that all protocols of a data set share it.

clips.npy    (1 + P, T, V, C) float32: zeros, then every person that is present; an item is a clip
rows.npy     (n, M) int64: where in ``clips.npy`` the persons of a clip are; 0, the zeros, for absent ones
mask.npy     (n, M) bool, which persons are present
persons.npy  (n,) int64, persons that the clip was packed with; 0 for clips that cannot be used
bad.json     why those cannot be used, by index
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from tqdm import tqdm

from mmsync.errors import ConfigError, DataError
from mmsync.store.cache import cached
from mmsync.store.ragged import Ragged, RaggedWriter

FORMAT = "mmsync-clips-2"
Pack = Callable[[int], tuple[Tensor, Tensor]]  # keypoints (M, T, V, C) and mask (M,) of a clip, or a DataError


class ClipCache:
    """Packed clips, valid while the source's ``files()`` and ``pipeline`` are; ``bad`` says why clips are unusable."""

    def __init__(self, source: Any, pipeline: str, pack: Pack) -> None:
        files = source.files()
        if not files:
            advice = "write it as a store with mmsync to_store, or take cache=True"
            who = type(source).__name__
            raise ConfigError(f"SkeletonDataset: cache='disk' must know its source's files; {who} names none; {advice}")
        kind = f"clips-{hashlib.sha1(f'{FORMAT} {pipeline}'.encode()).hexdigest()[:16]}"
        self.path = cached(kind, files, lambda path: _build(path, source.names, pack))
        stored = Ragged(self.path, FORMAT, ["clips"])
        self._clips = stored.arrays["clips"]
        self._rows, self._mask, self._persons = (stored.load(part) for part in ("rows", "mask", "persons"))
        self.bad = {int(i): text for i, text in stored.json("bad").items()}
        size = sum(file.stat().st_size for file in self.path.iterdir()) / 2**20
        print_log(f"{len(source.names)} packed clips in {self.path} ({size:.0f} MiB, may be removed)", logger="current")

    def take(self, clips: Union[Sequence[int], np.ndarray]) -> tuple[Tensor, Tensor]:
        """Clips ``(N, M, T, V, C)`` by index, and who is present ``(N, M)``, ``M`` the most persons of any."""
        persons = self._persons[clips].max()
        rows, mask = self._rows[clips, :persons], self._mask[clips, :persons]
        return torch.from_numpy(self._clips.take(rows)), torch.from_numpy(mask)


def _build(path: Path, names: Sequence[str], pack: Pack) -> None:
    with RaggedWriter(path, FORMAT) as out:
        _write(out, names, pack)


def _write(out: RaggedWriter, names: Sequence[str], pack: Pack) -> None:
    rows: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    bad: dict[int, str] = {}
    shape: Optional[tuple[int, ...]] = None
    # no bar for short work, nor where no one sees it move
    for index in tqdm(range(len(names)), desc="packing clips", unit="clip", delay=2, leave=False, disable=None):
        try:
            keypoint, mask = (tensor.numpy() for tensor in pack(index))
        except (DataError, OSError) as error:
            bad[index] = str(error)
            rows.append(np.zeros(0, np.int64))
            masks.append(np.zeros(0, bool))
            continue
        if shape is None:
            shape = keypoint.shape[1:]
            out.append(clips=np.zeros((1, *shape), np.float32))
        if keypoint.shape[1:] != shape:
            found = f"clip {names[index]} has (T, V, C) {keypoint.shape[1:]}, others {shape}"
            advice = "resize them, for example by dict(type='ResizeClip', length=50) before PackSkeleton"
            raise DataError(f"cache='disk' keeps clips of one shape, but {found}; {advice}")
        present = keypoint.any(axis=(1, 2, 3))
        first = out.append(clips=keypoint[present].astype(np.float32, copy=False))
        rows.append(np.where(present, first + present.cumsum() - 1, 0))
        masks.append(mask)
    if shape is None:
        raise DataError(f"all {len(names)} clips are bad; the first: {bad[0]}")
    persons = np.array([len(mask) for mask in masks])
    slots = np.arange(persons.max()) < persons[:, None]
    for name, parts, dtype in (("rows", rows, np.int64), ("mask", masks, bool)):
        table = np.zeros(slots.shape, dtype)
        table[slots] = np.concatenate(parts)
        out.save(name, table)
    out.save("persons", persons)
    out.json("bad", bad)
