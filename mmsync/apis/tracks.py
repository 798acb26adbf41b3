"""Features of the people in videos, by the boxes of a tracker."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.datasets.collate import motion_collate
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.datasets.sources.tracks.video import VideoTrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.store.cache import cached
from mmsync.structures import FeatureTable, MotionSample

GAP = 5  # frames that a tracker may miss


def takes_tracks(method: Any) -> bool:
    """Whether a model sees people in videos, by their tracks."""
    of_video = getattr(getattr(method, "data_preprocessor", None), "modality", None) == "video"
    return of_video and "tracks" in getattr(method, "views_for_features", ())


def settings_of(method: Any) -> Mapping[str, Any]:
    """The data set on tracks that a model was evaluated with."""
    settings = (method.cfg.get("test_dataloader") or {}).get("dataset") or {}
    if not {"window", "source"} <= set(settings):
        raise ConfigError("the model's config has no test_dataloader.dataset with a window and a source of tracks")
    return settings


def source_of_tracks(root: Path, settings: Mapping[str, Any]) -> VideoTrackSource:
    """The people of a store of tracks, cut out as by ``settings``, the config of a model's own source."""
    return VideoTrackSource(root, **{key: settings[key] for key in VideoTrackSource.input_arguments if key in settings})


def store_of_videos(videos: Sequence[Path]) -> Path:
    """A store of tracks, in the cache, of videos that have MOT files of the same name beside them."""
    from mmsync.converters.boxes import BoxTable
    from mmsync.converters.found_boxes import read_mot
    from mmsync.converters.report import Report
    from mmsync.converters.track_conversion import TrackConversion, frame_times

    videos = [Path(os.path.abspath(video)) for video in videos]  # a link stays beside its own boxes
    boxes = [_boxes_beside(video) for video in videos]

    def build(path: Path) -> None:
        report = Report("tracks", os.path.commonpath([video.parent for video in videos]), len(videos))
        tracks = TrackConversion(path, report, videos, workers=1, overwrite=True)
        for video, file in zip(videos, boxes):
            row = tracks.usable(video)
            if row is None:
                raise DataError(f"{video}: {report.faults[-1].kind}: {report.faults[-1].reason}")
            table = read_mot(file) if file.stat().st_size else BoxTable.of([])  # nobody was found
            if (table.person < 0).any():
                raise DataError(f"{file}: boxes without an id; a tracker says which are of one person")
            tracks.add(report.shown(video), video, row, table, GAP, frame_times(video, row))
        tracks.finish([], {}, {}, "boxes beside videos", "; are these the boxes, and the frame numbers, of the videos?")
        for kind in {"fewer frames than annotated", "without a track"} & set(report.remarks):
            for name, detail in report.remarks[kind].items():
                print_log(f"{name}: {kind}: {detail}", logger="current", level=30)

    return cached(f"boxes-1-{crc32(repr(videos).encode()):08x}", [*videos, *boxes], build)


def _boxes_beside(video: Path) -> Path:
    if video.is_dir():
        raise DataError(f"{video} is a folder; give the folder of one store of tracks alone, or videos")
    if not video.is_file():
        raise DataError(f"{video} does not exist")
    for suffix in (".txt", ".csv"):
        if video.with_suffix(suffix).is_file():
            return video.with_suffix(suffix)
    text = f"put them beside it as {video.stem}.txt, in the format of MOT: frame,id,x,y,width,height"
    raise DataError(f"{video}: the boxes of its people are missing; {text}")


@torch.no_grad()
def embed_tracks(method: Any, source: TrackSource, batch_size: int = 8) -> FeatureTable:
    """Features of each track: the mean over windows of the model's length, one after the other.

    What is left behind the last whole window is not used; in a track shorter than one the last picture stays.

    Args:
        method: A model of :func:`~mmsync.apis.init_model` whose branches share weights, such as ``Sync3D``.
        source: Gives the tracks.
        batch_size: Windows in a batch.

    Returns:
        ``feature (tracks, D)`` and ``name``, the video, the person and the first tick: ``talk.mp4.1@0``.
    """
    window, parts = settings_of(method)["window"], []
    places = [
        (number, start)
        for number, track in enumerate(source.tracks)
        for start in range(track.start, max(track.start, track.stop - window) + 1, window)
    ]
    for first in range(0, len(places), batch_size):
        samples = [_sample(source, *place, window) for place in places[first : first + batch_size]]
        parts.append(method.test_step(motion_collate(samples))["feature"].float().cpu())
    rows, track_of = torch.cat(parts), torch.tensor([number for number, _ in places])
    total = rows.new_zeros(len(source.tracks), rows.shape[1]).index_add(0, track_of, rows)
    names = [f"{track.video}.{track.person}@{track.start}" for track in source.tracks]
    return FeatureTable({"feature": total / track_of.bincount()[:, None], "name": names})


def _sample(source: TrackSource, number: int, start: int, window: int) -> dict[str, Any]:
    length = min(window, source.tracks[number].stop - start)
    data = source.load(number, start, length)
    if length < window:
        data = np.concatenate([data, data[-1:].repeat(window - length, axis=0)])
    return {"inputs": {source.modality: ([data], np.ones(1, dtype=bool))}, "data_samples": MotionSample.quick(-1, {})}
