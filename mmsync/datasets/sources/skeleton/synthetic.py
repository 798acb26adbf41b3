"""The synthetic world as a data source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.structures.layout import PICTURE_LAYOUTS, SkeletonLayout, remap_matrix
from mmsync.worlds.actions import ACTIONS
from mmsync.worlds.world import Clip, SyntheticWorld

_FOCAL, _IMAGE = 1060.0, (1920, 1080)  # pixels, about those of Kinect v2's color camera


@DATASETS.register_module()
class SyntheticSource(SkeletonSource):
    """Clips of procedurally made people, ``(M, T, V, C)`` float32: meters in the camera's frame, or pixels and score.

    Every clip depends on the seed and on its place in its part only, so a larger set begins with the smaller one. The
    parts share no performer (``train``, ``test``); cameras 1 and 2 against camera 3, which looks from another third of
    the ``yaw`` range, make ``xview_train`` and ``xview_test``.

    Args:
        num_clips: Clips of the training and of the test part.
        seed: Of everything.
        layout: Name of the layout, or a layout's dict; anything that ``ntu25`` can be read as.
        num_coords: 3 for ``x, y, z``; 2 for ``x, y, score`` in a picture of 1920 x 1080 pixels, y down; ``None``: 2 for
            layouts of picture detectors (COCO, OpenPose, Penn Action), else 3.
        actions: Names out of ``mmsync.worlds.ACTIONS``, in the order of the labels; ``None`` for all.
        two_person: Share of clips with two persons; ``None`` for the share of two-person actions, one in five of all.
        num_performers: People of the training and of the test part.
        num_frames: Smallest and largest clip length, at 30 frames a second.
        noise: Scale of the sensor's faults: 6 mm jitter, 1 cm drift, joints that freeze; 0 for none.
        yaw: Range of the camera's direction round the people, degrees.
        pitch: Largest tilt of the camera, degrees.
        roll: Largest roll of the camera, degrees.
        distance: Range of the camera's distance, meters.
        cache: Keep the clips that were made, about 20 kB each.

    Raises:
        ConfigError: An argument is out of its range.
        LayoutError: ``ntu25`` cannot be read as ``layout``.
    """

    labels: np.ndarray

    def __init__(
        self, num_clips: Sequence[int] = (1500, 500), seed: int = 0, layout: str | dict = "ntu25",
        num_coords: int | None = None, actions: Sequence[str] | None = None, two_person: float | None = None,
        num_performers: Sequence[int] = (20, 10), num_frames: Sequence[int] = (40, 80), noise: float = 1.0,
        yaw: Sequence[float] = (-180.0, 180.0), pitch: float = 12.0, roll: float = 4.0,
        distance: Sequence[float] = (2.5, 4.5), cache: bool = True,
    ) -> None:  # fmt: skip
        if len(num_clips) != 2 or len(num_performers) != 2 or min(num_clips) < 0:
            raise ConfigError(f"{num_clips=}, {num_performers=}: give two numbers each, for training and test part")
        if seed < 0 or noise < 0:
            raise ConfigError(f"SyntheticSource: {seed=}, {noise=}: give 0 or more")
        self.layout = SkeletonLayout.from_config(layout)
        self.num_coords = num_coords or (2 if self.layout.name in PICTURE_LAYOUTS else 3)
        if self.num_coords not in (2, 3):
            raise ConfigError(f"num_coords: {num_coords} is neither 2 nor 3")
        self._remap = remap_matrix("ntu25", self.layout)

        self.class_names = list(ACTIONS if actions is None else actions)
        self.world = SyntheticWorld(
            seed, self.class_names, (num_performers[0], num_performers[1]), (num_frames[0], num_frames[1]), two_person,
            noise, (yaw[0], yaw[1]), pitch, roll, (distance[0], distance[1]),
        )  # fmt: skip
        schedules = [self.world.schedule(part, num) for part, num in enumerate(num_clips)]
        self.labels, subject, partner, view = (np.concatenate(column) for column in zip(*schedules))
        self.attributes = {"subject": subject + 1, "partner": partner + 1, "view": view + 1}
        self._part = np.repeat((0, 1), num_clips)
        self._index = np.concatenate([np.arange(num) for num in num_clips])
        self.names = [
            f"a{label + 1:02d}_s{who:02d}_e{index:05d}_v{camera}"
            for index, (label, who, camera) in enumerate(zip(self.labels, subject + 1, view + 1))
        ]
        names, third = np.array(self.names, dtype=object), view == 2
        chosen = {"train": self._part == 0, "test": self._part == 1, "xview_train": ~third, "xview_test": third}
        self.splits = {split: names[mask].tolist() for split, mask in chosen.items()}
        self.cache, self._clips = cache, dict[int, Clip]()
        self.check(f"synthetic world of seed {seed}")

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, 3)`` float32, read-only."""
        return self._clip(index).keypoint

    def phase(self, index: int) -> np.ndarray:
        """``(T,)`` float32 in [0, 1): place in the action's cycle, or progress of an action that happens once."""
        return self._clip(index).phase

    def _clip(self, index: int) -> Clip:
        if not -len(self) <= index < len(self):
            raise DataError(f"synthetic clip {index}: there are {len(self)}")
        index %= len(self)
        if index in self._clips:
            return self._clips[index]
        part, place = int(self._part[index]), int(self._index[index])
        subject, partner, view = (int(self.attributes[key][index]) - 1 for key in ("subject", "partner", "view"))
        clip = self.world.clip(part, place, int(self.labels[index]), subject, partner, view)
        keypoint = clip.keypoint
        if self.layout.name != "ntu25":
            keypoint = (self._remap @ keypoint).astype(np.float32)
        if self.num_coords == 2:
            keypoint = project(keypoint, self.world.score(part, place, keypoint.shape[:-1]))
        keypoint.flags.writeable = False
        clip = Clip(keypoint, clip.phase)
        if self.cache:
            self._clips[index] = clip
        return clip


def project(points: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Pixels and score, y down, of points in the camera's frame, whose x runs to the left of the picture."""
    depth = np.maximum(points[..., 2], 0.1)
    x = _IMAGE[0] / 2 - _FOCAL * points[..., 0] / depth
    y = _IMAGE[1] / 2 - _FOCAL * points[..., 1] / depth
    return np.stack([x, y, score], axis=-1).astype(np.float32)
