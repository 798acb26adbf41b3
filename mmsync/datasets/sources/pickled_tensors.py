"""CPU tensors inside a pickle as NumPy arrays, without calling torch, whose own loader of them may run code."""

from __future__ import annotations

import io
import pickle

import numpy as np

_TYPES = {
    "BoolStorage": "?", "ByteStorage": "u1", "CharStorage": "i1", "DoubleStorage": "<f8", "FloatStorage": "<f4",
    "HalfStorage": "<f2", "IntStorage": "<i4", "LongStorage": "<i8", "ShortStorage": "<i2",
}  # fmt: skip


class RefusedError(pickle.UnpicklingError):
    """The pickle holds something that is not allowed."""


class _Storage(pickle.Unpickler):
    """Reads the description of a storage, which names its type and nothing else."""

    def find_class(self, module: str, name: str) -> str:
        if module != "torch" or name not in _TYPES:
            raise RefusedError(f"{module}.{name} is no type of a CPU tensor")
        return _TYPES[name]

    def persistent_load(self, pid: tuple) -> tuple[str, int]:
        kind, dtype, _, location, count = pid[:5]
        if kind != "storage" or location != "cpu" or pid[5:] not in ((), (None,)):
            raise RefusedError(f"a tensor on {location!r}; only plain CPU tensors are read")
        return dtype, int(count)


def _storage(data: bytes) -> np.ndarray:
    """The elements of a storage that ``torch.save`` wrote in its old format: five pickles, a count, the elements."""
    file = io.BytesIO(data)
    for _ in range(3):  # magic number, version, facts about the machine
        _Storage(file).load()
    dtype, count = _Storage(file).load()
    _Storage(file).load()  # keys of the storages; there is one
    stored = int.from_bytes(file.read(8), "little")
    content = file.read(count * np.dtype(dtype).itemsize)
    if stored != count or len(content) != count * np.dtype(dtype).itemsize:
        raise RefusedError(f"a tensor of {count} elements has {stored}, in {len(content)} bytes")
    return np.frombuffer(content, dtype)


def _tensor(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_: object) -> np.ndarray:
    """The array of a contiguous tensor; strides that jump would read outside of the storage, or multiply memory."""
    count, steps = 1, []
    for length in reversed(size):
        steps.append(count)
        count *= length
    whole = all(step == want or length == 1 for step, want, length in zip(stride, reversed(steps), size))
    if count and not (whole and len(stride) == len(size) and 0 <= offset <= len(storage) - count):
        raise RefusedError(f"a tensor {tuple(size)} with strides {tuple(stride)} is not contiguous")
    return storage[offset : offset + count].reshape(size).copy()


ALLOWED_TENSORS: dict[tuple[str, str], object] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
}
