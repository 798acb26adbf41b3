"""The report of a conversion: every raw file is stored, left out on purpose, or named with what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple, Optional, Union

SHOWN = 5  # files of one kind that a summary names


class Fault(NamedTuple):
    """A file, or a clip of it, that cannot be used."""

    kind: str
    file: str
    reason: str


class Report:
    """The outcome of a conversion of the folder ``raw`` with ``found`` files, as ``report.json`` and as text."""

    def __init__(self, dataset: str, raw: Union[str, Path], found: int = 0) -> None:
        self.dataset, self.raw, self.found = dataset, Path(raw), found
        self.stored = 0
        self.left_out: dict[str, list[str]] = {}
        self.faults: list[Fault] = []
        self.remarks: dict[str, dict[str, str]] = defaultdict(dict)
        self.splits: dict[str, tuple[Optional[int], int]] = {}
        self.notes: list[str] = []

    def shown(self, file: Path) -> str:
        """A file's path below the raw folder."""
        return file.relative_to(self.raw).as_posix()

    def fault(self, kind: str, file: Path, reason: str) -> None:
        """Add a fault of a file below the raw folder."""
        self.faults.append(Fault(kind, self.shown(file), reason))

    def take_first(self, found: dict[str, Path], name: str, file: Path, what: str = "file of a name") -> None:
        """Put a file into a table by name; a second one of the same name is a fault."""
        if name in found:
            self.fault(f"second {what}", file, f"{self.shown(found[name])} is taken")
        found.setdefault(name, file)

    def to_json(self) -> str:
        """The content of ``report.json``; the same for the same raw files."""
        dropped: dict[str, list[dict[str, str]]] = {}
        for fault in self.faults:
            dropped.setdefault(fault.kind, []).append({"file": fault.file, "reason": fault.reason})
        counts = {"dataset": self.dataset, "raw": str(self.raw), "found": self.found, "stored": self.stored}
        content = {
            **counts,
            "left_out": {reason: {"count": len(names), "files": names} for reason, names in self.left_out.items()},
            "dropped": {kind: {"count": len(files), "files": files} for kind, files in sorted(dropped.items())},
            "kept, but": {kind: {"count": len(of), "videos": of} for kind, of in sorted(self.remarks.items())},
            "splits": {split: {"expected": a, "found": b} for split, (a, b) in self.splits.items()},
            "notes": self.notes,
        }
        return json.dumps(content, indent=1)

    def to_text(self) -> str:
        """A summary for the console."""
        lines = [f"{self.dataset}: {self.found} raw files found, {self.stored} clips stored"]
        lines += [f"  left out, {reason}: {len(names)}" for reason, names in self.left_out.items() if names]
        for kind, count in Counter(fault.kind for fault in self.faults).most_common():
            lines.append(f"  DROPPED, {kind}: {count}")
            some = [fault for fault in self.faults if fault.kind == kind]
            lines += [f"    {fault.file}: {fault.reason}" for fault in some[:SHOWN]]
            lines += [f"    ... and {count - SHOWN} more, all in the report"] * (count > SHOWN)
        if self.splits:
            lines.append("  clips (expected/found):")
            for split, (expected, found) in self.splits.items():
                mark = "" if expected in (None, found) else "  <- not as published"
                lines.append(f"    {split:<20} {'?' if expected is None else expected}/{found}{mark}")
        lines += [f"  note: {note}" for note in self.notes]
        for kind, names in sorted(self.remarks.items()):
            some_of = ", ".join(f"{name} ({detail})" for name, detail in list(names.items())[:SHOWN])
            lines.append(f"  kept, but {kind}: {len(names)}: {some_of}" + (", ..." if len(names) > SHOWN else ""))
        return "\n".join(lines)
