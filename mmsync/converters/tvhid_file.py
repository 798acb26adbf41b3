"""The annotation files of TV Human Interaction (Patron-Perez et al., BMVC 2010): their grammar and its variants.

    #num_frames: 150
    #frame: 0  #num_bbxs: 2  #interacting: 0 - 1
    0 120 44 96 hand_shake profile_right
    1 201 52 90 hand_shake profile_left

``id x y size label head`` is a square, the upper body of one person. Also read: ``#interactions:`` (so the readme),
``0-1`` without blanks, hyphens for underscores, CRLF, no final newline, empty lines. What breaks the grammar costs the
line, not the file, and is noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmsync.converters.boxes import BoxTable
from mmsync.converters.raw import BadFileError, read_lines

LABELS = ("no_interaction", "hand_shake", "high_five", "hug", "kiss")
HEADS = ("profile_left", "profile_right", "frontal_left", "frontal_right", "backwards")

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?$")
_PROMISE = re.compile(r"#\s*num_frames\s*:\s*(\d+)$")
_FRAME = re.compile(r"#\s*frame\s*:\s*(\d+)\s+#\s*num_bbxs\s*:\s*(\d+)\s*(.*)$")
_PAIR = re.compile(r"#\s*(interacting|interactions)\s*:\s*(\d+)(\s*)-\s*(\d+)$")


class Annotation(NamedTuple):
    """What an annotation file says.

    Attributes:
        table: The boxes as annotated; labels are places in ``LABELS``, partners are there while people interact.
        head: ``(R,)`` int64, places in ``HEADS``, -1 unknown.
        frames: Number of frames with a header.
        promised: Number of frames that the first line tells, -1 if it does not.
        faults: Lines that were left out, and why: first place and number, by kind.
        variants: Forms that other files do not have.
    """

    table: BoxTable
    head: np.ndarray
    frames: int
    promised: int
    faults: dict[str, str]
    variants: list[str]

    def interactions(self) -> list[tuple[int, int, int, int]]:
        """Intervals ``(first frame, last frame, person, other person)``, by time.

        Each goes from the first to the last frame that names the pair; frames in between that name nobody belong to it,
        and another pair ends it. Who acts with whom has no direction.
        """
        table = self.table.take(self.table.partner > self.table.person)  # each pair is told at both people
        found: list[list[int]] = []
        for frame, *pair in sorted(zip(table.frame.tolist(), table.person.tolist(), table.partner.tolist())):
            if found and found[-1][2:] == pair:
                found[-1][1] = frame
            else:
                found.append([frame, frame, *pair])
        return [(first, last, one, other) for first, last, one, other in found]


class _Notes:
    """Faults by kind, each with its first place and their number."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def add(self, kind: str, line: int, text: str) -> None:
        self._first.setdefault(kind, f"line {line}: {text}")
        self._count[kind] = self._count.get(kind, 0) + 1

    def texts(self) -> dict[str, str]:
        return {
            kind: text + (f" (and {self._count[kind] - 1} more)" if self._count[kind] > 1 else "")
            for kind, text in self._first.items()
        }


def read_annotation(path: Union[str, Path]) -> Annotation:
    """Read one ``.annotations`` file.

    Args:
        path: The file.

    Returns:
        Its boxes, and what was wrong with it.

    Raises:
        BadFileError: It cannot be read, is empty or no text, or has no frame.
    """
    lines = read_lines(path)
    content = Path(path).read_bytes()
    variants = {"CRLF": b"\r\n" in content, "no final newline": not content.endswith(b"\n")}
    notes, promised, frames = _Notes(), -1, 0
    rows: dict[tuple[int, int], list[float]] = {}  # by frame and person
    heads: list[int] = []
    pairs: list[tuple[int, int, int, int]] = []  # frame, the two, line
    frame, open_boxes, header = -1, 0, 0

    def close() -> None:
        if open_boxes > 0:
            notes.add("fewer boxes than in the header", header, f"{open_boxes} boxes do not follow")
        elif open_boxes < 0:
            notes.add("more boxes than in the header", header, f"{-open_boxes} boxes too many")

    for number, line in _text(lines):
        if line.startswith("#"):
            promise, start = _PROMISE.match(line), _FRAME.match(line)
            if promise:
                promised = int(promise[1])
            elif start:
                close()
                frame, open_boxes, header = int(start[1]), int(start[2]), number
                frames += 1
                pair = _PAIR.match(start[3])
                if pair:
                    pairs.append((frame, int(pair[2]), int(pair[4]), number))
                    variants["#interactions"] = variants.get("#interactions", False) or pair[1] == "interactions"
                    variants["i-j without blanks"] = variants.get("i-j without blanks", False) or not pair[3]
                elif start[3]:
                    notes.add("interaction not understood", number, repr(start[3][:60]))
            else:
                notes.add("line not understood", number, repr(line[:60]))
            continue
        if frame < 0:
            notes.add("box before the first frame", number, repr(line[:60]))
            continue
        open_boxes -= 1
        box = _box(line, number, notes, variants)
        if box is None:
            continue
        if (frame, box[0]) in rows:
            notes.add("a person twice in a frame", number, f"person {box[0]} in frame {frame}; the first box counts")
            continue
        rows[frame, box[0]] = [frame, *box[:-1], -1]
        heads.append(box[-1])
    close()
    if not frames:
        raise BadFileError(path, "no frame", "no line '#frame: <f> #num_bbxs: <d>'; is this an annotation file?")
    if frames < promised:
        notes.add("fewer frames than promised", 1, f"{promised} frames promised, {frames} there")
    for frame, one, other, number in pairs:
        if one == other or (frame, one) not in rows or (frame, other) not in rows:
            notes.add("interacting person is not there", number, f"{one} - {other} in frame {frame}")
            continue
        rows[frame, one][-1], rows[frame, other][-1] = other, one
    table = BoxTable.of(list(rows.values()))
    persons = np.unique(table.person)
    variants["ids with gaps"] = len(persons) > 0 and persons[-1] != len(persons) - 1
    found = [kind for kind, is_so in variants.items() if is_so]
    return Annotation(table, np.array(heads, dtype=np.int64), frames, promised, notes.texts(), found)


def _text(lines: list[bytes]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line.decode("ascii").strip()


def _box(line: str, number: int, notes: _Notes, variants: dict[str, bool]) -> tuple | None:
    """``(person, x1, y1, x2, y2, label, head)``, or nothing after a note."""
    parts = line.split()
    if len(parts) != 6:
        notes.add("line not understood", number, f"{len(parts)} words instead of 6: {line[:60]!r}")
        return None
    if not parts[0].isdigit() or not all(map(_NUMBER.match, parts[1:4])):
        notes.add("text in a number", number, repr(line[:60]))
        return None
    person, (x, y, size) = int(parts[0]), (float(part) for part in parts[1:4])
    if not 0 < size < 1e5 or max(abs(x), abs(y), person) > 1e5:
        notes.add("no such box", number, repr(line[:60]))
        return None
    label, head = (part.lower().replace("-", "_") for part in parts[4:])
    variants["hyphens"] = variants.get("hyphens", False) or "-" in parts[4] + parts[5]
    for word, known, kind in ((label, LABELS, "unknown label"), (head, HEADS, "unknown head")):
        if word not in known:
            notes.add(kind, number, repr(word))
    places = [known.index(word) if word in known else -1 for word, known in ((label, LABELS), (head, HEADS))]
    return (person, x, y, x + size, y + size, *places)
