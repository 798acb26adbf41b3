"""Ragged arrays in a folder: items of any length, appended one by one, read by map.

NAME.npy    rows of all items, one after the other, ``(R, ...)``; one file for each named array
index.npy   ``(n, 2 + k)`` int64: first row, number of rows, and ``k`` numbers of the kind of store, of each item
meta.json   the format with its version, and what else the kind of store says about itself
"""

from __future__ import annotations

import glob
import json
import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Optional, TypeVar, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.fileio import reserve

PathLike = Union[str, Path]
Writer = TypeVar("Writer", bound="RaggedWriter")
_PAGES_KEPT = 32 << 20  # bytes read from a map before its pages are released


class MappedArray:
    """A read-only ``.npy`` mapped into memory, which a copy in another process opens again.

    Pages that were read are released regularly, so that the process does not appear to hold the whole data set.
    """

    def __init__(self, path: PathLike, origin: str = "") -> None:
        self.path = str(path)
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            reason = str(error)
            if "Python objects" in reason or "pickled" in reason:  # NumPy advises to load it unsafely
                reason = "it is of another format, or holds Python objects instead of numbers"
            raise DataError(f"{origin or path}: no readable .npy array ({reason})") from error
        self.array = np.asarray(mapped)  # a plain array over the map: slices of np.memmap cost ten times as much
        self._pages, self._read = getattr(mapped, "_mmap", None), 0

    def rows(self, start: int, stop: int) -> np.ndarray:
        """``array[start:stop]``, a view of the map."""
        return self._counted(self.array[start:stop])

    def take(self, index: np.ndarray) -> np.ndarray:
        """``array[index]`` for an array of row numbers, a copy."""
        return self._counted(self.array[index])

    def _counted(self, rows: np.ndarray) -> np.ndarray:
        self._read += rows.nbytes
        if self._read > _PAGES_KEPT and self._pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)
            self._read = 0
        return rows

    def __reduce__(self) -> tuple:
        return MappedArray, (self.path,)


class RaggedWriter:
    """Write ragged arrays, a folder that appears when the block ends well; ``overwrite`` replaces one of its kind."""

    def __init__(self, root: PathLike, format: str, overwrite: bool = False) -> None:
        self.root, self.format = Path(root), format
        check_place(root, format, overwrite)
        self._part = self.root.with_name(f".{self.root.name}.{os.getpid()}.part")
        shutil.rmtree(self._part, ignore_errors=True)
        _remove_abandoned(self.root)
        self._part.mkdir(parents=True)
        self._files: dict[str, _Rows] = {}
        self._maps: list[np.memmap] = []
        self._index: list[tuple[int, ...]] = []
        self._rows = 0

    def __len__(self) -> int:
        return len(self._index)

    def append(self, *numbers: int, **arrays: np.ndarray) -> int:
        """Append rows ``(r, ...)`` by name, of the first item's dtypes and shapes; return the number of the first."""
        lengths = {len(array) for array in arrays.values()}
        if not self._index:
            self._files = {name: _Rows(self._part / f"{name}.npy", array) for name, array in arrays.items()}
        if arrays.keys() != self._files.keys() or len(lengths) != 1:
            found, wanted = {name: array.shape for name, array in arrays.items()}, list(self._files)
            raise DataError(f"{self.root}: item {len(self)} has {found}; wanted {wanted}, with as many rows in each")
        for name, array in arrays.items():
            self._files[name].check(array, f"{self.root}: item {len(self)}, {name}")
        for name, array in arrays.items():
            self._files[name].write(array)
        return self._count(lengths.pop(), numbers)

    def reserve(self, name: str, lengths: Sequence[int], dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Make a writable array ``(sum(lengths), *shape)`` of items of these lengths, to be filled in any order."""
        for length in lengths:
            self._count(length, ())
        path = self._part / f"{name}.npy"
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(self._rows, *shape))
        reserve(path)
        self._maps.append(array)
        return array

    def save(self, name: str, array: np.ndarray) -> None:
        """Put an array into the folder, as ``NAME.npy``."""
        np.save(self._part / f"{name}.npy", array)

    def json(self, name: str, content: Any, indent: Optional[int] = None) -> None:
        """Put a table into the folder, as ``NAME.json``."""
        self.text(f"{name}.json", json.dumps(content, indent=indent))

    def meta(self, **facts: Any) -> None:
        """Describe the store in ``meta.json``."""
        self.json("meta", {"format": self.format, **facts}, indent=1)

    def text(self, file: str, content: str) -> None:
        """Put a text file into the folder."""
        (self._part / file).write_text(content)

    def finish(self) -> None:
        """Flush everything to disk and give the folder its name."""
        if not self._index:
            raise DataError(f"{self.root}: nothing was added")
        for rows in self._files.values():
            rows.finish()
        for array in self._maps:
            array.flush()
        self.save("index", np.array(self._index, dtype=np.int64))
        if not (self._part / "meta.json").exists():
            self.meta()
        for path in self._part.iterdir():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        old = self._part.with_suffix(".old")
        if self.root.exists():
            os.replace(self.root, old)
        os.replace(self._part, self.root)
        shutil.rmtree(old, ignore_errors=True)

    def __enter__(self: Writer) -> Writer:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *error: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:  # after finish() there is nothing to remove
            for rows in self._files.values():
                rows.file.close()
            shutil.rmtree(self._part, ignore_errors=True)

    def _count(self, length: int, numbers: tuple[int, ...]) -> int:
        first = self._rows
        self._index.append((first, length, *numbers))
        self._rows += length
        return first


class Ragged:
    """Read the ragged arrays ``names`` of a folder by map; a copy in another process opens the files again."""

    def __init__(self, root: PathLike, format: str, names: Sequence[str]) -> None:
        self.root = Path(root)
        self.meta: dict[str, Any] = self.json("meta")
        found = self.meta.get("format") if isinstance(self.meta, dict) else None
        if found != format:
            raise DataError(f"{root}: format {found!r}, this version reads {format!r}; convert the data again")
        self.arrays = {name: MappedArray(self.root / f"{name}.npy") for name in names}
        self.index = self.load("index")
        whole = self.index.ndim == 2 and self.index.dtype == np.int64 and self.index.shape[1] > 1
        first, length = self.index[:, :2].T if whole else np.zeros((2, 1), np.int64)
        whole = whole and bool((first == length.cumsum() - length).all())
        if not whole or any(len(array.array) != length.sum() for array in self.arrays.values()):
            raise DataError(f"{root}: the index does not fit the arrays; the folder is damaged, convert the data again")

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, name: str, item: int) -> np.ndarray:
        """The rows ``(r, ...)`` of an item, a read-only view of the map."""
        first, length = self.index[item, :2]
        return self.arrays[name].rows(first, first + length)

    def load(self, name: str) -> np.ndarray:
        """The array ``NAME.npy``, in memory."""
        return np.array(MappedArray(self.root / f"{name}.npy").array)

    def json(self, name: str) -> Any:
        """The table ``NAME.json``."""
        path = self.root / f"{name}.json"
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: missing or damaged ({error}); convert the data again") from error


def family_of(root: PathLike) -> Optional[str]:
    """The format of a folder without its version, ``None`` if it is no store."""
    try:
        return str(json.loads((Path(root) / "meta.json").read_text())["format"]).rpartition("-")[0]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_place(root: PathLike, format: str, overwrite: bool) -> None:
    """Raise a DataError if a folder holds something else than a store, or a store that is not to be replaced."""
    root, family = Path(root), format.rpartition("-")[0]
    if not root.exists():
        return
    if family_of(root) != family and (root.is_file() or any(root.iterdir())):
        raise DataError(f"{root} exists and is no {family} store, so it is not replaced; choose another folder")
    if not overwrite:
        raise DataError(f"{root} exists; remove it, or replace it (overwrite=True; --overwrite of the tools)")


def _remove_abandoned(root: Path) -> None:
    """Remove unfinished copies of a folder, which killed processes of this machine left beside it."""
    for part in root.parent.glob(f".{glob.escape(root.name)}.*.part"):
        try:
            os.kill(int(part.suffixes[-2][1:]), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(part, ignore_errors=True)
        except OSError:  # someone else's, and alive
            pass


class _Rows:
    """A ``.npy`` file of rows; its header takes 128 bytes, so that their number can be filled in at the end."""

    def __init__(self, path: Path, like: np.ndarray) -> None:
        self.dtype, self.shape, self.count = like.dtype, like.shape[1:], 0
        self.file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self.file.write(self._header())

    def check(self, array: np.ndarray, what: str) -> None:
        if (array.dtype, array.shape[1:]) != (self.dtype, self.shape):
            raise DataError(f"{what}: rows are {array.dtype} {array.shape[1:]}, those before {self.dtype} {self.shape}")

    def write(self, array: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(array).data)
        self.count += len(array)

    def finish(self) -> None:
        self.file.seek(0)
        self.file.write(self._header())
        self.file.close()

    def _header(self) -> bytes:
        text = str({"descr": self.dtype.str, "fortran_order": False, "shape": (self.count, *self.shape)})
        return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"
