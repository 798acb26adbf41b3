"""PKU-MMD: untrimmed Kinect v2 recordings, cut into their labeled actions (Liu et al., 2017)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Union

import numpy as np

from mmsync.converters.conversion import RawClip, RawItem, conversion, convert
from mmsync.converters.raw import BadFileError, read_lines, read_table
from mmsync.converters.report import Report
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import find_files, read_text

CLASS_NAMES = [
    "bow", "brush hair", "brush teeth", "check time", "cheer up", "clap", "cross hands in front", "drink water", "drop",
    "eat meal", "fall down", "give object", "wave hand", "shake hands", "hop", "hug", "jump up", "kick other person",
    "kick something", "phone call", "pat on back", "pick up", "play with phone", "point at other person",
    "point to something", "punch or slap", "push other person", "put on a hat", "put into pocket", "read",
    "rub two hands", "salute", "sit down", "stand up", "take off a hat", "take off glasses", "take off jacket",
    "take out of pocket", "take a selfie", "tear up paper", "throw", "back pain", "chest pain", "headache", "neck pain",
    "type on a keyboard", "fan self", "put on jacket", "put on glasses", "wipe face", "write",
]  # fmt: skip
# recording numbers and views; 0002-L of phase 1, A01N01-L of phase 2
_VIDEO = {1: re.compile(r"(?P<number>\d{4})-(?P<view>[LMR])"), 2: re.compile(r"A\d\dN\d\d-(?P<view>[LMR])")}
PHASES = tuple(_VIDEO)
CUTS = ("aimclr", "mamp")
# commonly quoted, not confirmed by a count of our own
_QUOTED = {1: {"xsub_train": 18841, "xsub_test": 2704}, 2: {"xsub_train": 5332, "xsub_test": 1613}}
_PROTOCOLS = {"subject": "xsub", "view": "xview"}  # a split file is named after one of these
_FIRST_FRAME = {"aimclr": 1, "mamp": 0}  # number of a recording's first frame in the labels
Cut = Literal["aimclr", "mamp"]


def read_recording(path: Union[str, Path]) -> np.ndarray:
    """Read ``(2, T, 25, 3)`` float32 of a text file: a line of 150 numbers is a frame, zeros where a body is absent."""
    lines = read_lines(path)
    rows = read_table(lines, 150, 150, path, range(1, len(lines) + 1), len(lines))
    return rows.reshape(-1, 2, 25, 3).swapaxes(0, 1)


def read_labels(path: Union[str, Path], frames: int, cut: Cut) -> tuple[list[tuple[int, int, int]], list[BadFileError]]:
    """Read label, begin and end (as of a slice) of each action of a recording, and faults of single lines.

    A line is ``class,start,end,confidence``, the class counted from 1. By ``cut='aimclr'`` the first frame is number 1,
    so an action is ``[start - 1, end)``; by ``'mamp'`` it is number 0: ``[start, end)``, one frame shorter.
    """
    actions, bad = [], []
    for number, line in enumerate(read_lines(path), 1):
        try:
            label, start, end = (int(float(word)) for word in line.split(b",")[:3])
        except (ValueError, OverflowError):
            text = f"wanted class,start,end,confidence, found {line.decode().strip()[:40]!r}"
            bad.append(BadFileError(path, "wrong label line", text, number))
            continue
        begin, end = start - _FIRST_FRAME[cut], min(end, frames)  # some labels end a little behind the recording
        if not (1 <= label <= len(CLASS_NAMES) and 0 <= begin < end):
            text = f"class {label}, frames {start} to {end} of {frames}; wanted a class in 1..51, and existing frames"
            bad.append(BadFileError(path, "impossible action", text, number))
            continue
        actions.append((label - 1, begin, end))
    return actions, bad


def read_actions(item: RawItem) -> tuple[list[RawClip], list[BadFileError]]:
    """Read the clips of a recording and its label file (files of the item); the item's options are the cut."""
    path, labels = item.files
    recording = read_recording(path)
    try:
        actions, wrong = read_labels(labels, recording.shape[1], item.options)  # type: ignore[arg-type]
    except BadFileError as error:
        actions, wrong = [], [error]
    bad = [BadFileError(labels, error.kind, f"its label file, {error.reason}") for error in wrong]
    clips = []
    for number, (label, begin, end) in enumerate(actions, 1):
        clip = recording[:, begin:end]
        there = clip.any(axis=(2, 3))
        seen = np.any(there, axis=1)
        if not seen.any():
            bad.append(BadFileError(path, "nobody", f"action {number}, frames {begin} to {end}: nobody is present"))
            continue
        slots = np.where(there, np.arange(2)[:, None], -1).astype(np.int8)[seen]
        order = np.argsort((slots >= 0).argmax(1), kind="stable")  # by first appearance
        facts = {"video": path.stem, "view": path.stem[-1], "begin": begin, "end": end}
        name = f"{path.stem}_{number:03d}_c{label + 1:02d}"
        clips.append(RawClip(name, np.ascontiguousarray(clip[seen][order]), slots[order], label, facts))
    return clips, bad


def read_split(path: Union[str, Path]) -> dict[str, list[str]]:
    """Read a split file: line 2 lists the recordings of the training part, line 4 those of the test part."""
    try:
        lines = read_text(path).splitlines()
        train, test = ([name.strip() for name in lines[at].split(",") if name.strip()] for at in (1, 3))
    except IndexError as error:
        raise DataError(f"{path}: wanted recordings on line 2 (training) and line 4 (test); {error}") from error
    both = set(train) & set(test)
    if not train or not test or both:
        raise DataError(f"{path}: {len(train)} training and {len(test)} test recordings, {len(both)} of them in both")
    return {"train": train, "test": test}


def convert_pku(
    raw: Union[str, Path], out: Union[str, Path], phase: int, cut: Cut = "aimclr", workers: int = 1,
    max_bad_share: float = 1.0, overwrite: bool = False,
) -> Report:  # fmt: skip
    """Make the store ``out`` of the actions of PKU-MMD, with the report as ``report.json``.

    A clip is ``(M, T, 25, 3)``, all frames of an action. Splits ``xsub_*`` and ``xview_*`` come from the split files;
    without one, ``xview`` of phase 1 is the published rule: train on the middle and right camera, test on the left one.

    Args:
        raw: The folder, searched recursively for recordings, label files of the same names, and split files.
        phase: 1 or 2.
        cut: Number of the first frame in the labels, see :func:`read_labels`.
        max_bad_share: A larger share of faults, as one in so many recordings, is an error.

    Raises:
        ConfigError: No such phase or cut.
        DataError: No recording, no valid one, too many faulty ones, or ``out`` exists.
    """
    if phase not in _VIDEO or cut not in _FIRST_FRAME:
        raise ConfigError(f"PKU-MMD: phase {phase}, cut {cut!r}; there are phases 1 and 2, cuts aimclr and mamp")
    report = Report(f"pku{phase}", raw)
    recordings, labels, rules = _find(raw, phase, report)
    report.found = len(recordings)
    for name in sorted(recordings.keys() - labels.keys()):
        report.fault("no labels", recordings[name], "no label file of the same name")
    items = [RawItem(name, (path, labels[name]), cut) for name, path in sorted(recordings.items()) if name in labels]
    facts = dict(class_names=CLASS_NAMES, origin=f"PKU-MMD phase {phase}, cut as {cut}")
    with conversion(out, report, max_bad_share, layout="ntu25", overwrite=overwrite, **facts) as (store, parts):
        report.faults += convert(items, read_actions, store, raw, parts, workers)
        if "xsub" not in rules:
            report.notes.append("there is no cross-subject split file, so there are no xsub splits")
        if phase == 1 and "xview" not in rules:
            left = [video for video in recordings if video.endswith("-L")]
            rules["xview"] = {"train": sorted(recordings.keys() - set(left)), "test": left}
            report.notes.append("there is no cross-view split file; xview trains on views M and R and tests on L")
        splits = {
            f"{protocol}_{part}": [name for name in store.names if name.split("_")[0] in videos]
            for protocol, parts in sorted(rules.items())
            for part, videos in ((part, set(names)) for part, names in parts.items())
        }
        store.splits = {split: names for split, names in splits.items() if names}
        report.splits = {split: (_QUOTED[phase].get(split), len(names)) for split, names in splits.items()}
        report.splits["all"] = (sum(_QUOTED[phase].values()), len(store))
        report.notes.append("expected counts are those that papers commonly quote")
    return report


def _find(
    raw: Union[str, Path], phase: int, report: Report
) -> tuple[dict[str, Path], dict[str, Path], dict[str, dict[str, list[str]]]]:
    recordings: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    rules: dict[str, dict[str, list[str]]] = {}
    for path in find_files(raw, ".txt", ".txt file"):
        split = next((protocol for word, protocol in _PROTOCOLS.items() if word in path.stem), None)
        if _VIDEO[phase].fullmatch(path.stem):
            report.take_first(labels if _is_label_file(path, raw) else recordings, path.stem, path)
        elif "cross" in path.stem and split and ("v2" in path.stem) == (phase == 2):
            rules[split] = read_split(path)
    if not recordings:
        form = {1: "0002-L.txt", 2: "A01N01-L.txt"}[phase]
        raise DataError(f"{raw}: no recording of phase {phase}, which are named like {form}; is it the other phase?")
    return recordings, labels, rules


def _is_label_file(path: Path, raw: Union[str, Path]) -> bool:
    """Recordings and labels have the same names; labels have commas, or at least a folder of that name."""
    if any("label" in folder.lower() for folder in path.relative_to(raw).parts[:-1]):
        return True
    try:
        with open(path, "rb") as file:
            return b"," in file.readline(200)
    except OSError:
        return False
