"""Boxes of any detector or tracker (MOT csv, COCO json, AVA csv), and the annotated people they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
import torch

from mmsync.converters.boxes import BoxTable
from mmsync.errors import DataError
from mmsync.fileio import numbered_lines, read_text
from mmsync.ops.boxes import coverage


def read_found(path: Path, names: Sequence[str], min_score: float) -> dict[str, BoxTable]:
    """Read the boxes of a COCO json, or of a folder of MOT files; of the latter only videos in ``names``."""
    if not path.is_dir():
        return read_coco(path, min_score)
    files = {file.stem: file for file in sorted(path.iterdir()) if file.suffix.lower() in (".txt", ".csv")}
    if not files.keys() & set(names):
        raise DataError(f"{path}: no MOT file <video>.txt or .csv, such as {names[0]}.txt")
    files = {name: file for name, file in files.items() if file.stat().st_size}  # empty files: nobody was found
    if not files.keys() & set(names):
        raise DataError(f"{path}: all MOT files of the videos are empty")
    return {name: read_mot(files[name], min_score) for name in names if name in files}


def read_mot(path: Union[str, Path], min_score: float = 0.0) -> BoxTable:
    """Read MOT's ``frame,id,x,y,width,height[,score,...]``, frames from 1.

    Boxes with a negative id have none and get one each, from -1 down; a negative score is none, too, and is kept.
    """
    lines = [line for _, line in numbered_lines(path) if not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"{path}: not a MOT csv: it is empty; remove it if nobody was found in the video")
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
        if table.shape[1] < 6:
            raise ValueError(f"{table.shape[1]} columns")
    except ValueError as error:
        raise DataError(f"{path}: not a MOT csv 'frame,id,x,y,width,height,...' ({error})") from error
    table, score = table[:, :6], table[:, 6:7]
    wrong = np.flatnonzero(~np.isfinite(table).all(1) | (table[:, 0] < 1))
    if len(wrong):
        row = ",".join(f"{value:g}" for value in table[wrong[0]])
        reason = f"box {wrong[0] + 1}, {row}, is not finite, or its frame is below 1 (they count from 1)"
        raise DataError(f"{path}: not a MOT csv: {reason}")
    if score.size:
        table = table[(score[:, 0] >= min_score) | (score[:, 0] < 0)]
    table[:, 0] -= 1
    return _table(table)


def read_coco(path: Union[str, Path], min_score: float = 0.0, category: int = 1) -> dict[str, BoxTable]:
    """Read boxes by video in the format of COCO; those without an id get one each, from -1 down.

    ``images`` have ``id``, ``file_name`` and ``frame_id`` or ``frame`` (else the digits at the end of the stem), and
    ``video`` or ``video_id`` (else the folder); ``annotations`` have ``image_id``, ``bbox`` x y width height, and
    optionally ``track_id`` or ``instance_id``, ``score``, ``category_id``, of which ``category`` is that of people.
    """
    text = read_text(path)
    try:
        content = json.loads(text)
        names = {str(video["id"]): str(video.get("name", video["id"])) for video in content.get("videos", [])}
        images = {image["id"]: _place(image, names) for image in content["images"]}
        rows: dict[str, list] = defaultdict(list)
        for found in content["annotations"]:
            if found.get("category_id", category) == category and found.get("score", 1) >= min_score:
                video, frame = images[found["image_id"]]
                person = found.get("track_id", found.get("instance_id", -1))
                x, y, width, height = map(float, found["bbox"])
                if not np.isfinite([x, y, width, height]).all():  # json of Python may hold NaN
                    raise ValueError(f"bbox {found['bbox']} in frame {frame} of {video} is not finite")
                rows[video].append([frame, person, x, y, width, height])
        return {video: _table(np.array(table, dtype=float)) for video, table in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a COCO json with images and annotations ({error!r})") from error


class AvaBoxes(NamedTuple):
    """Boxes of one video in AVA's form."""

    seconds: np.ndarray  # (R,) float64
    person: np.ndarray  # (R,) int64
    box: np.ndarray  # (R, 4) float32 in [0, 1] of the picture, x1 y1 x2 y2
    actions: list[list[int]]  # R lists of labels as in the file, from 1


def read_ava(path: Union[str, Path]) -> dict[str, AvaBoxes]:
    """Read boxes of AVA's csv ``video,seconds,x1,y1,x2,y2,action,person``, a row for each action of a person."""
    rows: dict[str, dict[tuple[float, int], tuple[list[float], list[int]]]] = defaultdict(dict)
    for number, line in numbered_lines(path):
        parts = line.split(",")
        try:
            seconds, *box = (float(part) for part in parts[1:6])
            action, person = int(parts[6]), int(parts[7])
            if not 0 <= min(box) <= max(box) <= 1:
                raise ValueError(f"boxes must be in [0, 1], not {box}")
        except (ValueError, IndexError) as error:
            text = f"{path}, line {number}: not a row video,seconds,x1,y1,x2,y2,action,person ({error})"
            raise DataError(text) from error
        rows[parts[0]].setdefault((seconds, person), (box, []))[1].append(action)
    return {
        video: AvaBoxes(
            np.array([seconds for seconds, _ in table]),
            np.array([person for _, person in table], dtype=np.int64),
            np.array([box for box, _ in table.values()], dtype=np.float32),
            [actions for _, actions in table.values()],
        )
        for video, table in rows.items()
    }


def _place(image: dict[str, Any], names: dict[str, str]) -> tuple[str, int]:
    file = Path(image.get("file_name", ""))
    video = str(image.get("video", image.get("video_id", file.parent.name)))
    frame = image.get("frame_id", image.get("frame"))
    if frame is None:
        frame = file.stem[len(file.stem.rstrip("0123456789")) :]
    return Path(names.get(video, video)).stem, int(frame)


def _table(rows: np.ndarray) -> BoxTable:
    """Of frame, id, x, y, width, height; a second box of a person in a frame is left out."""
    rows = rows.copy()
    rows[:, 4:6] += rows[:, 2:4]
    free = rows[:, 1] < 0
    rows[free, 1] = -1 - np.arange(free.sum())
    _, first = np.unique(rows[:, :2], axis=0, return_index=True)
    return BoxTable.of(rows[np.sort(first), :6])


def link_boxes(found: BoxTable, annotated: BoxTable, threshold: float = 0.4) -> BoxTable:
    """Give found boxes the ids, labels and partners of annotated people; others are left out.

    A found and an annotated id match by the share of the annotated boxes that the found ones cover, averaged over the
    frames that both have. The best pair is joined first; an annotated person takes several found ids if they do not
    overlap in time. Label and partner are -1 in frames without annotation. The least mean is ``threshold``, in [0, 1].
    """
    at = {key: row for row, key in enumerate(zip(annotated.frame.tolist(), annotated.person.tolist()))}
    by_frame = defaultdict(list)
    for row, frame in enumerate(annotated.frame.tolist()):
        by_frame[frame].append(row)
    pairs = [(i, j) for i, frame in enumerate(found.frame.tolist()) for j in by_frame.get(frame, ())]
    if not pairs:
        return found.take(np.zeros(0, dtype=int))
    one, two = np.array(pairs).T
    share = coverage(torch.from_numpy(found.box[one]), torch.from_numpy(annotated.box[two])).numpy()
    ids = np.stack([found.person[one], annotated.person[two]], 1)
    keys, where = np.unique(ids, axis=0, return_inverse=True)
    mean = np.bincount(where.ravel(), share) / np.bincount(where.ravel())
    frames = {person: set(found.frame[found.person == person].tolist()) for person in np.unique(found.person)}
    owner: dict[int, int] = {}
    taken: dict[int, set] = defaultdict(set)
    for k in np.argsort(-mean, kind="stable"):
        theirs, person = keys[k]
        if mean[k] < threshold:
            break
        if theirs not in owner and not taken[person] & frames[theirs]:
            owner[theirs] = person
            taken[person] |= frames[theirs]
    kept = np.flatnonzero(np.isin(found.person, list(owner)))
    table = found.take(kept)
    person = np.array([owner[theirs] for theirs in table.person], dtype=np.int64)
    rows = np.array([at.get(key, -1) for key in zip(table.frame.tolist(), person.tolist())], dtype=int)
    label, partner = (np.where(rows >= 0, column[rows], -1) for column in (annotated.label, annotated.partner))
    return BoxTable(table.frame, person, table.box, label, partner)
