"""The converter of TV Human Interaction: its folder of videos and annotations into a store of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mmsync.converters.boxes import BoxTable
from mmsync.converters.found_boxes import link_boxes, read_found
from mmsync.converters.raw import BadFileError
from mmsync.converters.report import Report
from mmsync.converters.track_conversion import TrackConversion, frame_times
from mmsync.converters.tvhid_file import CLASS_NAMES, EXPECTED, NAME, SIZES, SPLITS, read_annotation
from mmsync.errors import DataError
from mmsync.fileio import find_files
from mmsync.media.index import SUFFIXES
from mmsync.store.ragged import check_place
from mmsync.store.tracks import FORMAT

Clips = dict[str, tuple[Optional[Path], Optional[Path]]]  # video and annotation by name
_WANTED = "file of TV-HID, such as handShake_0001.avi or handShake_0001.annotations,"


def find_clips(raw: Union[str, Path]) -> tuple[Clips, Report]:
    """Find videos and annotations below a folder by the name of the clip, sorted; the report names stray files."""
    report = Report("tvhid", raw)
    spelling = {name.lower(): name for name in CLASS_NAMES}
    videos: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    for file in find_files(raw, "", _WANTED):
        match = NAME.match(file.stem)
        if match is None:
            continue
        name, suffix = f"{spelling[match[1].lower()]}_{match[2]}", file.suffix.lower()
        if suffix != ".annotations" and suffix not in SUFFIXES:
            report.fault("wrong extension", file, f"{suffix or 'none'} is neither video nor .annotations")
            continue
        report.take_first(annotations if suffix == ".annotations" else videos, name, file, "file of a clip")
    if not videos and not annotations:
        raise DataError(f"no {_WANTED} under {raw}; is this the right folder?")
    report.found = len(videos) + len(annotations)
    return {name: (videos.get(name), annotations.get(name)) for name in sorted({*videos, *annotations})}, report


def convert_tvhid(
    raw: Union[str, Path], out: Union[str, Path], max_gap: int = 0, boxes: Optional[Union[str, Path]] = None,
    link: float = 0.4, min_score: float = 0.0, workers: int = 1, overwrite: bool = False,
) -> Report:  # fmt: skip
    """Make the store of tracks ``out``. Every video is decoded once; a stopped conversion is resumed.

    Args:
        raw: The folder of the videos and the annotations, searched recursively.
        max_gap: See :func:`~mmsync.converters.boxes.build_tracks`.
        boxes: Boxes of a detector or tracker in place of the annotated ones: a COCO json, or a folder of MOT files
            ``<name of the clip>.txt`` or ``.csv``. See :func:`~mmsync.converters.found_boxes.link_boxes`.
        link: Threshold of that.
        min_score: Found boxes with a lower score are left out.

    Raises:
        DataError: The folder holds no such data, or no clip of it can be used; or ``out`` exists.
    """
    check_place(out, FORMAT, overwrite)
    clips, report = find_clips(raw)
    found = None if boxes is None else read_found(Path(boxes), list(clips), min_score)
    videos = [video for video, _ in clips.values() if video is not None]
    tracks = TrackConversion(out, report, videos, workers, overwrite)
    for name, (video, annotation) in clips.items():
        if video is None or annotation is None:
            lone = video or annotation
            if lone is not None:
                report.fault("no annotations" if annotation is None else "no video", lone, "left out")
            continue
        row = tracks.usable(video)
        if row is None:
            continue
        try:
            content = read_annotation(annotation)
        except BadFileError as error:
            report.fault(error.kind, annotation, error.reason)
            continue
        variants = {f"written with {variant}": "supported" for variant in content.variants}
        table, notes = content.table, {**content.faults, **variants}
        if found is not None:
            boxes_of = found.get(name, BoxTable.of([]))
            table = link_boxes(boxes_of, table, link)
            lost = len(boxes_of.frame) - len(table.frame)
            notes.update({"found boxes of nobody annotated": f"{lost} of {len(boxes_of.frame)}"} if lost else {})
        label = CLASS_NAMES.index(name.split("_")[0])
        tracks.add(name, video, row, table, max_gap, frame_times(video, row), label, notes)
    splits = _count(report, tracks.names)
    hint = f": no box of {boxes} covers an annotated person by {link:g} (x y width height in pixels?)" if boxes else ""
    return tracks.finish(CLASS_NAMES, splits, EXPECTED, "TV Human Interaction", hint)


def _count(report: Report, names: Sequence[str]) -> dict[str, list[str]]:
    """The splits of the stored clips, counted in the report."""
    stored = set(names)
    splits = {split: [name for name in published if name in stored] for split, published in SPLITS.items()}
    found = {"all": names, **splits}
    report.splits = {split: (count, len(found[split])) for split, count in EXPECTED.items()}
    for label, count in SIZES.items():
        report.splits[label] = count, sum(name.startswith(f"{label}_") for name in names)
    return splits
