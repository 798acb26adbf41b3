"""The world of sequences: performers who go through the phases of an activity, each at a pace of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmsync.errors import ConfigError
from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import Motion, ease
from mmsync.worlds.activities import ACTIVITIES, Activity, pose
from mmsync.worlds.world import Performer, World, turned, wander

_SEQUENCE = 4  # purpose of a random stream, after those of `mmsync.worlds.world`
_LEAST = 2.0  # frames of a step, so that no phase falls between two frames
_WARP = np.log(2.5)  # of the duration of a step, whose factor is 0.4 to 2.5
_BAR = 2.3  # meters over the floor, the bar of those who hang


class Recording(NamedTuple):
    """One sequence."""

    keypoint: np.ndarray  # (T, 25, 3) float32, meters, in the camera's frame as in `mmsync.worlds.world.Clip`
    phase: np.ndarray  # (T,) int64, from 0 within the activity


class SequenceWorld(World):
    """People who go through activities; ``world.sequence(part, i)`` depends on the seed, the part and ``i`` only.

    A sequence follows the key postures of its activity (minimum-jerk steps between them). The duration of each step has
    a random factor of 0.4 to 2.5, and its pace a random power; people wait before the first step, pause in the middle
    of others, and stop before the end of the last. Postures vary by person and by sequence.

    Arguments are those of :class:`mmsync.datasets.sources.SyntheticSequenceSource`, for any number of parts.
    """

    known: Mapping[str, Activity] = ACTIVITIES

    def __init__(
        self, seed: int, activities: Sequence[str], num_performers: Sequence[int], num_frames: tuple[int, int],
        cycles: tuple[int, int], early_end: float, noise: float, yaw: tuple[float, float], pitch: float, roll: float,
        distance: tuple[float, float],
    ) -> None:  # fmt: skip
        super().__init__(seed, activities, num_performers, num_frames, None, noise, yaw, pitch, roll, distance)
        if not 1 <= cycles[0] <= cycles[1]:
            raise ConfigError(f"cycles: {cycles} is no range from 1 up")
        if not 0 <= early_end <= 1:
            raise ConfigError(f"early_end: {early_end} is no share in [0, 1]")
        self.cycles, self.early_end = cycles, early_end
        for name in activities:
            steps = len(self.known[name].keys()[1]) * (cycles[1] if self.known[name].cyclic else 1)
            if num_frames[0] < _LEAST * steps + 1:
                text = f"{name} has {steps} steps in {cycles[1]} cycles and needs {int(_LEAST * steps) + 1} frames"
                raise ConfigError(f"num_frames: {num_frames}; {text}")

    def sequence(self, part: int, index: int, label: int, subject: int, view: int) -> Recording:
        """Make sequence ``index`` of a part; the other arguments come from :meth:`schedule`."""
        rng, activity = self._rng(_SEQUENCE, part, index), self.known[self.actions[label]]
        frames = int(rng.integers(self.num_frames[0], self.num_frames[1] + 1))
        postures, phases, seconds = self._keys(rng, activity)
        place = self._places(rng, frames, seconds)
        step = np.minimum(place.astype(int), len(phases) - 1)
        share = ease((place - step) ** np.exp(rng.uniform(-0.5, 0.5, len(phases)))[step])[:, None]
        path = (1 - share) * postures[step] + share * postures[step + 1]
        people = self._perform(rng, self.performers[subject], activity, path)[None]
        keypoint = self._see(rng, people, view)
        if self.noise > 0:
            keypoint = self._disturb(rng, keypoint)
        return Recording(keypoint[0].astype(np.float32), phases[step])

    def _keys(self, rng: np.random.Generator, activity: Activity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Key postures, phases and seconds of all cycles, with the variation of this sequence."""
        postures, phases, seconds = activity.keys()
        cycles = int(rng.integers(self.cycles[0], self.cycles[1] + 1)) if activity.cyclic else 1
        postures = np.concatenate([postures[:1], *[postures[1:]] * cycles])
        phases, seconds = np.tile(phases, cycles), np.tile(seconds, cycles)
        scale = np.where(postures.any(axis=0), 1.0, 0.3)  # what an activity does not use varies less
        postures = postures + scale * rng.normal(0, 0.08, postures.shape[1]) + rng.normal(0, 0.06, postures.shape)
        return postures, phases, seconds * np.exp(rng.uniform(-_WARP, _WARP, len(seconds)))

    def _places(self, rng: np.random.Generator, frames: int, seconds: np.ndarray) -> np.ndarray:
        """Where each frame is in the steps, ``(T,)`` from 0 to their number: a random monotone map of time."""
        wait, end, stop, *pauses = rng.random((5, 3))
        steps, total = len(seconds), seconds.sum()
        final = steps - (0.5 * end[0] if end[1] < 0.3 else 0.0)
        if stop[0] < self.early_end:
            final = max(1.0, steps * stop[1])
        at = sorted((final * where, 0.05 + 0.75 * length) for share, where, length in pauses if share < 0.4)
        before, after = 2 * wait[0] * (wait[2] < 0.45), 2 * wait[1] * (wait[2] > 0.55)  # most wait at one end only
        rests = [before, *(length for _, length in at), after]
        places = [where for where, _ in at]
        knots = np.sort([0.0, *np.arange(np.ceil(final)), final, final, *places, *places])
        way = np.diff(knots)
        spent = way * seconds[np.minimum(knots[:-1].astype(int), steps - 1)]
        spent[way == 0] = total * np.array(rests)
        spent = _LEAST * way + (frames - 1 - _LEAST * final) * spent / spent.sum()
        return np.interp(np.arange(frames), np.concatenate([[0.0], np.cumsum(spent)]), knots)

    def _perform(
        self, rng: np.random.Generator, performer: Performer, activity: Activity, path: np.ndarray
    ) -> np.ndarray:
        """Positions ``(T, 25, 3)`` of a person who faces +z and goes through postures ``(T, K)``."""
        lead = performer.lead ^ int(rng.random() < 0.1)
        gain = np.sqrt(performer.amplitude * rng.uniform(0.9, 1.1))
        amplitude = (gain, gain * np.sqrt(rng.uniform(performer.asymmetry, 1)))
        motion = Motion(performer.habit, np.zeros(len(path)), lead, amplitude)
        motion.heading += rng.normal(0, 0.25)
        pose(motion, path)
        motion.angles += wander(rng, len(path), 0.04)
        points = body.forward_kinematics(motion.angles, performer.offsets)
        if activity.hangs:
            height = _BAR - points[:, [body.LEFT_HAND, body.RIGHT_HAND], 1].mean(axis=1)
        else:
            height = motion.lift - points[..., 1].min(axis=1)
        points[..., 1] += height[:, None]
        points[..., 2] += motion.advance[:, None]
        return turned(points, motion.heading)
