"""TV Human Interaction ("High Five"; Patron-Perez et al., BMVC 2010): its classes, its split, its annotation files.

    #num_frames: 150
    #frame: 0  #num_bbxs: 2  #interacting: 0 - 1
    0 120 44 96 hand_shake profile_right
    1 201 52 90 hand_shake profile_left

``id x y size label head`` is a square, the upper body of one person. Also read: ``#interactions:`` (so the readme),
``0-1`` without blanks, hyphens for underscores, CRLF, no final newline, empty lines. A line that breaks the grammar is
left out and noted; the rest of the file is used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmsync.converters.boxes import BoxTable
from mmsync.converters.raw import BadFileError, read_lines

SIZES = {"negative": 100, "handShake": 50, "highFive": 50, "hug": 50, "kiss": 50}  # videos by class
CLASS_NAMES = list(SIZES)  # also of the people's labels, in the same order
EXPECTED = {"all": 300, "set1": 150, "set2": 150}
NAME = re.compile(rf"({'|'.join(CLASS_NAMES)})_(\d{{4}})$", re.IGNORECASE)
# The readme's set 1; set 2 is the rest.
_SET1 = {
    "handShake": "2 14-16 18-21 24-28 32 40-50",
    "highFive": "1 6-13 23-25 27-35 44 45 47 48",
    "hug": "2-4 11 12 15-18 20 21 27 29-36 42 44 46 49 50",
    "kiss": "1 7-14 16-18 22-24 26 29 31 35 36 38-42",
    "negative": "1-50",
}


def _numbers(text: str) -> set[int]:
    ends = [[int(end) for end in part.split("-")] for part in text.split()]
    return {number for end in ends for number in range(end[0], end[-1] + 1)}


SPLITS: dict[str, list[str]] = {"set1": [], "set2": []}
"""Names of the videos of the official split; set 1 trains, set 2 tests."""
for _name in CLASS_NAMES:
    _train = _numbers(_SET1[_name])
    for _number in range(1, SIZES[_name] + 1):
        SPLITS["set1" if _number in _train else "set2"].append(f"{_name}_{_number:04d}")
SPLITS["train"], SPLITS["test"] = SPLITS["set1"], SPLITS["set2"]
LABELS = ("no_interaction", "hand_shake", "high_five", "hug", "kiss")
HEADS = ("profile_left", "profile_right", "frontal_left", "frontal_right", "backwards")

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?$")
_PROMISE = re.compile(r"#\s*num_frames\s*:\s*(\d+)$")
_FRAME = re.compile(r"#\s*frame\s*:\s*(\d+)\s+#\s*num_bbxs\s*:\s*(\d+)\s*(.*)$")
_PAIR = re.compile(r"#\s*(interacting|interactions)\s*:\s*(\d+)(\s*)-\s*(\d+)$")


class Annotation(NamedTuple):
    """The content of an annotation file."""

    table: BoxTable  # The boxes as annotated; labels are places in LABELS, partners are there while people interact
    head: np.ndarray  # (R,) int64, places in HEADS, -1 unknown
    frames: int  # Number of frames with a header
    promised: int  # Number of frames that the first line promises, -1 if it does not
    faults: dict[str, str]  # Lines that were left out, and why: first place and number, by kind
    variants: list[str]  # Forms that other files do not have


def read_annotation(path: Union[str, Path]) -> Annotation:
    """Read an ``.annotations`` file; a ``BadFileError`` if it cannot be read, is empty or no text, or has no frame."""
    lines = read_lines(path)
    content = Path(path).read_bytes()
    parser = _Parser({"CRLF": b"\r\n" in content, "no final newline": not content.endswith(b"\n")})
    for number, line in enumerate(lines, 1):
        if line.strip():
            parser.read(number, line.decode("ascii").strip())
    if not parser.frames:
        raise BadFileError(path, "no frame", "no line '#frame: <f> #num_bbxs: <d>'; is this an annotation file?")
    return parser.finish()


class _Parser:
    """The grammar, line by line; ``variants`` are unusual forms of the file."""

    def __init__(self, variants: dict[str, bool]) -> None:
        self.variants = variants
        self.promised, self.frames = -1, 0
        self._frame, self._open, self._header = -1, 0, 0  # number, missing boxes and line of the current frame
        self._rows: dict[tuple[int, int], list[float]] = {}  # by frame and person
        self._heads: list[int] = []
        self._pairs: list[tuple[int, int, int, int]] = []  # frame, the two people, line
        self._first: dict[str, str] = {}  # first fault by kind
        self._count: dict[str, int] = {}

    def read(self, number: int, line: str) -> None:
        promise, start = _PROMISE.match(line), _FRAME.match(line)
        if promise:
            self.promised = int(promise[1])
        elif start:
            self._start_frame(number, start)
        elif line.startswith("#"):
            self._fault("line not understood", number, repr(line[:60]))
        elif self._frame < 0:
            self._fault("box before the first frame", number, repr(line[:60]))
        else:
            self._open -= 1
            self._read_box(number, line)

    def finish(self) -> Annotation:
        self._end_frame()
        if self.frames < self.promised:
            self._fault("fewer frames than promised", 1, f"{self.promised} frames promised, {self.frames} found")
        for frame, one, other, number in self._pairs:
            if one == other or (frame, one) not in self._rows or (frame, other) not in self._rows:
                self._fault("interacting person is missing", number, f"{one} - {other} in frame {frame}")
                continue
            self._rows[frame, one][-1], self._rows[frame, other][-1] = other, one
        table = BoxTable.of(list(self._rows.values()))
        persons = np.unique(table.person)
        self.variants["ids with gaps"] = len(persons) > 0 and persons[-1] != len(persons) - 1
        found = [kind for kind, is_so in self.variants.items() if is_so]
        faults = {
            kind: text + (f" (and {self._count[kind] - 1} more)" if self._count[kind] > 1 else "")
            for kind, text in self._first.items()
        }
        return Annotation(table, np.array(self._heads, dtype=np.int64), self.frames, self.promised, faults, found)

    def _fault(self, kind: str, line: int, text: str) -> None:
        self._first.setdefault(kind, f"line {line}: {text}")
        self._count[kind] = self._count.get(kind, 0) + 1

    def _variant(self, name: str, found: bool) -> None:
        self.variants[name] = self.variants.get(name, False) or found

    def _start_frame(self, number: int, start: re.Match[str]) -> None:
        self._end_frame()
        self._frame, self._open, self._header = int(start[1]), int(start[2]), number
        self.frames += 1
        pair = _PAIR.match(start[3])
        if pair:
            self._pairs.append((self._frame, int(pair[2]), int(pair[4]), number))
            self._variant("#interactions", pair[1] == "interactions")
            self._variant("i-j without blanks", not pair[3])
        elif start[3]:
            self._fault("interaction not understood", number, repr(start[3][:60]))

    def _end_frame(self) -> None:
        if self._open > 0:
            self._fault("fewer boxes than in the header", self._header, f"{self._open} boxes do not follow")
        elif self._open < 0:
            self._fault("more boxes than in the header", self._header, f"{-self._open} boxes too many")

    def _read_box(self, number: int, line: str) -> None:
        parts = line.split()
        if len(parts) != 6:
            self._fault("line not understood", number, f"{len(parts)} words instead of 6: {line[:60]!r}")
            return
        if not parts[0].isdigit() or not all(map(_NUMBER.match, parts[1:4])):
            self._fault("text in a number", number, repr(line[:60]))
            return
        person, (x, y, size) = int(parts[0]), (float(part) for part in parts[1:4])
        if not 0 < size < 1e5 or max(abs(x), abs(y), person) > 1e5:
            self._fault("impossible box", number, repr(line[:60]))
            return
        label, head = (part.lower().replace("-", "_") for part in parts[4:])
        self._variant("hyphens", "-" in parts[4] + parts[5])
        for word, known, kind in ((label, LABELS, "unknown label"), (head, HEADS, "unknown head")):
            if word not in known:
                self._fault(kind, number, repr(word))
        if (self._frame, person) in self._rows:
            text = f"person {person} in frame {self._frame}; the first box counts"
            self._fault("a person twice in a frame", number, text)
            return
        place = LABELS.index(label) if label in LABELS else -1
        self._rows[self._frame, person] = [self._frame, person, x, y, x + size, y + size, place, -1]
        self._heads.append(HEADS.index(head) if head in HEADS else -1)
