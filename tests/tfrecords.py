"""A writer of TFRecords with ``tf.train.SequenceExample`` messages, independent of the reader that it tests."""

from __future__ import annotations

import struct


def crc32c(data: bytes) -> int:
    """Bit by bit, from the definition of the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def record(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    return head + _masked(head) + payload + _masked(payload)


def varint(value: int) -> bytes:
    value %= 2**64
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def part(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number * 8 + 2) + varint(len(content)) + content


def feature(values: list, packed: bool = True) -> bytes:
    """A tf.train.Feature of bytes, floats or ints."""
    if isinstance(values[0], bytes):
        return part(1, b"".join(part(1, value) for value in values))
    if isinstance(values[0], float):
        if packed:
            return part(2, part(1, struct.pack(f"<{len(values)}f", *values)))
        return part(2, b"".join(b"\x0d" + struct.pack("<f", value) for value in values))
    if packed:
        return part(3, part(1, b"".join(map(varint, values))))
    return part(3, b"".join(b"\x08" + varint(value) for value in values))


def sequence_example(context: dict[str, list], steps: dict[str, list], packed: bool = True) -> bytes:
    entries = b"".join(part(1, part(1, k.encode()) + part(2, feature(v, packed))) for k, v in context.items())
    lists = b"".join(
        part(1, part(1, key.encode()) + part(2, b"".join(part(1, feature(step, packed)) for step in values)))
        for key, values in steps.items()
    )
    return part(1, entries) + part(2, lists)
