"""TFRecord files of ``tf.train.SequenceExample`` messages, read without TensorFlow.

A record is its length (uint64), the masked CRC-32C of these eight bytes, the payload, and the masked CRC-32C of the
payload, all little-endian. A payload is a protocol buffer; only the fields of a SequenceExample are interpreted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np

from mmsync.errors import DataError

_LANE = 512  # bytes whose checksums are computed side by side with those of the other lanes
_ONES = 0xFFFFFFFF


class SequenceExample(NamedTuple):
    """Values by name: of the whole sequence, and of each step; bytes are views of the payload, numbers are arrays."""

    context: dict[str, Any]  # name -> list of bytes, or (n,) int64 or float32
    steps: dict[str, list]  # name -> the same, once for each step


def read_records(path: Union[str, Path], start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Iterate over the records of a file from a byte offset on, as (offset, payload); both checksums are checked.

    Cost: the payload is held once; its checksum runs at some 100 MB a second.

    Raises:
        DataError: The file cannot be read, is truncated, or a record's checksum is wrong.
    """
    offset, number = start, 0
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(start)
            while offset < size:
                where = f"{path}: record {number} after byte {start}" if start else f"{path}: record {number}"
                head = file.read(12)
                if len(head) < 12:
                    raise DataError(f"{where} is cut off in its header; the file is truncated, download it again")
                length, crc = struct.unpack("<QI", head)
                if masked_crc32c(head[:8]) != crc:
                    raise DataError(f"{where} has a wrong checksum of its length; is this a TFRecord file, unpacked?")
                if offset + 16 + length > size:
                    have = size - offset - 12
                    text = f"{length} bytes and a checksum are declared, {have} bytes are left"
                    raise DataError(f"{where} is cut off: {text}; the file is truncated, download it again")
                payload = file.read(length)
                if masked_crc32c(payload) != struct.unpack("<I", file.read(4))[0]:
                    raise DataError(f"{where} has a wrong checksum of its data; the file is damaged, download it again")
                yield offset, payload
                offset, number = offset + 16 + length, number + 1
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def parse_sequence_example(payload: bytes, where: str = "record") -> SequenceExample:
    """Read a serialized ``tf.train.SequenceExample``.

    Args:
        payload: Of a record.
        where: What a message calls it.

    Raises:
        DataError: The bytes are no such message.
    """
    context: dict[str, Any] = {}
    steps: dict[str, list] = {}
    try:
        for number, part in _fields(memoryview(payload)):
            for _, entry in _fields(part):
                key, value = _entry(entry)
                if number == 1:
                    context[key] = _feature(value)
                elif number == 2:
                    steps[key] = [_feature(step) for _, step in _fields(value)]
    except (AttributeError, IndexError, ValueError, TypeError) as error:
        raise DataError(f"{where}: no tf.train.SequenceExample ({error}); a record of another kind?") from error
    return SequenceExample(context, steps)


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the fields of a message: ints, or views of bytes."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > end:
            raise ValueError(f"a field of {length} bytes, {end - at} are left")
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _entry(data: memoryview) -> tuple[str, memoryview]:
    """Key and value of an entry of a map."""
    parts = dict(_fields(data))
    return parts[1].tobytes().decode() if 1 in parts else "", parts.get(2, memoryview(b""))


def _feature(data: memoryview) -> Any:
    """The values of a ``tf.train.Feature``: a list of bytes, or an array of numbers, packed or not."""
    for kind, values in _fields(data):
        found = [value for _, value in _fields(values)]
        if kind == 1:
            return found
        if kind == 2:
            return np.frombuffer(b"".join(found), dtype="<f4")
        if kind == 3:
            numbers = [n for value in found for n in ([value] if isinstance(value, int) else _packed(value))]
            return np.array(numbers, dtype=np.uint64).astype(np.int64)  # negative ones in two's complement
    return []


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and shifted by a constant as TFRecord stores it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of bytes.

    The register of a long text is computed for lanes side by side, then neighbors are joined: that of a text ``ab`` is
    that of ``a``, advanced by ``len(b)`` zero bytes, xor that of ``b``. To advance is linear, a matrix of 32 columns.
    Leading zero bytes leave an empty register as it is, so they fill up the lanes.
    """
    table = _table()
    if len(data) <= _LANE:
        crc, rows = _ONES, table.tolist()
        for byte in data:
            crc = rows[(crc ^ byte) & 255] ^ crc >> 8
        return crc ^ _ONES
    lanes = 1 << (-(-len(data) // _LANE) - 1).bit_length()
    text = np.zeros((lanes, _LANE), np.uint8)
    flat = text.reshape(-1)[lanes * _LANE - len(data) :]
    flat[:] = np.frombuffer(data, np.uint8)
    flat[:4] ^= 255  # the same as to start from a register of ones
    register = np.zeros(lanes, np.uint32)
    advance = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    for column in np.ascontiguousarray(text.T):
        register = table[(register ^ column) & 255] ^ register >> 8
        advance = table[advance & 255] ^ advance >> 8
    while len(register) > 1:
        register = _apply(advance, register[::2]) ^ register[1::2]
        advance = _apply(advance, advance)
    return int(register[0]) ^ _ONES


def _apply(columns: np.ndarray, registers: np.ndarray) -> np.ndarray:
    """Product of a matrix of bits, as 32 columns, and registers ``(n,)`` uint32."""
    out = np.zeros_like(registers)
    for bit, column in enumerate(columns):
        out ^= column * (registers >> np.uint32(bit) & np.uint32(1))
    return out


@cache
def _table() -> np.ndarray:
    """The register after one byte, ``(256,)`` uint32; the polynomial is reflected."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> 1 ^ np.uint32(0x82F63B78) * (table & 1)
    return table
