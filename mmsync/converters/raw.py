"""Strict reading of the lines and numbers of text files with skeletons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.errors import DataError

_NUMBERS = b"0123456789+-.eE \t\r\n"


class BadFileError(DataError):
    """A raw file breaks its grammar; ``kind`` is for counting, ``reason`` is the message without the file."""

    def __init__(self, origin: Union[str, Path], kind: str, message: str, line: int | None = None) -> None:
        super().__init__(f"{origin}{f', line {line}' if line else ''}: {message}")
        self.kind = kind
        self.reason = f"line {line}: {message}" if line else message


def read_lines(path: Union[str, Path]) -> list[bytes]:
    """Read the lines of a text file without empty ones at its end; a ``BadFileError`` if it is empty or no text."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadFileError(path, "cannot be read", str(error)) from error
    if not content.strip():
        raise BadFileError(path, "empty file", f"nothing in it ({len(content)} bytes)")
    content = content.removeprefix(b"\xef\xbb\xbf")  # the mark that some editors put in front of UTF-8
    if not content.isascii() or b"\0" in content:
        at = next(i for i, byte in enumerate(content) if not 0 < byte < 128)
        line = content.count(b"\n", 0, at) + 1
        raise BadFileError(path, "not text", f"byte {content[at]:#04x}; wanted plain numbers", line)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
        if b"\n" not in content:
            content = content.replace(b"\r", b"\n")
        elif b"\r" in content:
            line = content.count(b"\n", 0, content.index(b"\r")) + 1
            raise BadFileError(path, "wrong line", "carriage return inside a line", line)
    return content.rstrip().split(b"\n")


def read_count(line: bytes, path: Union[str, Path], number: int, what: str, most: int) -> int:
    """Read line ``number`` (from 1), a count from 0 to ``most``; ``what`` and ``path`` are for the ``BadFileError``."""
    text = line.strip()
    if not (text.isdigit() and len(text) < 10 and int(text) <= most):
        kind = "bad count" if len(text.split()) == 1 and not text.isalpha() else "wrong line"
        raise BadFileError(path, kind, f"wanted {what}, a number from 0 to {most}; found {show(text)}", number)
    return int(text)


def read_table(
    lines: Sequence[bytes], width: int, keep: int, path: Union[str, Path], numbers: Sequence[int] | np.ndarray | range,
    last: int,
) -> np.ndarray:  # fmt: skip
    """Read the first ``keep`` of ``width`` numbers of each of ``R`` lines: ``(R, keep)`` float32, finite.

    Only the kept columns are converted; the others must be numbers, or NaN (a color pixel that the sensor lacks).
    ``numbers`` are those of the lines in the file, from 1; if the ``last`` one is too short, the file was truncated.
    Lines that break this are a ``BadFileError``.
    """
    text = b"\n".join([b"", *lines, b""])
    code = np.frombuffer(text, dtype=np.uint8)
    space = code <= 32
    begins = np.flatnonzero(space[:-1] > space[1:])  # the space before each word
    widths = np.diff(np.searchsorted(begins, np.flatnonzero(code == 10)))
    if (widths != width).any():
        i = int(np.flatnonzero(widths != width)[0])
        kind = "truncated" if numbers[i] == last and widths[i] < width else "wrong line"
        raise BadFileError(path, kind, f"wanted {width} numbers, found {widths[i]}: {show(lines[i])}", int(numbers[i]))
    if text.translate(None, _NUMBERS):
        check_numbers(lines, path, numbers)
    words = begins.reshape(-1, width)
    if keep < width:  # dropping the rest is faster than converting it
        text = b"".join([text[a:b] for a, b in zip(words[:, 0].tolist(), words[:, keep].tolist())])
    try:
        table = np.fromstring(text, sep=" ").reshape(len(lines), keep)  # wrong words end it early, or raise
    except ValueError as error:
        check_numbers(lines, path, numbers)
        raise BadFileError(path, "not a number", str(error)) from error
    with np.errstate(over="ignore"):
        table = table.astype(np.float32)
    finite = np.isfinite(table).all(1)
    if not finite.all():
        i = int(np.flatnonzero(~finite)[0])
        raise BadFileError(path, "not finite", f"NaN or infinite: {show(lines[i])}", int(numbers[i]))
    return table


def check_numbers(lines: Sequence[bytes], path: Union[str, Path], numbers: Sequence[int] | np.ndarray | range) -> None:
    """Raise :class:`BadFileError` for the first word that is no number."""
    for line, number in zip(lines, numbers):
        for word in line.split():
            try:
                if b"_" in word:  # Python accepts 1_000 as a number
                    raise ValueError
                float(word)
            except ValueError as error:
                raise BadFileError(path, "not a number", f"wanted a number, found {show(word)}", number) from error


def show(text: bytes) -> str:
    """Shorten a piece of a file for a message."""
    shown = text.decode("ascii", "backslashreplace").strip()
    return repr(shown if len(shown) <= 40 else f"{shown[:37]}...")
