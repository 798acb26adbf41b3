"""Plain video clips as a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmsync.datasets.sources.clips.sources import ClipSource
from mmsync.datasets.sources.skeleton.base import check_labels
from mmsync.errors import ConfigError, DataError
from mmsync.media.reader import scaled
from mmsync.registry import DATASETS
from mmsync.structures import MotionSample, View, tick_times

from .collate import motion_collate
from .failures import Failures
from .selection import Split, select

_ATTEMPTS = 100  # videos that are tried for one sample before the data are given up


@DATASETS.register_module()
class VideoDataset(Dataset):
    """Windows out of video clips, ``inputs.video (N, T, S, S, 3)`` uint8, which ``VideoPreprocessor`` takes.

    Pictures are taken by time, ``fps`` a second whatever the rate of a file, scaled to ``size`` at their shorter side
    and cut to a square. In training the window lies anywhere in the clip and the square anywhere along the longer side;
    both are functions of ``(seed, epoch, index)``, the same for any number of workers. In ``test_mode`` the square is
    the middle one and the windows are the middle one, or several at equal distances from the first to the last.

    What the index knows to be corrupt is left out; what cannot be read is replaced by another video of the same role,
    always the same. Both are counted and logged; once more than ``max_bad_share`` are bad, the run stops with a list.

    Args:
        source: A source of clips, or its config.
        split: Which videos: a split of the source, ``dict(names=[...])``, ``dict(file='names.txt')``,
            ``dict(label=[...])``; ``None`` for all.
        roles: Instead of ``split``: one split for each role, ``dict(bank='train', query='test')``.
        window: Pictures T of a sample.
        fps: Pictures a second.
        size: Side ``S``, pixels.
        clips: Windows of each video, in ``test_mode`` only. They are samples of their own, of the same name; metrics
            with ``per_video=True`` average them.
        short: Videos that end before the window: ``'loop'`` shows them again from their beginning, ``'drop'`` leaves
            them out. Both are told.
        seed: Of windows and squares.
        max_bad_share: Share of the videos in [0, 1] that may be bad.
        test_mode: Draw nothing.

    Raises:
        ConfigError: The arguments contradict each other.
        DataError: Too many videos are bad, none is left, or labels are out of range.
        ProtocolError: No such split.
    """

    config_schema = {"roles": ("train", "bank", "query")}
    collate = staticmethod(motion_collate)  # batches are finished, and pass it

    def __init__(
        self,
        source: Union[dict, ClipSource],
        split: Optional[Split] = None,
        roles: Optional[Mapping[str, Split]] = None,
        window: int = 16,
        fps: float = 15.0,
        size: int = 128,
        clips: int = 1,
        short: Literal["loop", "drop"] = "loop",
        seed: int = 0,
        max_bad_share: float = 0.01,
        test_mode: bool = False,
    ) -> None:
        if split is not None and roles is not None:
            raise ConfigError("VideoDataset: give split or roles, not both; roles has a split for each role")
        if min(window, size, clips) < 1 or not fps > 0 or short not in ("loop", "drop"):
            raise ConfigError(
                f"VideoDataset: window={window}, fps={fps}, size={size}, clips={clips}, short={short!r}: give positive "
                "numbers, and 'loop' or 'drop'"
            )
        if clips > 1 and not test_mode:
            raise ConfigError(f"VideoDataset: clips={clips} needs test_mode=True; training draws one window an epoch")
        self.source: ClipSource = DATASETS.build(source) if isinstance(source, Mapping) else source
        self.window, self.fps, self.size, self.clips = window, fps, size, clips
        self.seed, self.test_mode = seed, test_mode
        columns = {"label": self.source.labels}
        parts = {"train": split} if roles is None else roles
        chosen = {role: select(part, self.source.names, self.source.splits, columns) for role, part in parts.items()}
        self.fold = self.source.fold
        if self.fold is not None and None in parts.values():
            self.fold = f"{self.fold.split('/')[0]}/all"  # training and test clips: another fold than any
        places = np.concatenate(list(chosen.values()))
        of_role = np.repeat(list(chosen), [len(part) for part in chosen.values()])
        hint = "tools/dataset_converters/index_videos.py tells what is wrong with each video"
        self.failures = Failures([self.source.names[i] for i in places], max_bad_share, "videos", hint)
        self._keep = self._usable(places, short)
        """Of each video of the data set, its place in the splits, by which failures are counted."""
        if not len(self._keep):
            raise DataError(f"VideoDataset: none of the {len(places)} videos of {', '.join(chosen)} can be used")
        self.videos, self.roles = places[self._keep], of_role[self._keep].tolist()
        names = self.source.class_names
        labels = self.source.labels[self.videos]
        check_labels(labels, self.names[:: self.clips], "VideoDataset", len(names) if names else None)
        self.num_classes = len(names) if names else int(self.source.labels.max(initial=-1)) + 1
        # shared with the workers, persistent ones too
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        counts = ", ".join(f"{role} {self.roles.count(role)}" for role in chosen)
        fold = f", fold {self.fold}" if self.fold else ""
        print_log(f"VideoDataset: {counts} videos, {self.num_classes} classes{fold}", logger="current")

    def __len__(self) -> int:
        return len(self.videos) * self.clips

    @property
    def metainfo(self) -> dict:
        """What tools ask a data set for: ``num_classes``, ``classes``, ``fold``."""
        return {"num_classes": self.num_classes, "classes": self.source.class_names, "fold": self.fold}

    @property
    def names(self) -> list[str]:
        """Names of the videos in the order of the samples."""
        return [self.source.names[i] for i in self.videos for _ in range(self.clips)]

    @property
    def labels(self) -> np.ndarray:
        """``(n,)`` int64, -1 for unknown."""
        return self.source.labels[self.videos].repeat(self.clips)

    @property
    def epoch(self) -> int:
        """The epoch that keys what is random."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch, to running workers too."""
        self._epoch.fill_(epoch)

    def bad_clips(self) -> list[str]:
        """Names of the bad videos met so far, by the index or by any worker."""
        return self.failures.names

    def __getitem__(self, index: int) -> dict:
        """One sample: ``inputs.video``, a view ``(T, S, S, 3)`` uint8, and ``data_samples``."""
        batch = self.__getitems__([range(len(self))[index]])
        return {"inputs": {"video": batch["inputs"]["video"].take(0)}, "data_samples": batch["data_samples"][0]}

    def __getitems__(self, indices: Sequence[int]) -> dict:
        """A finished batch: ``inputs.video``, a view ``(N, T, S, S, 3)`` uint8, and ``data_samples``."""
        pictures = np.empty((len(indices), self.window, self.size, self.size, 3), np.uint8)
        samples = [self._sample(index, out) for index, out in zip(indices, pictures)]
        return {"inputs": {"video": View(torch.from_numpy(pictures))}, "data_samples": samples}

    def _usable(self, places: np.ndarray, short: str) -> np.ndarray:
        """Which of the chosen videos the data set has."""
        keep, brief = [], []
        for i, place in enumerate(places.tolist()):
            problem = self.source.problem(place)
            if problem is not None:
                self.failures.add(i, DataError(problem))
                continue
            if self._last_start(self.source.rows[place]) < 0:
                brief.append(self.source.names[place])
                if short == "drop":
                    continue
            keep.append(i)
        if brief:
            done = "left out" if short == "drop" else "shown again from their beginning"
            text = (
                f"VideoDataset: {len(brief)} of {len(places)} videos are shorter than {self.window} pictures at "
                f"{self.fps:g} a second, and are {done}; the first is {brief[0]}"
            )
            print_log(text, logger="current", level=30)
        return np.array(keep, dtype=np.int64)

    def _last_start(self, row: Mapping) -> int:
        """The last frame of a video from which a window is whole; negative if there is none."""
        room = (row["duration"] - (self.window - 1) / self.fps) * row["rate"]
        return math.ceil(room - 0.1) - 1  # a tenth of a frame for rounded stamps

    def _sample(self, index: int, out: np.ndarray) -> MotionSample:
        """Fill in the pictures of a sample, or of another one of its role if it cannot be read: always the same."""
        at, number = divmod(index, self.clips)
        role = self.roles[at]
        epoch = 0 if self.test_mode else self.epoch
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng((self.seed, epoch, index, attempt))
            if attempt:
                at = int(rng.choice(np.flatnonzero(np.array(self.roles) == role)))
            place = int(self.videos[at])
            try:
                out[...] = self._read(place, number, rng)
            except (DataError, OSError) as error:
                if self._keep[at] not in self.failures:
                    self.failures.add(int(self._keep[at]), error)
                continue
            name, label = self.source.names[place], int(self.source.labels[place])
            return MotionSample.quick(label, {"name": name, "index": index, "role": role, "clip": number})
        raise DataError(
            f"{_ATTEMPTS} videos one after the other could not be read: {', '.join(self.failures.names)}"
        )  # fmt: skip

    def _read(self, place: int, number: int, rng: np.random.Generator) -> np.ndarray:
        row = self.source.rows[place]
        last = self._last_start(row)
        width, height = scaled(row["width"], row["height"], self.size)
        room = np.array([width, height]) - self.size
        if self.test_mode:
            first = max(last, 0) // 2 if self.clips == 1 else round(number * max(last, 0) / (self.clips - 1))
            left, top = (room // 2).tolist()
        else:
            first = int(rng.integers(max(last, 0) + 1))
            left, top = rng.integers(room + 1).tolist()
        times = tick_times(np.arange(self.window), self.fps)
        times = times % row["duration"] if last < 0 else times + first / row["rate"]
        crop = (left, top, left + self.size, top + self.size)
        return self.source.load(place, row["start"] + times, self.size, crop)
