"""People cut out of videos along their tracks, and the cache of these crops."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.converters.report import SHOWN
from mmsync.datasets.sources.tracks.base import TrackSource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found
from mmsync.media.crops import cut_flow, cut_out, flow_algorithm, whole_pixels
from mmsync.ops.boxes import ENLARGE_MODES, enlarge
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.ragged import MappedArray, RaggedWriter
from mmsync.store.tracks import TrackStore, read_track_store
from mmsync.structures import tick_times

if TYPE_CHECKING:
    from mmsync.media.reader import VideoReader

_FORMAT = "mmsync-crops-2"  # a change that changes pixels needs a new version


@DATASETS.register_module()
class VideoTrackSource(TrackSource):
    """Tracks out of a store of tracks, as crops ``(T, S, S, 3)`` uint8 RGB of the videos, or as their optical flow.

    Each box is enlarged about its center, limited to the picture, scaled until its longer side is ``size`` and put on a
    neutral canvas (Sync3D, Sannigrahi 2020). Ticks of the store's clock (25 a second) are looked up by time.

    Flow ``(T, S, S, 2)`` uint8 is that from a tick's picture to the next, inside the tick's box, in pixels of the crop
    for each tick, to the right and down: ``127 + 127 * flow / 20``, limited to 20 pixels. See docs/design/0027-flow.md.

    Args:
        data_root: A folder that a converter made, as ``tools/dataset_converters/tvhid.py``.
        media_root: Folder of the videos, if they have moved.
        size: Side ``S`` of the crops, pixels.
        enlarge: Share by which a box grows.
        enlarge_mode: What grows: each ``'side'``, or the ``'area'``.
        cache: Keep the crops of a video on disk (``MMSYNC_CACHE``) from the first time it is read: ``3 S S`` bytes for
            each tick of a track, 15 MB for 100 ticks at 224; flow ``2 S S``.
        backend: Of :func:`mmsync.media.open_video`.
        flow: ``'dis'`` or ``'tvl1'``: optical flow of that method, in place of color. It needs a ``size`` of 16.

    Raises:
        ConfigError: An argument is out of its range.
        DependencyError: OpenCV is without TV-L1.
        DataError: No store of tracks.
    """

    modality = "video"
    input_arguments = ("size", "enlarge", "enlarge_mode", "flow")
    file_advice = "make a store of tracks by `mmsync tvhid RAW {0}`"

    def __init__(
        self, data_root: Union[str, Path], media_root: Optional[Union[str, Path]] = None, size: int = 224,
        enlarge: float = 0.2, enlarge_mode: Literal["side", "area"] = "side", cache: bool = True, backend: str = "av",
        flow: Optional[Literal["dis", "tvl1"]] = None,
    ) -> None:  # fmt: skip
        root = data_path(data_root)
        if size < 1 or enlarge <= -1 or enlarge_mode not in ENLARGE_MODES:
            text = f"give a size of 1 or more, a share above -1, and a mode out of {ENLARGE_MODES}"
            raise ConfigError(f"{size=}, {enlarge=}, {enlarge_mode=}: {text}")
        if flow is not None:
            flow_algorithm(flow)  # is there one?
            if size < 16:
                raise ConfigError(f"size={size}: optical flow needs crops of 16 pixels or more")
        if not root.is_dir():
            raise DataError(f"{not_found(root)}: {self.file_advice.format(root)}")
        self._use(read_track_store(root), root, media_root)
        self.size, self.enlarge, self.enlarge_mode = size, enlarge, enlarge_mode
        self.cache, self.backend, self.flow = cache, backend, flow
        self._shape = size, size, 3 if flow is None else 2
        self._warn_of_empty(root)

    def _use(self, store: TrackStore, root: Path, media_root: Optional[Union[str, Path]]) -> None:
        self.fps, self.tracks = store.fps, store.tracks
        self.class_names, self.splits = store.class_names, store.splits
        self.names = [video["name"] for video in store.videos]
        self.labels = np.array([video["label"] for video in store.videos], dtype=np.int64)
        media = Path(store.media_root) if media_root is None else data_path(media_root)
        self._facts = {video["name"]: video for video in store.videos}
        self._paths = {video["name"]: media / video["file"] for video in store.videos}
        # rows of each track in the array of its video, and the tracks of each video
        self._tracks_of: dict[str, list[int]] = {name: [] for name in self.names}
        self._first = np.zeros(len(self.tracks), dtype=np.int64)
        for index, track in enumerate(self.tracks):
            mine = self._tracks_of[track.video]
            self._first[index] = self._first[mine[-1]] + len(self.tracks[mine[-1]]) if mine else 0
            mine.append(index)
        gone = [name for name, path in self._paths.items() if not path.is_file()]
        if len(gone) == len(self._paths):
            raise DataError(f"{root}: none of its videos is under {media}; give media_root, the folder of the videos")
        if gone:
            text = f"{root}: {len(gone)} of {len(self._paths)} videos are not under {media}, the first is {gone[0]}"
            print_log(text, logger="current", level=30)
        self.check(root, store.expected)

    def _warn_of_empty(self, root: Path) -> None:
        """Log where a box, enlarged as it is, lies beyond the picture, so that its crop is the canvas only."""
        boxes = torch.from_numpy(np.concatenate([np.asarray(track.boxes) for track in self.tracks]))
        video = np.repeat([track.video for track in self.tracks], [len(track) for track in self.tracks])
        names, of = np.unique(video, return_inverse=True)
        size = np.array([(self._facts[name]["width"], self._facts[name]["height"]) for name in names])[of]
        whole = whole_pixels(enlarge(boxes, self.enlarge, self.enlarge_mode).numpy(), size[:, 0], size[:, 1])
        count = np.bincount(of, (whole[:, 2:] <= whole[:, :2]).any(1)).astype(int)
        if count.any():
            some = [f"{names[i]} ({count[i]})" for i in np.flatnonzero(count)]
            shown = ", ".join(some[:SHOWN]) + (", ..." if len(some) > SHOWN else "")
            text = f"{count.sum()} boxes of {len(some)} videos are beyond the picture, their crops show nothing"
            print_log(f"{root}: {text}: {shown}", logger="current", level=30)

    def files(self) -> list[Path]:
        """The videos."""
        return list(self._paths.values())

    def load(self, track: int, start: int, length: int) -> np.ndarray:
        """Crops ``(T, S, S, 3)`` uint8 RGB, or flow ``(T, S, S, 2)``; see :meth:`TrackSource.load`."""
        found = self.span(track, start, length)
        if not self.cache:
            out = np.empty((length, *self._shape), np.uint8)
            self._cut(found.video, [(track, start, length)], out)
            return out
        path = self._paths[found.video]
        if not path.is_file():
            raise DataError(f"{path} not found; give media_root, the folder of the videos")
        folder = cached(f"tracks-{self._key(found.video)}", [path], lambda place: self._write(found.video, place))
        try:
            crops = MappedArray(folder / "crops.npy").array
        except DataError as error:
            raise DataError(f"{folder}: damaged crops ({error}); remove this folder, it is made again") from error
        first = self._first[track] + start - found.start
        return crops[first : first + length]

    def _key(self, video: str) -> str:
        """A digest of all that the crops of a video depend on, besides the file."""
        facts: tuple = (_FORMAT, self.size, self.enlarge, self.enlarge_mode, self.fps, self._facts[video]["start"])
        if self.flow is not None:
            facts += (self.flow, self._facts[video]["rate"], self._facts[video]["frames"])
        digest = hashlib.sha1(repr(facts).encode())
        for track in map(self.tracks.__getitem__, self._tracks_of[video]):
            digest.update(repr((track.start, len(track))).encode() + np.asarray(track.boxes).tobytes())
        return digest.hexdigest()[:16]

    def _write(self, video: str, path: Path) -> None:
        """Write the crops of a video as ragged rows, an item for each of its tracks."""
        parts = [(track, self.tracks[track].start, len(self.tracks[track])) for track in self._tracks_of[video]]
        with RaggedWriter(path, _FORMAT) as out:
            self._cut(video, parts, out.reserve("crops", [part[2] for part in parts], np.uint8, self._shape))

    def _cut(self, video: str, parts: Iterable[tuple[int, int, int]], out: np.ndarray) -> None:
        """Crops of several parts (track, start, length) of a video's tracks, one after the other, in one decoding."""
        from mmsync.media import open_video

        parts = list(parts)
        ticks = np.concatenate([np.arange(start, start + length) for _, start, length in parts])
        found = [(self.tracks[track], start, length) for track, start, length in parts]
        boxes = np.concatenate([np.asarray(t.boxes)[start - t.start :][:length] for t, start, length in found])
        boxes = enlarge(torch.from_numpy(boxes), self.enlarge, self.enlarge_mode).numpy()
        shown, row_of = np.unique(ticks, return_inverse=True)
        rows = np.split(row_of.argsort(kind="stable"), np.bincount(row_of).cumsum()[:-1])  # by shown tick
        times = tick_times(shown, self.fps)
        with open_video(self._paths[video], self.backend) as reader:
            if self.flow is not None:
                self._cut_flow(video, reader, times, [(boxes[part], part) for part in rows], out)
                return
            for k, picture in reader.frames(times + self._facts[video]["start"]):
                whole = whole_pixels(boxes[rows[k]], picture.shape[1], picture.shape[0])
                for row, box in zip(rows[k], whole):
                    cut_out(picture, box, out[row])

    def _cut_flow(
        self, video: str, reader: VideoReader, times: np.ndarray, found: list[tuple[np.ndarray, np.ndarray]],
        out: np.ndarray,
    ) -> None:  # fmt: skip
        """Flow at each of the times, seconds from the first frame, in boxes ``(R, 4)``, into rows ``(R,)``."""
        import cv2

        facts, method = self._facts[video], self.flow or ""
        # to a whole frame later, not the next tick: where clock and video differ, ticks repeat and skip frames, at the
        # same moments for all people of a video
        frames = max(1, round(facts["rate"] / self.fps))
        later, speed = frames / facts["rate"], facts["rate"] / (frames * self.fps)
        times = times - later * (times + later >= facts["frames"] / facts["rate"])  # the last flow, once more
        grey: dict[int, np.ndarray] = {}
        for k, picture in reader.frames(facts["start"] + np.stack([times, times + later], 1).ravel()):
            grey[k] = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            if k % 2:
                pair = np.stack([grey.pop(k - 1), grey.pop(k)], -1)
                boxes, rows = found[k // 2]
                for row, box in zip(rows, whole_pixels(boxes, pair.shape[1], pair.shape[0])):
                    cut_flow(pair, box, out[row], method, speed)
