"""H2O: hands of people who handle objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.records import Record, RecordSource, folder
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import atomic_path, numbered_lines
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.structures import SkeletonLayout

_ACTIONS = 36
_PER_HAND = 64  # a flag and 21 x 3 coordinates


@DATASETS.register_module()
class H2OSource(RecordSource):
    """Both hands ``(T, 42, 3)`` of H2O, left then right, meters in camera coordinates (Kwon et al., ICCV 2021).

    Hands are the text files ``<path>/cam4/hand_pose/%06d.txt`` of the egocentric camera, parsed once per recording into
    the cache. Frames in which no hand is annotated are left out of samples. Lists are
    ``action_labels/action_{train,val,test}.txt``, with a header; the list of the test has no labels, and is read if
    ``recordings`` are asked for.

    Args:
        data_root: The folder of ``subject*`` and ``action_labels``.
        items: ``'segments'``: each action of the lists is a sequence of the activity ``action_01`` ... ``action_36``,
            without phases. ``'recordings'``: whole recordings of one activity ``h2o``, whose phases are the actions,
            0 for ``action_01``, -1 between them.
        activities: Of ``segments``, read these actions; ``None``: all.

    Raises:
        ConfigError: Other ``items``, or an unknown activity.
        DataError: No folder or list, or a list of another form.
    """

    layout, joints = SkeletonLayout.get("hands42"), (42, 3)

    def __init__(
        self, data_root: Union[str, Path], items: Literal["segments", "recordings"] = "segments",
        activities: Optional[Sequence[str]] = None,
    ) -> None:  # fmt: skip
        if items not in ("segments", "recordings"):
            raise ConfigError(f"H2OSource: items={items!r}; use 'segments' or 'recordings'")
        root = folder(data_root, "H2O, subject* and action_labels")
        actions = [f"action_{number:02d}" for number in range(1, _ACTIONS + 1)]
        lists = {split: root / f"action_labels/action_{split}.txt" for split in ("train", "val", "test")}
        rows = {split: _rows(path) for split, path in lists.items() if path.is_file()}
        if not rows:
            raise DataError(f"{root}: no action_labels/action_train.txt, action_val.txt or action_test.txt in it")
        self._files = [lists[split] for split in rows]
        if items == "segments":
            records = [_segment(root, split, row) for split, of in rows.items() for row in of if "action_label" in row]
            self.fill(records, root, activities, class_names=actions)
        else:
            records = [one for split, of in rows.items() for one in _recordings(root, split, of)]
            self.fill(records, root, activities, {"h2o": actions})


def _rows(path: Path) -> list[dict[str, str]]:
    """The lines of a list as dicts by the names of its header."""
    lines = [line.split() for _, line in numbered_lines(path)]
    header = lines[0] if lines else []
    lacking = {"id", "path", "start_act", "end_act"} - set(header)
    if lacking:
        raise DataError(f"{path}: the first line has no {', '.join(sorted(lacking))}; is it a list of actions of H2O?")
    short = next((i for i, line in enumerate(lines) if len(line) != len(header)), None)
    if short is not None:
        raise DataError(f"{path}: row {short} has {len(lines[short])} columns, the header {len(header)}")
    rows = [dict(zip(header, line)) for line in lines[1:]]
    for row in rows:
        numbers = [row[key] for key in ("id", "start_act", "end_act", "action_label") if key in row]
        if not all(number.isdigit() for number in numbers) or not 0 < int(row.get("action_label", 1)) <= _ACTIONS:
            raise DataError(f"{path}: id {row['id']}: {row}: wanted frames, and an action in [1, {_ACTIONS}]")
    return rows


def _segment(root: Path, split: str, row: Mapping[str, str]) -> Record:
    first, last = int(row["start_act"]), int(row["end_act"])
    read = partial(_hands, root / row["path"], first, last)
    name = f"{row['path']}/{first:06d}"
    return Record(name, f"action_{int(row['action_label']):02d}", split, read, valid=partial(_annotated, read))


def _recordings(root: Path, split: str, rows: Sequence[Mapping[str, str]]) -> list[Record]:
    records = []
    for path in dict.fromkeys(row["path"] for row in rows):
        read = partial(_hands, root / path, 0, None)
        spans = [(int(r["start_act"]), int(r["end_act"]), int(r["action_label"]))
                 for r in rows if r["path"] == path and "action_label" in r]  # fmt: skip
        phase = partial(_actions, read, spans) if spans else None
        records.append(Record(path, "h2o", split, read, phase, partial(_annotated, read)))
    return records


def _actions(read: partial, spans: Sequence[tuple[int, int, int]]) -> np.ndarray:
    phase = np.full(len(read()), -1)
    for first, last, label in spans:
        phase[first : last + 1] = label - 1
    return phase


def _annotated(read: partial) -> np.ndarray:
    return read().any(axis=(1, 2))


def _hands(recording: Path, first: int, last: Optional[int]) -> np.ndarray:
    """Hands ``(T, 42, 3)`` float32 of the frames from ``first`` to ``last``, zero where they are not annotated."""
    poses = recording / "cam4/hand_pose"
    if not poses.is_dir():
        raise DataError(f"{poses} does not exist; H2O's hands are there, one text file for each frame")
    hands = np.load(cached("h2o-1", [poses], partial(_parse, poses)), mmap_mode="r")
    if last is not None and last >= len(hands):
        raise DataError(f"{poses}: {len(hands)} frames, but the action lasts to frame {last}")
    return hands[first : None if last is None else last + 1]


def _parse(poses: Path, path: Path) -> None:
    """Write all frames of a recording as one array."""
    files = sorted(poses.glob("*.txt"))
    try:
        rows = np.array([np.array(file.read_text().split(), dtype=np.float32) for file in files])
        hands = rows.reshape(len(files), 2, _PER_HAND)
    except (OSError, ValueError) as error:
        raise DataError(f"{poses}: a file is no hand pose of 2 x {_PER_HAND} numbers ({error})") from error
    hands[hands[..., 0] == 0] = 0
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, hands[..., 1:].reshape(len(files), 42, 3))
