"""mmsync's own format: clips of any length in one memory-mapped file, and everything about them beside it.

clips.npy        (sum of M*T, V, C) float32, clip after clip, each (M, T, V, C)
index.npy        (n, 3) int64: first row, T, M
labels.npy       (n,) int64, -1 for unknown; absent if no clip has one
body_slots.npy   (sum of M*T,) int8: where the sensor listed that person in that frame, -1 where it did not see them;
                 absent if the format does not tell
names.json       clip names            attributes.json   lists by attribute
splits.json      names by protocol     meta.json         layout, channels, counts, sha1 of the names,
                                       published number of clips by split
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.store.files import npy_header
from mmsync.structures import SkeletonLayout

FORMAT = "mmsync-skeleton-1"


class StoreWriter:
    """Writes a store clip by clip; the folder appears under its name only when it is complete.

    Args:
        root: The folder to make.
        layout: The joints ``V``.
        num_coords: 2 or 3 coordinates; a further channel is a score.
        class_names: Names of the labels.
        origin: Where the clips come from, for ``meta.json``.
        overwrite: Replace an existing store; a folder with other content never is, it may hold the raw files.

    Raises:
        DataError: The folder exists, or a clip does not fit.

    Example::

        with StoreWriter("data/mine", "ntu25") as store:
            store.add("clip 1", keypoint, label=3, view=1)
            store.splits["train"] = ["clip 1"]

    Attributes:
        splits: Names of clips by protocol name, to be filled.
        expected: Published number of clips by split, ``"all"`` for the whole set; told at load beside what is there.
    """

    def __init__(
        self,
        root: Union[str, Path],
        layout: Union[str, Mapping, SkeletonLayout],
        num_coords: int = 3,
        class_names: Optional[Sequence[str]] = None,
        origin: str = "",
        overwrite: bool = False,
    ) -> None:
        self.root = Path(root)
        if self.root.exists():
            if not (self.root / "meta.json").is_file() and (self.root.is_file() or any(self.root.iterdir())):
                raise DataError(f"{root} exists and is no store, so it is not replaced; name another folder")
            if not overwrite:
                raise DataError(f"{root} exists; remove it, or replace it (overwrite=True; --overwrite of the tools)")
        self.layout, self.num_coords = SkeletonLayout.from_config(layout), num_coords
        self.class_names = None if class_names is None else list(class_names)
        self.origin = origin
        self.splits: dict[str, list[str]] = {}
        self.expected: dict[str, int] = {}
        self._names: dict[str, None] = {}
        self._labels: list[int] = []
        self._index: list[tuple[int, int, int]] = []
        self._attributes: dict[str, list] = {}
        self._slots: list[np.ndarray] = []
        self._rows, self._channels = 0, 0
        self._part = self.root.with_name(f".{self.root.name}.{os.getpid()}.part")
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(parents=True)
        self._file = open(self._part / "clips.npy", "wb")  # noqa: SIM115
        self._file.write(npy_header((0,)))

    def add(
        self,
        name: str,
        keypoint: np.ndarray,
        label: int = -1,
        body_slots: Optional[np.ndarray] = None,
        **attributes: object,
    ) -> None:
        """Append a clip.

        Args:
            name: Unique name.
            keypoint: ``(M, T, V, C)``; zeros where a person is absent.
            label: Class index, -1 if unknown.
            body_slots: ``(M, T)`` int8, the place of person ``m`` in the sensor's list of frame ``t``, -1 where
                absent; for every clip of the store or for none.
            attributes: One value each, the same keys for every clip: ``view=1``.

        Raises:
            DataError: The shape, name, label or attributes do not fit.
        """
        keypoint = np.asarray(keypoint)
        joints, channels = self.layout.num_joints, self._channels or (keypoint.shape[-1] if keypoint.ndim == 4 else 0)
        fits = keypoint.ndim == 4 and keypoint.shape[2:] == (joints, channels) and 0 not in keypoint.shape
        if not fits or not self.num_coords <= channels <= self.num_coords + 1:
            wanted = self._channels or f"{self.num_coords} or, with a score, {self.num_coords + 1}"
            raise DataError(f"clip {name!r} has shape {keypoint.shape}; wanted (M, T, {joints}, {wanted})")
        if self.class_names is not None and not -1 <= label < len(self.class_names):
            raise DataError(f"clip {name!r}: label {label} is out of range; {len(self.class_names)} classes")
        if name in self._names:
            raise DataError(f"a second clip is named {name!r}")
        if self._names and (body_slots is None) == bool(self._slots):
            raise DataError(f"clip {name!r}: body_slots are for every clip of a store or for none")
        if body_slots is not None:
            slots, shape = np.asarray(body_slots), keypoint.shape[:2]
            if slots.shape != shape or slots.dtype != np.int8:
                raise DataError(f"clip {name!r}: body_slots are {slots.dtype} {slots.shape}, wanted int8 {shape}")
        if self._names and set(attributes) != set(self._attributes):
            raise DataError(f"clip {name!r} has attributes {sorted(attributes)}, others {sorted(self._attributes)}")
        persons, frames = keypoint.shape[:2]
        self._file.write(np.ascontiguousarray(keypoint, dtype="<f4"))
        self._names[name] = None
        self._labels.append(int(label))
        self._index.append((self._rows, frames, persons))
        if body_slots is not None:
            self._slots.append(slots.flatten())
        for key, value in attributes.items():
            self._attributes.setdefault(key, []).append(value.item() if isinstance(value, np.generic) else value)
        self._rows, self._channels = self._rows + persons * frames, channels

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> list[str]:
        """Names of the clips so far."""
        return list(self._names)

    def attach(self, name: str, text: str) -> None:
        """Put a text file of one's own into the folder, such as a report."""
        (self._part / name).write_text(text)

    def finish(self) -> None:
        """Write what belongs to the clips and give the folder its name.

        Raises:
            DataError: There is no clip, or a split names none of them.
        """
        if not self._names:
            raise DataError(f"{self.root}: no clip was added")
        for split, names in self.splits.items():
            if names and not any(name in self._names for name in names):  # published lists name some missing clips
                raise DataError(f"{self.root}: split {split!r} names no clip that was added; its first is {names[0]!r}")
        self._file.seek(0)
        self._file.write(npy_header((self._rows, self.layout.num_joints, self._channels)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        np.save(self._part / "index.npy", np.array(self._index, dtype=np.int64).reshape(-1, 3))
        if any(label >= 0 for label in self._labels):
            np.save(self._part / "labels.npy", np.array(self._labels, dtype=np.int64))
        if self._slots:
            np.save(self._part / "body_slots.npy", np.concatenate(self._slots))
        names = json.dumps(list(self._names))
        registered = self.layout.name in SkeletonLayout.names() and SkeletonLayout.get(self.layout.name) == self.layout
        meta = {
            "format": FORMAT,
            "origin": self.origin,
            "layout": self.layout.name if registered else dataclasses.asdict(self.layout),
            "num_coords": self.num_coords,
            "class_names": self.class_names,
            "num_clips": len(self._names),
            "num_frames": sum(t for _, t, _ in self._index),
            "names_sha1": hashlib.sha1(names.encode()).hexdigest(),
            "expected": self.expected,
        }
        (self._part / "names.json").write_text(names)
        (self._part / "attributes.json").write_text(json.dumps(self._attributes))
        (self._part / "splits.json").write_text(json.dumps(self.splits))
        (self._part / "meta.json").write_text(json.dumps(meta, indent=1))
        old = self._part.with_suffix(".old")
        if self.root.exists():
            os.replace(self.root, old)
        os.replace(self._part, self.root)
        shutil.rmtree(old, ignore_errors=True)

    def abort(self) -> None:
        """Throw away what was written."""
        self._file.close()
        shutil.rmtree(self._part, ignore_errors=True)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.abort()  # after a finished store there is nothing left to throw away
