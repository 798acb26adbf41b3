"""Packed clips in one memory-mapped file: a pipeline runs once, and all processes of a machine share the pages.

A cache belongs to a source and a pipeline, not to a split, so that all protocols of a data set share it.

clips.npy    (1 + P, T, V, C) float32: zeros, then every person that is there
rows.npy     (n, M) int64: where in ``clips.npy`` the persons of a clip are; 0, the zeros, for absent ones
mask.npy     (n, M) bool, which persons are there
persons.npy  (n,) int64, persons that the clip was packed with; 0 for clips that cannot be used
bad.json     what is wrong with those, by index
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from tqdm import tqdm

from mmsync.errors import ConfigError, DataError
from mmsync.fileio import one_writer
from mmsync.store.files import cached, npy_header
from mmsync.store.mapped import MappedArray

_VERSION = "1"


class ClipCache:
    """Packed clips of a source, read by map.

    Args:
        source: The source; its ``files()`` tell whether a cache is still true.
        pipeline: What ``pack`` does, in words that change when it does; see :func:`pipeline_key`.
        pack: Packs clip ``i`` of the source: ``keypoint (M, T, V, C)`` and ``person_mask (M,)``, or a ``DataError``.

    Attributes:
        path: Where the cache lies.
        bad: What is wrong with clips that cannot be used, by their index in the source.

    Raises:
        ConfigError: The source does not say which files it reads.
        DataError: The clips are of different shapes, or the cache cannot be written.
    """

    def __init__(self, source: Any, pipeline: str, pack: Callable[[int], tuple[Tensor, Tensor]]) -> None:
        files = source.files() if hasattr(source, "files") else []
        if not files:
            raise ConfigError(
                f"SkeletonDataset: cache='disk' must know the files of its source, and {type(source).__name__} names "
                "none; write it as a store with tools/dataset_converters/to_store.py, or take cache=True"
            )
        kind = f"clips-{hashlib.sha1(f'{_VERSION} {pipeline}'.encode()).hexdigest()[:16]}"
        self.path = cached(kind, files, lambda path: _write_once(path, source.names, pack))
        self._clips = MappedArray(self.path / "clips.npy")
        self._rows, self._mask, self._persons = (
            np.load(self.path / f"{part}.npy") for part in ("rows", "mask", "persons")
        )
        self.bad = {int(i): text for i, text in json.loads((self.path / "bad.json").read_text()).items()}
        size = sum(file.stat().st_size for file in self.path.iterdir()) / 2**20
        print_log(f"{len(source.names)} packed clips in {self.path} ({size:.0f} MiB, may be removed)", logger="current")

    def take(self, clips: Union[Sequence[int], np.ndarray]) -> tuple[Tensor, Tensor]:
        """A batch.

        Args:
            clips: ``N`` indices into the source.

        Returns:
            Clips ``(N, M, T, V, C)`` and who is present ``(N, M)``, ``M`` that of the clip with most persons.
        """
        persons = self._persons[clips].max()
        return (
            torch.from_numpy(self._clips.take(self._rows[clips, :persons])),
            torch.from_numpy(self._mask[clips, :persons]),
        )


def pipeline_key(transforms: Sequence[object], configs: Sequence[object]) -> str:
    """What a pipeline does: its config, and the code of its transforms.

    Args:
        transforms: The transforms.
        configs: Their configs.

    Returns:
        A text that changes when either does.
    """
    files = set(Path(__file__).parents[1].glob("datasets/transforms/*.py"))  # the presets' helpers too
    for transform in transforms:
        try:
            files.add(Path(inspect.getfile(type(transform))))
        except (TypeError, OSError):  # typed into an interpreter
            continue
    code = hashlib.sha1(b"".join(file.read_bytes() for file in sorted(files, key=lambda file: (file.name, file))))
    return json.dumps([configs, code.hexdigest()], sort_keys=True, default=repr)


def _write_once(path: Path, names: Sequence[str], pack: Callable[[int], tuple[Tensor, Tensor]]) -> None:
    with one_writer(path):
        if path.exists():  # written while this process waited
            return
        for leftover in path.parent.glob(f".{path.name}.*.part"):
            shutil.rmtree(leftover, ignore_errors=True)  # of a process that was killed
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.mkdir()
        try:
            _write(part, names, pack)
            os.replace(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _write(folder: Path, names: Sequence[str], pack: Callable[[int], tuple[Tensor, Tensor]]) -> None:
    rows: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    bad, shape, count = {}, None, 1
    with open(folder / "clips.npy", "wb") as file:
        file.write(npy_header((0,)))
        # no bar for what takes no time, nor where no one sees it move
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
                file.write(np.zeros(shape, "<f4"))
            if keypoint.shape[1:] != shape:
                raise DataError(
                    f"cache='disk' keeps clips of one shape, but clip {names[index]} has (T, V, C) "
                    f"{keypoint.shape[1:]}, others {shape}; end the pipeline with a transform that makes them alike, "
                    "for example dict(type='ResizeClip', length=50) before PackSkeleton"
                )
            filled = keypoint.any(axis=(1, 2, 3))
            file.write(np.ascontiguousarray(keypoint[filled], "<f4"))
            rows.append(np.where(filled, count + filled.cumsum() - 1, 0))
            masks.append(mask)
            count += int(filled.sum())
        if shape is None:
            raise DataError(f"all {len(names)} clips are bad; the first: {bad[0]}")
        file.seek(0)
        file.write(npy_header((count, *shape)))
        file.flush()
        os.fsync(file.fileno())
    persons = np.array([len(mask) for mask in masks])
    slots = np.arange(persons.max()) < persons[:, None]
    for name, parts, dtype in (("rows", rows, np.int64), ("mask", masks, bool)):
        table = np.zeros(slots.shape, dtype)
        table[slots] = np.concatenate(parts)
        np.save(folder / f"{name}.npy", table)
    np.save(folder / "persons.npy", persons)
    (folder / "bad.json").write_text(json.dumps(bad))


def config_of(transform: Any) -> Any:
    """The config of a transform, or an error for one that was built already."""
    if not isinstance(transform, dict):
        raise ConfigError(
            "SkeletonDataset: cache='disk' knows a pipeline by its configs; give dict(type=...), not "
            f"{type(transform).__name__} objects, or take cache=True"
        )
    return dict(transform)
