"""Data sets that are one padded array: AimCLR / ST-GCN ``.npy``, CTR-GCN / MAMP ``.npz``."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync import fileio
from mmsync.datasets.sources.base import attributes_from_names
from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.skeleton.base import SkeletonSource, as_labels
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.ragged import MappedArray
from mmsync.structures import PICTURE_LAYOUTS, SkeletonLayout

PathLike = Union[str, Path]


class _Parts(SkeletonSource):
    """Arrays one after the other, one for each split; ``_parts`` are mapped, ``_ends`` the clips up to their ends."""

    def _set(self, arrays: dict[str, MappedArray], names: list[str], labels: list[Optional[np.ndarray]]) -> None:
        for split, part, y in zip(arrays, arrays.values(), labels):
            if part.array.dtype.kind not in "fiu":
                raise DataError(f"{part.path}: an array of {part.array.dtype}, wanted numbers")
            if y is not None and len(y) != len(part.array):
                raise DataError(f"{part.path}: {len(part.array)} clips, but {split} has {len(y)} labels")
        self._parts = list(arrays.values())
        self._ends = np.cumsum([len(part.array) for part in self._parts])
        self.names = names
        ends = [0, *self._ends.tolist()]
        self.splits = {split: names[start:end] for split, start, end in zip(arrays, ends, ends[1:])}
        known = [np.full(len(part.array), -1) if y is None else y for y, part in zip(labels, self._parts)]
        self.labels = None if all(y is None for y in labels) else np.concatenate(known)
        self.attributes = attributes_from_names(names)

    def files(self) -> list[Path]:
        return [Path(part.path) for part in self._parts]

    def _row(self, index: int) -> np.ndarray:
        index = range(len(self))[index]
        part = int(np.searchsorted(self._ends, index, side="right"))
        row = int(index - self._ends[part] + len(self._parts[part].array))
        return self._parts[part].rows(row, row + 1)[0]


@DATASETS.register_module()
class AimCLRSource(_Parts):
    """AimCLR / ST-GCN arrays ``(N, C, T, V, M)``, mapped into memory; clips ``(M, T, V, C)`` are views with padding.

    Args:
        data_path: The ``.npy`` file; or one for each split, ``dict(train='train_position.npy', test=...)``.
        label_path: The label file, likewise: a pickle ``(names, labels)``, or a ``.npy`` of labels; its content
            counts, not its suffix. ``None``: no labels.
        layout: The joints ``V``.
        class_names: Names of the labels.

    Raises:
        DataError: A file is missing, damaged, unsafe or of another shape, or data and labels are no pair.
        LayoutError: The array does not have the layout's joints.
    """

    def __init__(
        self, data_path: Union[PathLike, Mapping[str, PathLike]],
        label_path: Optional[Union[PathLike, Mapping[str, PathLike]]] = None,
        layout: Union[str, Mapping] = "ntu25", class_names: Optional[Sequence[str]] = None,
    ) -> None:  # fmt: skip
        paths = dict(data_path) if isinstance(data_path, Mapping) else {"all": data_path}
        label_paths = dict(label_path) if isinstance(label_path, Mapping) else {"all": label_path}
        if label_path is not None and set(paths) != set(label_paths):
            raise ConfigError(f"AimCLRSource: data_path has {list(paths)}, label_path {list(label_paths)}; give pairs")
        self.layout = SkeletonLayout.from_config(layout)
        self.class_names = None if class_names is None else list(class_names)
        arrays, names, labels = {}, [], []
        for split, path in paths.items():
            arrays[split] = MappedArray(fileio.data_path(path))
            shape = arrays[split].array.shape
            if len(shape) != 5:
                raise DataError(f"{path}: shape {shape}, wanted (N, C, T, V, M)")
            if not 2 <= shape[1] <= 4:
                raise DataError(f"{path}: shape {shape}, wanted (N, C, T, V, M) with 2 to 4 channels C")
            if shape[3] != self.layout.num_joints:
                raise LayoutError(f"{path}: {shape[3]} joints, but {self.layout.num_joints} in {self.layout.name!r}")
            found, y = _read_labels(label_paths.get(split))
            names += found or [f"{split}_{i:06d}" for i in range(shape[0])]
            labels.append(y)
        self.num_coords = 2 if shape[1] == 2 or self.layout.name in PICTURE_LAYOUTS else 3
        self._set(arrays, names, labels)
        self.check(", ".join(map(str, paths.values())))

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, C)``, a read-only view of the map."""
        return self._row(index).transpose(3, 1, 2, 0)


@DATASETS.register_module()
class CTRGCNSource(_Parts):
    """CTR-GCN / MAMP / STTFormer ``.npz``: ``x_train (N, T, M*V*3)``, ``y_train`` one-hot or indices, and ``_test``.

    The arrays are unpacked once into the cache folder and mapped from there; clips ``(M, T, V, 3)`` are views with
    padding. The splits are ``train`` and ``test``.

    Args:
        npz: The file.
        layout: The joints ``V``.
        num_persons: ``M``.
        class_names: Names of the labels.

    Raises:
        DataError: The file is missing, damaged, or of another kind.
        LayoutError: The width of the arrays does not fit layout and persons.
    """

    num_coords = 3

    def __init__(
        self, npz: PathLike, layout: Union[str, Mapping] = "ntu25", num_persons: int = 2,
        class_names: Optional[Sequence[str]] = None,
    ) -> None:  # fmt: skip
        self.layout, self.num_persons = SkeletonLayout.from_config(layout), num_persons
        self.class_names = None if class_names is None else list(class_names)
        npz = fileio.data_path(npz)
        try:
            with zipfile.ZipFile(npz) as file:
                found = [name[: -len(".npy")] for name in file.namelist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{npz}: no whole .npz file ({error})") from error
        splits = [key[2:] for key in found if key.startswith("x_")]
        if not splits:
            raise DataError(f"{npz}: no array x_train or x_test; it holds {', '.join(found)}")
        folder = cached("npz-1", [npz], partial(_unpack, npz, [f"{k}_{s}" for k in "xy" for s in splits]))
        arrays, names, labels = {}, [], []
        width = num_persons * self.layout.num_joints * 3
        for split in splits:
            arrays[split] = MappedArray(folder / f"x_{split}.npy", f"{npz}: x_{split}")
            shape = arrays[split].array.shape
            if len(shape) != 3:
                raise DataError(f"{npz}: x_{split} has shape {shape}, wanted (N, T, {width})")
            if shape[2] != width:
                text = f"{num_persons} persons of layout {self.layout.name!r} have {width}"
                raise LayoutError(f"{npz}: frames of x_{split} have {shape[2]} values; {text}")
            names += [f"{split}_{i:06d}" for i in range(shape[0])]
            y = folder / f"y_{split}.npy"
            labels.append(
                as_labels(MappedArray(y, f"{npz}: y_{split}").array, f"{npz}: y_{split}") if y.exists() else None
            )
        self._set(arrays, names, labels)
        self.check(npz)

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, 3)``, a read-only view of the map."""
        row = self._row(index)
        return row.reshape(len(row), self.num_persons, self.layout.num_joints, 3).swapaxes(0, 1)


def _unpack(npz: PathLike, keys: Sequence[str], path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        with zipfile.ZipFile(npz) as file:
            for key in set(keys) & {name[: -len(".npy")] for name in file.namelist()}:
                with file.open(f"{key}.npy") as source, open(part / f"{key}.npy", "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        os.replace(part, path)
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{npz}: the archive is damaged ({error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _dims(values: object) -> int:
    try:
        return np.ndim(values)  # type: ignore[arg-type]
    except ValueError:  # lists of different lengths, which are no labels
        return 1


def _read_labels(path: Optional[PathLike]) -> tuple[list[str], Optional[np.ndarray]]:
    if path is None:
        return [], None
    content = load_pickle(path)
    if isinstance(content, (tuple, list)) and len(content) >= 2 and _dims(content[0]) == 1 == _dims(content[1]):
        names = [str(name).removesuffix(".skeleton") for name in content[0]]
        labels = as_labels(content[1], path)
        if len(names) != len(labels):
            raise DataError(f"{path}: {len(names)} names, but {len(labels)} labels")
        return names, labels
    return [], as_labels(content, path)
