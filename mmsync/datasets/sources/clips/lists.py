"""Lists of video clips: Kinetics, UCF101, HMDB51, paths and labels. Clips need not exist; the file's order is kept."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import NUMBERED
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import numbered_lines

PathLike = Union[str, Path]
UCF101_SIZES = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # training and test clips of a fold
HMDB51_SIZES = {1: (3570, 1530), 2: (3570, 1530), 3: (3570, 1530)}


class ClipList(NamedTuple):
    """Clips of a data set."""

    paths: list[str]  # (n,) below the folder of the videos
    labels: np.ndarray  # (n,) int64
    class_names: Optional[list[str]] = None  # None if unknown
    fold: Optional[str] = None  # such as ucf101/1, which checkpoints keep; None where there are no folds
    num_frames: Optional[np.ndarray] = None  # (n,) int64 for folders of frames, else None


def read_list(path: PathLike) -> ClipList:
    """Read a list of ``path label``, ``path,label``, or of folders of frames ``folder frames label``.

    Args:
        path: The text file; paths in it may hold blanks, and labels are whole numbers from 0 on.

    Raises:
        DataError: The file cannot be read, has no clip, or a line has another form; the message has its number.
    """
    rows = []
    for number, line in numbered_lines(path):
        match = re.match(r"(.+?)(?:[ \t,]+(\d+))?[ \t,]+(\d+)$", line)
        if match is None:
            raise DataError(
                f"{path}, line {number}: {line[:80]!r} is neither 'path label' nor 'folder frames label'; {NUMBERED}"
            )
        rows.append(match)
    if not rows:
        raise DataError(f"{path}: no clip in it")
    # a path such as 'clip 7.avi' has no number as its last word; 'take 7' may, in some lines: then it is the path's
    labels = np.array([int(row[3]) for row in rows], dtype=np.int64)
    if all(row[2] and not Path(row[1]).suffix for row in rows):
        frames = np.array([int(row[2]) for row in rows], dtype=np.int64)
        return ClipList([row[1] for row in rows], labels, num_frames=frames)
    paths = [row.string[: row.start(3)].rstrip(" \t,") for row in rows]
    return ClipList(paths, labels)


def read_kinetics(path: PathLike, split: Optional[str] = None, class_names: Optional[Sequence[str]] = None) -> ClipList:
    """Read the csv of Kinetics, ``label,youtube_id,time_start,time_end,split[,is_cc]``.

    Args:
        path: The file.
        split: Only rows of this split; ``None``: all.
        class_names: Names of the labels, of which blanks and brackets do not count; ``None``: those that occur, sorted.

    Raises:
        DataError: The file cannot be read, a row has another form or an unknown class, or there is no row.
    """
    rows: list[tuple[str, str]] = []
    labels = set()
    lines = numbered_lines(path)
    for (number, _), row in zip(lines[1:], csv.DictReader(line for _, line in lines)):
        try:
            start, end = (int(float(row[key])) for key in ("time_start", "time_end"))
            label, part = row["label"], row["split"]
            labels.add(label)
            if split in (None, part):
                rows.append((label, f"{part}/{label}/{row['youtube_id']}_{start:06d}_{end:06d}.mp4"))
        except (KeyError, TypeError, ValueError) as error:
            text = f"{path}, line {number}: no row label,youtube_id,time_start,time_end,split ({error!r})"
            raise DataError(text) from error
    if not rows:
        raise DataError(f"{path}: no row" + (f" of split {split!r}" if split else " in it"))
    names = sorted(labels) if class_names is None else list(class_names)
    return ClipList([clip for _, clip in rows], _named([label for label, _ in rows], names, path), names)


def find_kinetics(root: PathLike, paths: Sequence[str]) -> dict[str, Path]:
    """Files by entry of a Kinetics list, without missing ones; folders may write a class with blanks or underscores."""
    folders: dict[Path, dict[str, Path]] = {}
    found = {}
    for path in paths:
        split, label, name = Path(path).parts
        above = Path(root) / split
        if above not in folders:
            folders[above] = {_plain(f.name): f for f in sorted(above.iterdir())} if above.is_dir() else {}
        folder = folders[above].get(_plain(label))
        if folder is not None and (folder / name).is_file():
            found[path] = folder / name
    return found


def _plain(label: str) -> str:
    return re.sub(r"[\s_()\[\]]+", " ", label).strip().lower()


def read_ucf101(folder: PathLike, fold: int, split: str) -> ClipList:
    """Read a fold of UCF101.

    Args:
        folder: It has ``classInd.txt`` and ``{train,test}list0<fold>.txt``.
        fold: 1, 2 or 3.
        split: ``'train'`` or ``'test'``.

    Raises:
        ConfigError: Another fold or split.
        DataError: A list is missing, or a label in it is not that of its class.
    """
    _check_fold_name(fold, split, "UCF101")
    folder = Path(folder)
    names = [line.split()[-1] for _, line in numbered_lines(folder / "classInd.txt")]
    paths, labels = [], []
    for number, line in numbered_lines(file := folder / f"{split}list0{fold}.txt"):
        path, *label = line.rsplit(maxsplit=1) if split == "train" else [line]
        paths.append(path)
        labels.append(path.split("/")[0])
        if label and (not label[0].isdigit() or names[int(label[0]) - 1 : int(label[0])] != [labels[-1]]):
            raise DataError(f"{file}, line {number}: label {label[0]} is not that of {labels[-1]} in classInd.txt")
    _warn_size(f"UCF101 fold {fold} {split}", len(paths), UCF101_SIZES[fold][split == "test"])
    return ClipList(paths, _named(labels, names, file), names, f"ucf101/{fold}")


def read_hmdb51(folder: PathLike, fold: int, split: str) -> ClipList:
    """Read a fold of HMDB51.

    Args:
        folder: It has ``<class>_test_split<fold>.txt``.
        fold: 1, 2 or 3.
        split: ``'train'`` (1 in the lists) or ``'test'`` (2).

    Raises:
        ConfigError: Another fold or split.
        DataError: There is no list, or a line has another form.
    """
    _check_fold_name(fold, split, "HMDB51")
    folder, ending = Path(folder), f"_test_split{fold}.txt"
    files = sorted(file for file in folder.iterdir() if file.name.endswith(ending)) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder}: no list <class>{ending} of HMDB51")
    names, paths, labels = [file.name[: -len(ending)] for file in files], [], []
    for label, file in enumerate(files):
        for number, line in numbered_lines(file):
            match = re.match(r"(.+)\s+([012])$", line)
            if match is None:
                raise DataError(f"{file}, line {number}: {line[:80]!r} is not '<name>.avi 0|1|2'")
            if int(match[2]) == {"train": 1, "test": 2}[split]:
                paths.append(f"{names[label]}/{match[1].strip()}")
                labels.append(label)
    _warn_size(f"HMDB51 fold {fold} {split}", len(paths), HMDB51_SIZES[fold][split == "test"])
    return ClipList(paths, np.array(labels, dtype=np.int64), names, f"hmdb51/{fold}")


def _named(labels: Sequence[str], names: Sequence[str], path: PathLike) -> np.ndarray:
    place = {_plain(name): index for index, name in enumerate(names)}
    unknown = sorted({label for label in labels if _plain(label) not in place})
    if unknown:
        raise DataError(f"{path}: {len(unknown)} labels are no known class: {', '.join(unknown[:5])}")
    return np.array([place[_plain(label)] for label in labels], dtype=np.int64)


def _check_fold_name(fold: int, split: str, what: str) -> None:
    if fold not in (1, 2, 3) or split not in ("train", "test"):
        raise ConfigError(f"{what}: fold {fold!r}, split {split!r}; folds are 1, 2, 3, splits 'train' and 'test'")


def _warn_size(what: str, found: int, published: int) -> None:
    if found != published:
        text = f"{what}: the list has {found} clips, the published one {published}; results do not compare with others'"
        print_log(text, logger="current", level=30)
