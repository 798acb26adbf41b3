"""A folder of videos and the boxes of people that a detector, a tracker or AVA provides, into a store of tracks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.converters.boxes import BoxTable
from mmsync.converters.found_boxes import AvaBoxes, read_ava, read_found
from mmsync.converters.report import Report
from mmsync.converters.track_conversion import Facts, TrackConversion, frame_times
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import find_files, numbered_lines
from mmsync.media.index import SUFFIXES
from mmsync.store.ragged import check_place
from mmsync.store.tracks import FORMAT


def convert_boxes(
    videos: Union[str, Path], boxes: Union[str, Path], out: Union[str, Path], max_gap: int = 0, min_score: float = 0.0,
    offset: float = 0.0, test: Optional[Union[str, Path]] = None, workers: int = 1, overwrite: bool = False,
) -> Report:  # fmt: skip
    """Make the store of tracks ``out``; every video that has boxes is decoded once, and a stopped run is resumed.

    Boxes belong to the video of the same name without folder and suffix. AVA's, once a second, are interpolated.

    Args:
        videos: The folder of the videos, searched recursively.
        boxes: A folder of MOT files ``<name>.txt`` or ``.csv``, a COCO ``.json``, or AVA's ``.csv``.
        max_gap: See :func:`~mmsync.converters.boxes.build_tracks`; for AVA a second at least.
        min_score: Boxes of MOT and COCO with a lower score are left out.
        offset: Second of AVA's clock at which the files begin: 0 for whole films, 900 for the usual cuts.
        test: A text file with the names of the test videos; ``None``: every fifth one, in the order of names.

    Raises:
        ConfigError: ``offset`` without AVA's boxes.
        DataError: No such folder or file, no boxes for any video, or ``out`` exists.
    """
    check_place(out, FORMAT, overwrite)
    report, boxes = Report("tracks", videos), Path(boxes)
    if not boxes.exists():
        raise DataError(f"{boxes} does not exist")
    ava = read_ava(boxes) if boxes.suffix.lower() == ".csv" and boxes.is_file() else None
    if offset and ava is None:
        raise ConfigError(f"offset={offset}: the frames of {boxes} are counted; an offset in seconds is for AVA's csv")
    held = None if test is None else {Path(line).stem for _, line in numbered_lines(test)}
    files: dict[str, Path] = {}
    for file in find_files(videos, SUFFIXES, "video"):
        report.found += 1
        report.take_first(files, file.stem, file, "video of a name")
    found = read_found(boxes, list(files), min_score) if ava is None else {}
    named = _match(files, set(found if ava is None else ava), boxes, report)
    tracks = TrackConversion(out, report, named.values(), workers, overwrite)
    for name, path in named.items():
        row = tracks.usable(path)
        if row is None:
            continue
        times = frame_times(path, row)
        if ava is None:
            tracks.add(name, path, row, found[name], max_gap, times)
        else:
            gap = max(max_gap, math.ceil(row["rate"]))
            tracks.add(name, path, row, _of_ava(ava[name], row, times, offset), gap, times)
    if held is None:
        held = set(tracks.names[4::5])
    elif tracks.names and not held & set(tracks.names):  # without a video tracks.finish says why
        raise DataError(f"{test}: none of its {len(held)} names is a stored video, such as {tracks.names[0]}")
    splits: dict[str, list[str]] = {"train": [], "test": []}
    for name in tracks.names:
        splits["test" if name in held else "train"].append(name)
    return tracks.finish([], splits, {}, str(boxes))


def _match(files: dict[str, Path], known: set[str], boxes: Path, report: Report) -> dict[str, Path]:
    named = {name: path for name, path in files.items() if name in known}
    if not named:
        raise DataError(
            f"none of the {len(files)} videos under {report.raw}, such as {next(iter(files))}, has boxes in {boxes}, "
            f"whose names are such as {', '.join(sorted(known)[:3])}"
        )
    report.left_out["videos without boxes"] = sorted(set(files) - known)
    report.left_out["boxes without a video"] = sorted(known - set(files))
    return named


def _of_ava(boxes: AvaBoxes, row: Facts, times: Optional[np.ndarray], offset: float) -> BoxTable:
    """AVA's boxes of a video, in pixels at the frames that are on screen at their seconds."""
    seconds = boxes.seconds - offset
    frame = np.round(seconds * row["rate"]) if times is None else np.searchsorted(times, seconds + 1e-3, "right") - 1
    pixels = boxes.box * np.tile([row["width"], row["height"]], 2)
    rows = np.column_stack([frame, boxes.person, pixels])
    return BoxTable.of(rows[frame >= 0])
