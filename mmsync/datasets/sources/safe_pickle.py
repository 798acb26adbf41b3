"""Pickles of arrays and builtin containers; anything else, which may run code, is refused before it is imported."""

from __future__ import annotations

import codecs
import collections
import io
import pickle
from pathlib import Path
from typing import BinaryIO, Union

import numpy as np

from mmsync.datasets.sources.pickled_tensors import ALLOWED_TENSORS, RefusedError
from mmsync.errors import DataError
from mmsync.fileio import data_path


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1", "iso-8859-1"):
        raise pickle.UnpicklingError(f"the codec {encoding!r} is not allowed")
    return codecs.encode(text, "latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")  # the latter up to protocol 2
        for kind in (list, tuple, dict, set, frozenset, int, float, complex, bool, str, bytes, bytearray)
    },
    # module names before and since NumPy 2
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", np.arange(1).__reduce__()[0]),
            ("multiarray", "scalar", np.float32(0).__reduce__()[0]),
            ("numeric", "_frombuffer", np.arange(2).__reduce_ex__(5)[0]),
        )
    },
    **{("numpy", kind.__name__): kind for kind in set(np.sctypeDict.values())},
}


class _Unpickler(pickle.Unpickler):
    allowed = _ALLOWED

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.allowed:
            raise RefusedError(f"{module}.{name}")
        return self.allowed[module, name]


class _TensorUnpickler(_Unpickler):
    allowed = {**_ALLOWED, **ALLOWED_TENSORS}


def load_pickle(path: Union[str, Path], tensors: bool = False) -> object:
    """The content of a pickle or ``.npy`` file: arrays, numbers, strings, builtin containers; else a ``DataError``.

    Args:
        path: The file.
        tensors: Read contiguous CPU tensors of a pickle too, as arrays.
    """
    try:
        with open(data_path(path), "rb") as file:
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                return _load_npy(file)
            file.seek(0)
            return (_TensorUnpickler if tensors else _Unpickler)(file, encoding="latin1").load()
    except RefusedError as error:
        kinds = "NumPy arrays, contiguous CPU tensors" if tensors else "NumPy arrays"
        text = f"only {kinds} and builtin containers are read; if you trust its origin, save it as plain arrays"
        raise DataError(f"{path}: refused, the pickle contains {error}; {text}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # a damaged pickle fails in whatever way its bytes happen to spell
        raise DataError(f"{path}: no whole pickle, is the file truncated? ({type(error).__name__}: {error})") from error


def _load_npy(file: BinaryIO) -> object:
    """An array; one of objects, which ``np.save`` pickles, goes through the allow-list as well."""
    first = np.lib.format.read_magic(file) == (1, 0)
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0)(file)
    if dtype.hasobject:
        values = _Unpickler(io.BytesIO(file.read()), encoding="latin1").load()
        return values.reshape(shape)[()] if isinstance(values, np.ndarray) else values
    file.seek(0)
    return np.load(file, allow_pickle=False)
