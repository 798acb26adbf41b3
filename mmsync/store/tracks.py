"""Tracks of a data set in one folder; the videos stay where they are.

tracks.npz   index (n, 4) int64: video, person, start, length; boxes (R, 4) float32, labels (R,), partner (R,) int64,
             track after track
videos.json  a list: name, file (below the media root), label, frames, rate, start (seconds), width, height
meta.json    format, origin, media root, fps, class names, splits, published number of videos by split
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.structures import Track

FORMAT = "mmsync-tracks-1"


class TrackStore(NamedTuple):
    """What is in the folder.

    Attributes:
        videos: Facts of each video, as in ``videos.json``.
        tracks: The tracks, those of a video together.
        media_root: Folder of the videos.
        fps: Ticks a second.
        class_names: Names of the labels of videos and of frames.
        splits: Names of videos by split.
        expected: Published number of videos by split.
        origin: Where it comes from.
    """

    videos: list[dict[str, Any]]
    tracks: list[Track]
    media_root: str
    fps: float
    class_names: list[str]
    splits: dict[str, list[str]]
    expected: dict[str, int]
    origin: str


def is_track_store(root: Union[str, Path]) -> bool:
    """Whether a folder is one, of whatever version."""
    try:
        return str(json.loads((Path(root) / "meta.json").read_text())["format"]).startswith("mmsync-tracks")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check_place(root: Union[str, Path], overwrite: bool) -> None:
    """Make sure that a store may be written.

    Raises:
        DataError: The folder holds something else, or a store that is not to be replaced.
    """
    root = Path(root)
    if root.exists() and not is_track_store(root) and (root.is_file() or any(root.iterdir())):
        raise DataError(f"{root} exists and is no store of tracks, so it is not replaced; name another folder")
    if is_track_store(root) and not overwrite:
        raise DataError(f"{root} exists; remove it, or replace it (overwrite=True; --overwrite of the tools)")


def write_track_store(
    root: Union[str, Path], store: TrackStore, attached: Optional[Mapping[str, str]] = None, overwrite: bool = False
) -> None:
    """Write the folder; it appears under its name only when it is complete.

    Args:
        root: The folder to make.
        store: The content.
        attached: Text files to put into it, by name.
        overwrite: Replace an existing store.

    Raises:
        DataError: The folder exists, or there is no track.
    """
    root = Path(root)
    check_place(root, overwrite)
    if not store.tracks:
        raise DataError(f"{root}: no track to be stored")
    place = {video["name"]: index for index, video in enumerate(store.videos)}
    part = root.with_name(f".{root.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        boxes: Sequence[Any] = [track.boxes for track in store.tracks]
        np.savez(
            part / "tracks.npz",
            index=np.array([(place[t.video], t.person, t.start, len(t)) for t in store.tracks], dtype=np.int64),
            boxes=np.concatenate(boxes).astype(np.float32),
            labels=np.concatenate([track.labels for track in store.tracks]).astype(np.int64),
            partner=np.concatenate([track.partner for track in store.tracks]).astype(np.int64),
        )
        (part / "videos.json").write_text(json.dumps(store.videos))
        facts = {k: getattr(store, k) for k in ("origin", "media_root", "fps", "class_names", "splits", "expected")}
        (part / "meta.json").write_text(json.dumps({"format": FORMAT, **facts}, indent=1))
        for name, text in (attached or {}).items():
            (part / name).write_text(text)
        old = part.with_suffix(".old")
        if root.exists():
            os.replace(root, old)
        os.replace(part, root)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read_track_store(root: Union[str, Path]) -> TrackStore:
    """Read what :func:`write_track_store` wrote.

    Raises:
        DataError: The folder is missing, damaged or of another version.
    """
    root = Path(root)
    try:
        meta, videos = (json.loads((root / f"{part}.json").read_text()) for part in ("meta", "videos"))
        if meta.get("format") != FORMAT:
            raise DataError(f"{root}/meta.json: format {meta.get('format')!r}, this version reads {FORMAT!r}")
        with np.load(root / "tracks.npz", allow_pickle=False) as arrays:
            index, boxes, labels, partner = (arrays[key] for key in ("index", "boxes", "labels", "partner"))
        ends = index[:, 3].cumsum()
        if len(index) == 0 or not ends[-1] == len(boxes) == len(labels) == len(partner):
            raise DataError(f"{root}: index and boxes do not fit; the folder is damaged, convert it again")
        tracks = [
            Track(videos[v]["name"], p, start, boxes[end - n : end], labels[end - n : end], partner[end - n : end])
            for (v, p, start, n), end in zip(index.tolist(), ends.tolist())
        ]
        facts = {key: meta[key] for key in ("media_root", "fps", "class_names", "splits", "expected", "origin")}
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{root}: no store of tracks, or a damaged one ({error}); convert the data again") from error
    return TrackStore(videos, tracks, **facts)
