"""The folder of TV Human Interaction, as its owners have it, made a store of tracks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmsync.converters.boxes import FPS, BoxTable
from mmsync.converters.boxes_folder import (
    TrackReport,
    box_remarks,
    finish,
    frame_times,
    read_found,
    tracks_of_video,
    video_facts,
)
from mmsync.converters.conversion import Fault
from mmsync.converters.found_boxes import link_boxes
from mmsync.converters.raw import BadFileError
from mmsync.converters.tvhid import CLASS_NAMES, EXPECTED, NAME, SPLITS
from mmsync.converters.tvhid_file import Annotation, read_annotation
from mmsync.errors import DataError
from mmsync.media.index import SUFFIXES, build_index
from mmsync.store.ragged import check_place
from mmsync.store.tracks import FORMAT, TrackStore
from mmsync.structures import Track

Clips = dict[str, tuple[Optional[Path], Optional[Path]]]  # video and annotation by name


def find_clips(raw: Union[str, Path]) -> tuple[Clips, list[Fault]]:
    """Videos and annotations by the name of the clip, wherever they are below a folder.

    Args:
        raw: The folder.

    Returns:
        The clips, sorted, and files that are no part of them though their name is one of a clip.

    Raises:
        DataError: No such folder, or no clip in it.
    """
    raw = Path(raw)
    if not raw.is_dir():
        raise DataError(f"TV-HID: the folder {raw} does not exist")
    spelling = {name.lower(): name for name in CLASS_NAMES}
    videos: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    faults = []
    files = [Path(folder, name) for folder, _, names in os.walk(raw, followlinks=True) for name in names]
    for file in sorted(files):
        match = NAME.match(file.stem)
        if match is None:
            continue
        name, suffix = f"{spelling[match[1].lower()]}_{match[2]}", file.suffix.lower()
        shown = file.relative_to(raw).as_posix()
        if suffix != ".annotations" and suffix not in SUFFIXES:
            faults.append(Fault("wrong extension", shown, f"{suffix or 'none'} is neither video nor .annotations"))
            continue
        kind = annotations if suffix == ".annotations" else videos
        if name in kind:
            faults.append(Fault("second file of a clip", shown, f"{kind[name].relative_to(raw)} is taken"))
        kind.setdefault(name, file)
    if not videos and not annotations:
        raise DataError(f"TV-HID: no file such as handShake_0001.avi or handShake_0001.annotations under {raw}")
    return {name: (videos.get(name), annotations.get(name)) for name in sorted({*videos, *annotations})}, faults


def convert_tvhid(
    raw: Union[str, Path],
    out: Union[str, Path],
    max_gap: int = 0,
    boxes: Optional[Union[str, Path]] = None,
    threshold: float = 0.4,
    min_score: float = 0.0,
    workers: int = 1,
    overwrite: bool = False,
) -> TrackReport:
    """Make a store of tracks. Every video is decoded once; after a stop those that were decoded are not again.

    Args:
        raw: The folder with the videos and the annotations, in folders of any name.
        out: The folder to make.
        max_gap: See :func:`~mmsync.datasets.sources.tracks.base.build_tracks`.
        boxes: Boxes of a detector or tracker in place of the annotated ones: a COCO json, or a folder of MOT files
            ``<name of the clip>.txt`` or ``.csv``. See :func:`~mmsync.converters.found_boxes.link_boxes`.
        threshold: Of that.
        min_score: Found boxes with a lower score are left out.
        workers: Processes that decode.
        overwrite: Replace an existing store.

    Returns:
        What became of the files.

    Raises:
        DataError: The folder holds no such data, or no clip of it can be used; or ``out`` exists.
    """
    raw, out = Path(raw), Path(out)
    check_place(out, FORMAT, overwrite)
    clips, faults = find_clips(raw)
    report = TrackReport("tvhid", raw, sum(file is not None for pair in clips.values() for file in pair))
    report.faults += faults
    found = None if boxes is None else read_found(Path(boxes), list(clips), min_score)
    listed = [video.relative_to(raw).as_posix() for video, _ in clips.values() if video is not None]
    decoded = out.with_name(f".{out.name}.index")  # what a stopped conversion goes on with
    index = build_index(raw, decoded, listed, workers).rows if listed else {}

    videos: list[dict[str, Any]] = []
    tracks: list[Track] = []
    for name, (video, annotation) in clips.items():
        if video is None or annotation is None:
            missing = "no annotations" if annotation is None else "no video"
            report.faults.append(Fault(missing, (video or annotation).relative_to(raw).as_posix(), "left out"))  # type: ignore[union-attr]
            continue
        shown = video.relative_to(raw).as_posix()
        row = index[shown]
        if row["status"] not in ("ok", "no_audio"):
            report.faults.append(Fault(f"video is {row['status']}", shown, row["reason"]))
            continue
        try:
            content = read_annotation(annotation)
        except BadFileError as error:
            report.faults.append(Fault(error.kind, annotation.relative_to(raw).as_posix(), error.reason))
            continue
        table = content.table
        if found is not None:
            others = found.get(name, _NO_BOX)
            table = link_boxes(others, content.table, threshold)
            if len(table.frame) < len(others.frame):
                unused = f"{len(others.frame) - len(table.frame)} of {len(others.frame)}"
                report.remarks["found boxes of nobody annotated"][name] = unused
        for kind, detail in _remarks(content, table, row).items():
            report.remarks[kind][name] = detail
        tracks += tracks_of_video(name, table, row, frame_times(video) if row["is_vfr"] else None, max_gap)
        videos.append(video_facts(name, shown, CLASS_NAMES.index(name.split("_")[0]), row))

    names = [video["name"] for video in videos]
    there = set(names)
    splits = {split: [name for name in published if name in there] for split, published in SPLITS.items()}
    _count(report, names, splits)
    store = TrackStore(videos, tracks, str(raw.resolve()), FPS, CLASS_NAMES, splits, EXPECTED, "TV Human Interaction")
    hint = ""
    if boxes is not None:
        hint = f": no box of {boxes} covers an annotated person by {threshold:g} (x y width height in pixels?)"
    finish(out, store, report, decoded, overwrite, hint)
    return report


_NO_BOX = BoxTable.of([])


def _count(report: TrackReport, names: Sequence[str], splits: Mapping[str, list[str]]) -> None:
    report.splits["all"] = EXPECTED["all"], len(names)
    for split in ("set1", "set2"):
        report.splits[split] = EXPECTED[split], len(splits[split])
    for label in CLASS_NAMES:
        expected = sum(name.startswith(f"{label}_") for name in SPLITS["set1"] + SPLITS["set2"])
        report.splits[label] = expected, sum(name.startswith(f"{label}_") for name in names)


def _remarks(content: Annotation, table: BoxTable, row: Mapping[str, Any]) -> dict[str, str]:
    """Why not all of a clip's boxes are of use, or what is unusual, by kind."""
    notes = dict(content.faults)
    notes.update({f"written with {variant}": "read all the same" for variant in content.variants})
    return {**notes, **box_remarks(table, row)}
