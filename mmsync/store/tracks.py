"""The store of tracks; the videos stay where they are.

boxes.npy    (R, 4) float32, track after track
labels.npy   (R,) int64             partner.npy   (R,) int64
index.npy    (n, 5) int64: first row, number of rows, video, person, start
videos.json  a list: name, file (below the media root), label, frames, rate, start (seconds), width, height
meta.json    format, origin, media root, fps, class names, splits, published number of videos by split
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.store.ragged import Ragged, RaggedWriter, family_of
from mmsync.structures import Track

FORMAT = "mmsync-tracks-2"
_ARRAYS = {"boxes": np.float32, "labels": np.int64, "partner": np.int64}


class TrackStore(NamedTuple):
    """Content of the folder."""

    videos: list[dict[str, Any]]  # as in videos.json
    tracks: list[Track]  # those of a video together
    media_root: str  # folder of the videos
    fps: float  # ticks a second
    class_names: list[str]  # of the labels of videos and of frames
    splits: dict[str, list[str]]  # names of videos
    expected: dict[str, int]  # published number of videos by split
    origin: str  # where the tracks come from


_FACTS = TrackStore._fields[2:]


def is_track_store(root: Union[str, Path]) -> bool:
    """Whether a folder is a store of tracks, of whatever version."""
    return family_of(root) == FORMAT.rpartition("-")[0]


def write_track_store(
    root: Union[str, Path], store: TrackStore, attached: Optional[Mapping[str, str]] = None, overwrite: bool = False
) -> None:
    """Write the folder, and text files by name into it; it appears under its name only when it is complete."""
    if not store.tracks:
        raise DataError(f"{root}: no track to be stored")
    place = {video["name"]: index for index, video in enumerate(store.videos)}
    with RaggedWriter(root, FORMAT, overwrite) as out:
        for track in store.tracks:
            rows = {name: np.asarray(getattr(track, name), dtype) for name, dtype in _ARRAYS.items()}
            out.append(place[track.video], track.person, track.start, **rows)
        out.json("videos", store.videos)
        out.meta(**{fact: getattr(store, fact) for fact in _FACTS})
        for name, text in (attached or {}).items():
            out.text(name, text)


def read_track_store(root: Union[str, Path]) -> TrackStore:
    """Read what :func:`write_track_store` wrote."""
    stored = Ragged(root, FORMAT, list(_ARRAYS))
    videos = stored.json("videos")
    try:
        arrays = [np.array(stored.arrays[name].array) for name in _ARRAYS]  # small, and writable as tensors want them
        tracks = [
            Track(videos[video]["name"], person, start, *(array[first : first + length] for array in arrays))
            for first, length, video, person, start in stored.index.tolist()
        ]
        return TrackStore(videos, tracks, **{fact: stored.meta[fact] for fact in _FACTS})
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(f"{root}: a damaged store of tracks ({error}); convert the data again") from error
