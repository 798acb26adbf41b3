"""Sequences of the synthetic world as a data source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.activities import find_activities
from mmsync.datasets.sources.sequences.base import SequenceSource
from mmsync.datasets.sources.skeleton.synthetic import project
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.structures.layout import PICTURE_LAYOUTS, SkeletonLayout, remap_matrix
from mmsync.worlds.activities import ACTIVITIES
from mmsync.worlds.sequences import Recording, SequenceWorld


@DATASETS.register_module()
class SyntheticSequenceSource(SequenceSource):
    """Sequences of procedurally made people in activities of 2 to 6 phases, ``(T, V, C)`` float32, meters or pixels.

    The 13 activities have the names and the 42 phases of Penn Action, and share sub-motions (`worlds.activities`).
    Sequences depend on the seed and on their place in their part only, so a larger set begins with the smaller one.
    The parts ``train`` and ``val`` share no performer.

    Neither position nor a single frame is enough to tell the phase: with the default arguments, the accuracy on ``val``
    of classifiers by frames of ``train``, one for each activity, has these means over activities (seeds 0, 1, 2). Down
    and up of cyclic activities differ in their direction alone. Kendall's tau of the position is 1, as always.

    =========================================================================  ====================
    the most frequent phase of ``val``                                         45.6, 49.8, 43.9 %
    logistic regression on the position t / T                                  69.3, 70.1, 68.3 %
    logistic regression on joints, centered on the pelvis, over trunk length   58.7, 60.2, 58.6 %
    the same, shoulders of the first frame turned along x                      60.6, 64.7, 62.5 %
    the same, with the difference of the frames 4 after and 4 before           74.7, 78.6, 73.0 %
    =========================================================================  ====================

    Args:
        num_sequences: Sequences of each activity in the training and in the validation part.
        seed: Of everything.
        activities: Names out of ``mmsync.worlds.ACTIVITIES``, in the order of the labels; ``None``: all.
        num_frames: Smallest and largest length. The scale of time differs between sequences.
        cycles: Smallest and largest number of cycles of cyclic activities, as push-ups; phases repeat in each.
        early_end: Share of sequences that end at any place, so that the last phases may be missing.
        layout: Name of the layout, or a layout's dict; anything that ``ntu25`` can be read as.
        num_coords: 3 for ``x, y, z``; 2 for ``x, y`` in a picture of 1920 x 1080 pixels, y down, without a score;
            ``None``: 2 for layouts of picture detectors (COCO, OpenPose, Penn Action), else 3.
        num_performers: People of the training and of the validation part.
        noise: Scale of the sensor's faults: 6 mm jitter, 1 cm drift, joints that freeze; 0 for none.
        yaw: Range of the camera's direction round the people, degrees.
        pitch: Largest tilt of the camera, degrees.
        roll: Largest roll of the camera, degrees.
        distance: Range of the camera's distance, meters.
        cache: Keep the sequences that were made, about 25 kB each.

    Raises:
        ConfigError: An argument is out of its range.
        LayoutError: ``ntu25`` cannot be read as ``layout``.
    """

    labels: np.ndarray
    layout: SkeletonLayout
    class_names: list[str]

    def __init__(
        self, num_sequences: Sequence[int] = (20, 10), seed: int = 0, activities: Optional[Sequence[str]] = None,
        num_frames: Sequence[int] = (40, 120), cycles: Sequence[int] = (1, 1), early_end: float = 0.0,
        layout: Union[str, dict] = "ntu25", num_coords: Optional[int] = None, num_performers: Sequence[int] = (20, 10),
        noise: float = 1.0, yaw: Sequence[float] = (-90.0, 90.0), pitch: float = 12.0, roll: float = 4.0,
        distance: Sequence[float] = (2.5, 4.5), cache: bool = True,
    ) -> None:  # fmt: skip
        if len(num_sequences) != 2 or len(num_performers) != 2 or min(num_sequences) < 0:
            raise ConfigError(f"{num_sequences=}, {num_performers=}: give two numbers each, for train and val")
        if seed < 0 or noise < 0:
            raise ConfigError(f"SyntheticSequenceSource: {seed=}, {noise=}: give 0 or more")
        self.layout = SkeletonLayout.from_config(layout)
        self.num_coords = num_coords or (2 if self.layout.name in PICTURE_LAYOUTS else 3)
        if self.num_coords not in (2, 3):
            raise ConfigError(f"num_coords: {num_coords} is neither 2 nor 3")
        self._remap = remap_matrix("ntu25", self.layout)
        self.joints = (self.layout.num_joints, self.num_coords)

        known, who = list(ACTIVITIES), type(self).__name__
        self.class_names = known if activities is None else find_activities(activities, known, who)
        self.world = SequenceWorld(
            seed, self.class_names, (num_performers[0], num_performers[1]), (num_frames[0], num_frames[1]),
            (cycles[0], cycles[1]), early_end, noise, (yaw[0], yaw[1]), pitch, roll, (distance[0], distance[1]),
        )  # fmt: skip
        self.phases = {name: list(ACTIVITIES[name].phases) for name in self.class_names}
        counts = [num * len(self.class_names) for num in num_sequences]
        schedules = [self.world.schedule(part, count) for part, count in enumerate(counts)]
        self.labels, subject, _, view = (np.concatenate(column) for column in zip(*schedules))
        self.attributes = {"subject": subject + 1, "view": view + 1}
        self._part = np.repeat((0, 1), counts)
        self._index = np.concatenate([np.arange(count) for count in counts])
        self.names = [
            f"a{label + 1:02d}_s{who:02d}_e{index:05d}_v{camera}"
            for index, (label, who, camera) in enumerate(zip(self.labels, subject + 1, view + 1))
        ]
        self.splits = {"train": self.names[: counts[0]], "val": self.names[counts[0] :]}
        self.cache, self._recordings = cache, dict[int, Recording]()
        self.check(f"synthetic sequences of seed {seed}")

    def load(self, index: int) -> np.ndarray:
        """Sequence ``(T, V, C)`` float32, read-only."""
        return self._recording(index).keypoint

    def frame_labels(self, index: int) -> np.ndarray:
        """Phase of each frame, ``(T,)`` int64, read-only, numbered from 0 within the activity."""
        return self._recording(index).phase

    def _recording(self, index: int) -> Recording:
        if not -len(self) <= index < len(self):
            raise DataError(f"synthetic sequence {index}: there are {len(self)}")
        index %= len(self)
        if index in self._recordings:
            return self._recordings[index]
        part, place = int(self._part[index]), int(self._index[index])
        subject, view = (int(self.attributes[key][index]) - 1 for key in ("subject", "view"))
        keypoint, phase = self.world.sequence(part, place, int(self.labels[index]), subject, view)
        if self.layout.name != "ntu25":
            keypoint = (self._remap @ keypoint).astype(np.float32)
        if self.num_coords == 2:
            keypoint = project(keypoint, np.ones(keypoint.shape[:-1]))[..., :2].copy()
        keypoint.flags.writeable = phase.flags.writeable = False
        recording = Recording(keypoint, phase)
        if self.cache:
            self._recordings[index] = recording
        return recording
