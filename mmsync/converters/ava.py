"""Boxes of people in AVA's form."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.fileio import numbered_lines

PathLike = Union[str, Path]


class AvaBoxes(NamedTuple):
    """Boxes of one video in AVA's form."""

    seconds: np.ndarray  # (R,) float64
    person: np.ndarray  # (R,) int64
    box: np.ndarray  # (R, 4) float32 in [0, 1] of the picture, x1 y1 x2 y2
    actions: list[list[int]]  # R lists of labels as in the file, from 1


def read_ava(path: PathLike) -> dict[str, AvaBoxes]:
    """Read AVA's csv ``video,seconds,x1,y1,x2,y2,action,person`` without header, one row for each action of a person.

    Returns:
        Boxes by video, one row for each person and second.

    Raises:
        DataError: A row has another form.
    """
    rows: dict[str, dict[tuple[float, int], tuple[list[float], list[int]]]] = defaultdict(dict)
    for number, line in numbered_lines(path):
        parts = line.split(",")
        try:
            seconds, *box = (float(part) for part in parts[1:6])
            action, person = int(parts[6]), int(parts[7])
            if not 0 <= min(box) <= max(box) <= 1:
                raise ValueError(f"boxes must be in [0, 1], not {box}")
        except (ValueError, IndexError) as error:
            raise DataError(
                f"{path}, line {number}: not a row video,seconds,x1,y1,x2,y2,action,person ({error})"
            ) from error
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
