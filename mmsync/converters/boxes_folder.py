"""A folder of videos and the boxes that a detector, a tracker or AVA has of their people, made a store of tracks."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.converters.ava import AvaBoxes, read_ava
from mmsync.converters.boxes import FPS, BoxTable, build_tracks, ticks_of_video
from mmsync.converters.conversion import SHOWN, Fault, Report
from mmsync.converters.found_boxes import read_coco, read_mot
from mmsync.errors import ConfigError, DataError
from mmsync.media.index import SUFFIXES, build_index
from mmsync.store.ragged import check_place
from mmsync.store.tracks import FORMAT, TrackStore, write_track_store
from mmsync.structures import Track
from mmsync.structures.track import remarks

Facts = Mapping[str, Any]  # a row of the index of videos


class TrackReport(Report):
    """A report that also tells what was kept with a remark.

    Attributes:
        remarks: Details by kind of remark and name of the video.
    """

    def __init__(self, dataset: str, raw: Union[str, Path], found: int) -> None:
        super().__init__(dataset, raw, found)
        self.remarks: dict[str, dict[str, str]] = defaultdict(dict)

    def to_json(self) -> str:
        """The content of ``report.json``."""
        kept = {kind: {"count": len(names), "videos": names} for kind, names in sorted(self.remarks.items())}
        return json.dumps({**json.loads(super().to_json()), "kept, but": kept}, indent=1)

    def to_text(self) -> str:
        """A summary for the console."""
        lines = [super().to_text()]
        for kind, names in sorted(self.remarks.items()):
            some = ", ".join(f"{name} ({detail})" for name, detail in list(names.items())[:SHOWN])
            lines.append(f"  kept, but {kind}: {len(names)}: {some}" + (", ..." if len(names) > SHOWN else ""))
        return "\n".join(lines)


def convert_boxes(
    videos: Union[str, Path],
    boxes: Union[str, Path],
    out: Union[str, Path],
    max_gap: int = 0,
    min_score: float = 0.0,
    offset: float = 0.0,
    test: Optional[Union[str, Path]] = None,
    workers: int = 1,
    overwrite: bool = False,
) -> TrackReport:
    """Make a store of tracks. Every video that has boxes is decoded once; a stopped conversion goes on.

    Boxes find their video by its name without folder and suffix. AVA's, once a second, are joined by straight lines.

    Args:
        videos: The folder of the videos, searched with all folders in it.
        boxes: A folder of MOT files ``<name>.txt`` or ``.csv``, a COCO ``.json``, or AVA's ``.csv``.
        out: The folder to make.
        max_gap: See :func:`~mmsync.datasets.sources.tracks.base.build_tracks`; for AVA a second at least.
        min_score: Boxes of MOT and COCO with a lower score are left out.
        offset: AVA's seconds at which the files begin: 0 of whole films, 900 of the usual cuts.
        test: A text file with the names of the test videos; ``None``: each fifth one, in the order of names.
        workers: Processes that decode.
        overwrite: Replace an existing store.

    Returns:
        What became of the files.

    Raises:
        ConfigError: ``offset`` without AVA's boxes.
        DataError: No such folder or file, no boxes for any video, or ``out`` exists.
    """
    root, boxes, out = Path(videos), Path(boxes), Path(out)
    check_place(out, FORMAT, overwrite)
    if not root.is_dir() or not boxes.exists():
        raise DataError(f"{boxes if root.is_dir() else root} does not exist")
    ava = read_ava(boxes) if boxes.suffix.lower() == ".csv" and boxes.is_file() else None
    if offset and ava is None:
        raise ConfigError(f"offset={offset}: the frames of {boxes} are counted; an offset in seconds is for AVA's csv")
    files: dict[str, Path] = {}
    report = TrackReport("tracks", root, 0)
    for file in sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES):
        report.found += 1
        if file.stem in files:
            shown = file.relative_to(root).as_posix()
            report.faults.append(
                Fault("second video of a name", shown, f"{files[file.stem].relative_to(root)} is taken")
            )
        files.setdefault(file.stem, file)
    if not files:
        raise DataError(f"{root}: no video ({', '.join(SUFFIXES)})")
    found = read_found(boxes, list(files), min_score) if ava is None else {}
    known = set(found if ava is None else ava)
    named = {name: path for name, path in files.items() if name in known}
    if not named:
        raise DataError(
            f"none of the {len(files)} videos under {root}, such as {next(iter(files))}, has boxes in {boxes}, whose "
            f"names are such as {', '.join(sorted(known)[:3])}"
        )
    report.left_out["videos without boxes"] = sorted(set(files) - known)
    report.left_out["boxes without a video"] = sorted(known - set(files))
    decoded = out.with_name(f".{out.name}.index")  # what a stopped conversion goes on with
    index = build_index(root, decoded, [path.relative_to(root).as_posix() for path in named.values()], workers)

    stored: list[dict[str, Any]] = []
    tracks: list[Track] = []
    for name, path in named.items():
        shown = path.relative_to(root).as_posix()
        row = index[shown]
        if row["status"] not in ("ok", "no_audio"):
            report.faults.append(Fault(f"video is {row['status']}", shown, row["reason"]))
            continue
        times = frame_times(path) if row["is_vfr"] else None
        if ava is None:
            table, gap = found[name], max_gap
        else:
            table, gap = _of_ava(ava[name], row, times, offset), max(max_gap, math.ceil(row["rate"]))
        for remark, detail in box_remarks(table, row).items():
            report.remarks[remark][name] = detail
        tracks += tracks_of_video(name, table, row, times, gap)
        stored.append(video_facts(name, shown, -1, row))
    splits = _splits([video["name"] for video in stored], None if test is None else Path(test))
    store = TrackStore(stored, tracks, str(root.resolve()), FPS, [], splits, {}, str(boxes))
    finish(out, store, report, decoded, overwrite)
    return report


def finish(out: Path, store: TrackStore, report: TrackReport, decoded: Path, overwrite: bool, hint: str = "") -> None:
    """Complete the report, write the store with it, and remove the index that a stopped conversion goes on with.

    Raises:
        DataError: There is no track; ``hint`` says what may be the reason.
    """
    names = [video["name"] for video in store.videos]
    report.remarks.update({kind: which for kind, which in remarks(names, store.tracks, FPS).items() if which})
    report.stored = len(names)
    report.notes.append(f"{len(store.tracks)} tracks, {sum(map(len, store.tracks))} boxes at {FPS:g} ticks a second")
    if not store.tracks:
        raise DataError(f"{report.to_text()}\nno clip of {report.raw} is left{hint}")
    write_track_store(out, store, {"report.json": report.to_json()}, overwrite)
    decoded.unlink(missing_ok=True)


def tracks_of_video(name: str, table: BoxTable, row: Facts, times: Optional[np.ndarray], max_gap: int) -> list[Track]:
    """Tracks on the clock of 25 ticks a second, without the frames that do not decode."""
    table = table.take(table.frame < row["frames"])
    return build_tracks(name, table, max_gap, ticks_of_video(row["frames"], row["rate"], FPS, times))


def video_facts(name: str, shown: str, label: int, row: Facts) -> dict[str, Any]:
    """What a store keeps of a video."""
    return {"name": name, "file": shown, "label": label} | {
        key: row[key] for key in ("frames", "rate", "start", "width", "height")
    }


def frame_times(video: Path) -> np.ndarray:
    """Seconds from the first frame to each, ``(frames,)``."""
    from mmsync.media.container import Clock, open_container

    container, stream = open_container(video)
    clock = Clock(container, stream)
    with container:
        times = np.array([clock.time(frame) for frame in container.decode(stream)])
    return times - times[0]


def box_remarks(table: BoxTable, row: Facts) -> dict[str, str]:
    """Why not all of a video's boxes are of use, by kind."""
    notes = {}
    late = int((table.frame >= row["frames"]).sum())
    if late:
        last = int(table.frame.max()) + 1
        notes["fewer frames than annotated"] = f"{row['frames']} of {last} frames decode, {late} boxes cut off"
    size = np.array([row["width"], row["height"]])
    leaving = (table.box[:, :2] < 0).any(1) | (table.box[:, 2:] > size).any(1)
    beyond = (table.box[:, 2:] <= 0).any(1) | (table.box[:, :2] >= size).any(1)
    for kind, which in (("boxes leave the picture", leaving & ~beyond), ("boxes beyond the picture", beyond)):
        if which.any():
            notes[kind] = f"{which.sum()} boxes, first in frame {table.frame[which].min()}"
    return notes


def read_found(path: Path, names: Sequence[str], min_score: float) -> dict[str, BoxTable]:
    """Boxes by video of a COCO json, or of a folder of MOT files, those of ``names`` only."""
    if not path.is_dir():
        return read_coco(path, min_score)
    files = {file.stem: file for file in sorted(path.iterdir()) if file.suffix.lower() in (".txt", ".csv")}
    files = {name: file for name, file in files.items() if file.stat().st_size}  # an empty one: nobody was found
    if not files.keys() & set(names):
        raise DataError(f"{path}: no MOT file <video>.txt or .csv, such as {names[0]}.txt")
    return {name: read_mot(files[name], min_score) for name in names if name in files}


def _of_ava(boxes: AvaBoxes, row: Facts, times: Optional[np.ndarray], offset: float) -> BoxTable:
    """AVA's boxes of a video, in pixels at the frames that are on screen at their seconds."""
    seconds = boxes.seconds - offset
    frame = np.round(seconds * row["rate"]) if times is None else np.searchsorted(times, seconds + 1e-3, "right") - 1
    pixels = boxes.box * np.tile([row["width"], row["height"]], 2)
    rows = np.column_stack([frame, boxes.person, pixels])
    return BoxTable.of(rows[frame >= 0])


def _splits(names: Sequence[str], test: Optional[Path]) -> dict[str, list[str]]:
    if test is None:
        held = set(names[4::5])
    else:
        held = {Path(line.strip()).stem for line in test.read_text().splitlines() if line.strip()}
        if names and not held & set(names):  # without a video the caller says why
            raise DataError(f"{test}: none of its {len(held)} names is a stored video, such as {names[0]}")
    return {"train": [name for name in names if name not in held], "test": [name for name in names if name in held]}
