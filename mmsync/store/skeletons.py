"""The store of skeletons: ragged clips ``(M, T, V, C)``, and everything that is known about them.

clips.npy        (sum of M*T, V, C) float32, clip after clip, each (M, T, V, C)
body_slots.npy   (sum of M*T,) int8: where the sensor listed that person in that frame, -1 where it did not see them;
                 absent if the format has no such list
index.npy        (n, 3) int64: first row, M*T, M
labels.npy       (n,) int64, -1 for unknown; absent if no clip has one
names.json       clip names            attributes.json   lists by attribute
splits.json      names by protocol     meta.json         layout, channels, counts, sha1 of the names,
                                       published number of clips by split
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.errors import FILL, DataError
from mmsync.store.ragged import RaggedWriter
from mmsync.structures import SkeletonLayout

FORMAT = "mmsync-skeleton-2"


class StoreWriter(RaggedWriter):
    """Write a store of skeletons clip by clip; the folder appears under its name only when it is complete.

    Args:
        root: The folder to make.
        layout: The joints ``V``.
        num_coords: 2 or 3 coordinates; a further channel is a score.
        class_names: Names of the labels.
        origin: Where the clips come from, for ``meta.json``.
        overwrite: Replace an existing store; a folder with other content is never replaced.

    Raises:
        DataError: The folder exists.

    Example::

        with StoreWriter("data/mine", "ntu25") as store:
            store.add("clip 1", keypoint, label=3, view=1)
            store.splits["train"] = ["clip 1"]
    """

    def __init__(
        self, root: Union[str, Path], layout: Union[str, Mapping, SkeletonLayout], num_coords: int = 3,
        class_names: Optional[Sequence[str]] = None, origin: str = "", overwrite: bool = False,
    ) -> None:  # fmt: skip
        self.layout, self.num_coords = SkeletonLayout.from_config(layout), num_coords
        super().__init__(root, FORMAT, overwrite)
        self.class_names = None if class_names is None else list(class_names)
        self.origin = origin
        self.splits: dict[str, list[str]] = {}  # names of clips by protocol name, to be filled
        self.expected: dict[str, int] = {}  # published clips by split, "all" for the whole set; logged on load
        self._names: dict[str, None] = {}
        self._labels: list[int] = []
        self._attributes: dict[str, list] = {}
        self._channels = 0

    def add(
        self, name: str, keypoint: np.ndarray, label: int = -1, body_slots: Optional[np.ndarray] = None,
        **attributes: object,
    ) -> None:  # fmt: skip
        """Append a clip of a unique name; a DataError, after which others may be added, if it cannot be stored.

        Args:
            keypoint: ``(M, T, V, C)``, finite; zeros where a person or joint is absent.
            label: Class index, -1 if unknown.
            body_slots: ``(M, T)`` int8, as in ``body_slots.npy``; for every clip of the store or for none.
            attributes: One value each, the same keys for every clip: ``view=1``.
        """
        keypoint = self._checked(name, keypoint)
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            hint = f"; give class_names.index({label!r})" if label in (self.class_names or ()) else ""
            raise DataError(f"clip {name!r}: label {label!r} is no class index (-1 if unknown){hint}")
        if not -1 <= label < len(self.class_names or range(label + 1)):
            raise DataError(f"clip {name!r}: label {label} is out of range; {len(self.class_names or ())} classes")
        if name in self._names:
            raise DataError(f"a second clip is named {name!r}")
        if self._names and (body_slots is None) == ("body_slots" in self._files):
            raise DataError(f"clip {name!r}: body_slots are for every clip of a store or for none")
        persons, frames, joints, channels = keypoint.shape
        rows: dict[str, np.ndarray] = {"clips": keypoint.astype(np.float32, copy=False).reshape(-1, joints, channels)}
        if body_slots is not None:
            slots = np.asarray(body_slots)
            if slots.shape != (persons, frames) or slots.dtype != np.int8:
                found = f"body_slots are {slots.dtype} {slots.shape}"
                raise DataError(f"clip {name!r}: {found}, wanted int8 {(persons, frames)}")
            rows["body_slots"] = slots.reshape(-1)
        if self._names and set(attributes) != set(self._attributes):
            raise DataError(f"clip {name!r} has attributes {sorted(attributes)}, others {sorted(self._attributes)}")
        values = {key: value.item() if isinstance(value, np.generic) else value for key, value in attributes.items()}
        for key, value in values.items():
            if not isinstance(value, (str, int, float)):
                raise DataError(
                    f"clip {name!r}: attribute {key} is a {type(value).__name__}; give a number or a string"
                )
        self.append(persons, **rows)
        self._names[name] = None
        self._labels.append(int(label))
        self._channels = channels
        for key, value in values.items():
            self._attributes.setdefault(key, []).append(value)

    def _checked(self, name: str, keypoint: np.ndarray) -> np.ndarray:
        """The clip as an array, if name, shape and values are those of a clip of this store."""
        if not isinstance(name, str) or not name:
            raise DataError(f"{name!r} is no name of a clip; give a string")
        try:
            keypoint = np.asarray(keypoint)
            finite = np.isfinite(keypoint)
        except (TypeError, ValueError) as error:  # of lists of different lengths, or of strings
            raise DataError(f"clip {name!r} is no array of numbers (M, T, V, C) ({error})") from error
        joints, channels = self.layout.num_joints, self._channels or (keypoint.shape[-1] if keypoint.ndim == 4 else 0)
        fits = keypoint.ndim == 4 and keypoint.shape[2:] == (joints, channels) and 0 not in keypoint.shape
        if not fits or not self.num_coords <= channels <= self.num_coords + 1:
            hint = "; 2D clips need num_coords=2" if channels == 2 and self.num_coords == 3 else ""
            wanted = self._channels or f"{self.num_coords} or, with a score, {self.num_coords + 1}"
            raise DataError(f"clip {name!r} has shape {keypoint.shape}; wanted (M, T, {joints}, {wanted}){hint}")
        broken = int((~finite).any(axis=(0, 2, 3)).sum())
        if broken:
            text = f"{broken} of {keypoint.shape[1]} frames hold NaN or infinite values"
            raise DataError(f"clip {name!r}: {text}; {FILL}")
        return keypoint

    @property
    def names(self) -> list[str]:
        """Names of the clips so far."""
        return list(self._names)

    def finish(self) -> None:
        """Write what belongs to the clips and give the folder its name."""
        if not self._names:
            raise DataError(f"{self.root}: no clip was added")
        for split, names in self.splits.items():
            if isinstance(names, str):
                raise DataError(f"{self.root}: split {split!r} is the string {names!r}; give a list of names of clips")
            if names and not any(name in self._names for name in names):  # published lists name some missing clips
                raise DataError(f"{self.root}: split {split!r} names no clip that was added; its first is {names[0]!r}")
        if any(label >= 0 for label in self._labels):
            self.save("labels", np.array(self._labels, dtype=np.int64))
        self.json("names", self.names)
        self.json("attributes", self._attributes)
        self.json("splits", self.splits)
        registered = self.layout.name in SkeletonLayout.names() and SkeletonLayout.get(self.layout.name) == self.layout
        self.meta(
            origin=self.origin,
            layout=self.layout.name if registered else dataclasses.asdict(self.layout),
            num_coords=self.num_coords,
            class_names=self.class_names,
            num_clips=len(self),
            num_frames=sum(rows // persons for _, rows, persons in self._index),
            names_sha1=hashlib.sha1(json.dumps(self.names).encode()).hexdigest(),
            expected=self.expected,
        )
        super().finish()
