"""The synthetic world: clips of performers and their actions in the camera's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmsync.errors import ConfigError
from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import ACTIONS, INTERACTIONS, Action, Motion

FPS = 30.0
NUM_VIEWS = 3
# Purpose of a random stream, the first number of its key.
_CLIP, _PERFORMER, _SCHEDULE, _SCORE = range(4)


class Clip(NamedTuple):
    """One clip."""

    keypoint: np.ndarray  # (M, T, 25, 3) float32, meters, in Kinect v2's frame: x to its left, y up, z away from it
    phase: np.ndarray  # (T,) float32 in [0, 1): the place in the cycle, or the progress of an action that happens once


class Performer(NamedTuple):
    """Properties of a person, the same in all clips."""

    offsets: np.ndarray  # (25, 3) meters
    habit: np.ndarray  # (25, 3) radians, added to every posture
    amplitude: float
    asymmetry: float  # the other side's amplitude is at least this share of the leading side's
    tempo: float
    lead: int  # 0 left-handed, 1 right-handed


class World:
    """What the worlds of clips and of sequences share: performers, schedule, cameras and the sensor.

    Arguments are those of :class:`mmsync.datasets.sources.SyntheticSource`, for any number of parts. Camera ``v`` of
    three has the ``v``-th third of ``yaw``.
    """

    known: Mapping[str, Any]  # what people can do by name; each has a number of ``persons``

    def __init__(
        self, seed: int, actions: Sequence[str], num_performers: Sequence[int], num_frames: tuple[int, int],
        two_person: float | None, noise: float, yaw: tuple[float, float], pitch: float, roll: float,
        distance: tuple[float, float],
    ) -> None:  # fmt: skip
        unknown = [name for name in actions if name not in self.known]
        if unknown or not actions or len(set(actions)) < len(actions):
            raise ConfigError(f"actions: {list(actions)} must be different names from {', '.join(self.known)}")
        for name, (low, high), least in (("num_frames", num_frames, 1), ("yaw", yaw, -360), ("distance", distance, 1)):
            if not least <= low <= high:
                raise ConfigError(f"{name}: ({low}, {high}) is no range from {least} up")
        if min(num_performers) < 2:
            raise ConfigError(f"num_performers: {tuple(num_performers)}: give at least two people")
        self.seed, self.actions, self.num_performers = seed, tuple(actions), tuple(num_performers)
        self.num_frames, self.noise = num_frames, noise
        self.yaw, self.pitch, self.roll, self.distance = yaw, pitch, roll, distance
        self.two_person = self._share(two_person)
        self.performers = [self._performer(index) for index in range(sum(num_performers))]

    def _share(self, two_person: float | None) -> float:
        pairs = sum(self.known[name].persons == 2 for name in self.actions)
        if two_person is None:
            return pairs / len(self.actions)
        least, most = float(pairs == len(self.actions)), float(pairs > 0)
        if not least <= two_person <= most:
            raise ConfigError(f"two_person: a share of {two_person} cannot be made of {', '.join(self.actions)}")
        return two_person

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def schedule(self, part: int, num_clips: int) -> tuple[np.ndarray, ...]:
        """Class, performer, second performer (-1 for none) and camera of a part's clips, ``(num_clips,)`` each.

        More clips continue the same lists. Classes with the same number of persons are balanced.
        """
        pairs = np.floor((np.arange(num_clips) + 1) * self.two_person + 1e-9).astype(int)  # two-person clips up to here
        has_pair = np.diff(pairs, prepend=0) == 1
        labels = np.empty(num_clips, dtype=np.int64)
        for persons, chosen in ((1, ~has_pair), (2, has_pair)):
            members = [k for k, name in enumerate(self.actions) if self.known[name].persons == persons]
            classes = np.array(members, dtype=int)
            if chosen.any():
                rounds = -(-int(chosen.sum()) // len(classes))
                order = self._rng(_SCHEDULE, part, persons).random((rounds, len(classes))).argsort(axis=1)
                labels[chosen] = classes[order.reshape(-1)[: chosen.sum()]]
        who, other, where = self._rng(_SCHEDULE, part, 0).random((num_clips, 3)).T
        first, people = sum(self.num_performers[:part]), self.num_performers[part]
        subject = np.floor(who * people).astype(np.int64)
        partner = (subject + 1 + np.floor(other * (people - 1)).astype(np.int64)) % people
        partner = np.where(has_pair, first + partner, -1)
        return labels, first + subject, partner, np.floor(where * NUM_VIEWS).astype(np.int64)

    def _performer(self, index: int) -> Performer:
        rng = self._rng(_PERFORMER, index)
        stature = np.clip(rng.normal(1.70, 0.10), 1.40, 2.05)
        size = np.ones((25, 3))
        for joints, axes in (
            ([body.SPINE_MID, body.SPINE_SHOULDER, body.NECK, body.HEAD], slice(None)),
            ([body.LEFT_SHOULDER], 0),
            ([body.LEFT_HIP], 0),
            ([body.LEFT_ELBOW, body.LEFT_WRIST, body.LEFT_HAND, body.LEFT_TIP, body.LEFT_THUMB], slice(None)),
            ([body.LEFT_KNEE, body.LEFT_ANKLE, body.LEFT_FOOT], slice(None)),
        ):
            size[joints, axes] *= np.exp(rng.normal(0, 0.05))
        size[body.MIRROR] = np.where(body.MIRROR[:, None] > np.arange(25)[:, None], size, size[body.MIRROR])
        habit = np.zeros((25, 3))
        habit[[body.SPINE_MID, body.SPINE_SHOULDER, body.NECK]] = rng.normal(0, 0.07, (3, 3))
        amplitude, asymmetry, tempo = rng.uniform(0.85, 1.2), rng.uniform(0.7, 1.0), rng.uniform(0.85, 1.2)
        lead = int(rng.random() < 0.7)
        return Performer(stature * size * body.OFFSETS, habit, amplitude, asymmetry, tempo, lead)

    def score(self, part: int, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """Confidences like those of a picture detector: ``shape`` in (0, 1], all 1 without noise."""
        return 1 - np.minimum(self.noise, 1) * 0.4 * self._rng(_SCORE, part, index).random(shape) ** 2

    def _see(self, rng: np.random.Generator, people: np.ndarray, view: int) -> np.ndarray:
        """Transform from the floor's frame to that of a camera."""
        turn, pitch, roll, aside, height, distance = rng.random(6)
        low, high = self.yaw
        # Facing the camera (yaw 0) is facing -z.
        points = turned(people, np.pi + np.deg2rad(low + (high - low) * (view + turn) / NUM_VIEWS))
        distance = self.distance[0] + (self.distance[1] - self.distance[0]) * distance
        points += (aside - 0.5, -(0.7 + 0.6 * height), distance)
        tilt = np.deg2rad([self.pitch * (2 * pitch - 1), 0, self.roll * (2 * roll - 1)])
        return points @ body.euler_matrix(tilt).T

    def _disturb(self, rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
        """Add jitter, slow drift and, sometimes, a joint that freezes for some frames, like a lost one of a Kinect."""
        persons, frames = points.shape[:2]
        points = points + self.noise * rng.normal(0, 0.006, points.shape)
        for person in range(persons):
            points[person] += self.noise * wander(rng, frames, 0.012)
            lost, joint, start, length = rng.random(4)
            if lost < 0.3 * self.noise:
                joint, start = int(joint * 25), int(start * frames)
                points[person, start : start + 3 + int(12 * length), joint] = points[person, start, joint]
        return points


class SyntheticWorld(World):
    """People who act, made by forward kinematics; ``world.clip(part, i)`` depends on the seed, the part and ``i`` only.

    Arguments are those of :class:`World`; ``actions`` may be ``INTERACTIONS`` too.
    """

    known: Mapping[str, Action] = {**ACTIONS, **INTERACTIONS}

    def clip(self, part: int, index: int, label: int, subject: int, partner: int, view: int) -> Clip:
        """Make clip ``index`` of a part; the other arguments come from :meth:`schedule`."""
        rng = self._rng(_CLIP, part, index)
        action = self.known[self.actions[label]]
        performers = [self.performers[person] for person in (subject, partner)[: action.persons]]
        frames = np.arange(int(rng.integers(self.num_frames[0], self.num_frames[1] + 1)))
        phase = self._phase(rng, frames, action.rate * performers[0].tempo)
        lead = performers[0].lead ^ int(rng.random() < 0.1)
        people = np.stack([
            self._act(rng, performer, perform, phase, lead, action.may_sit)
            for performer, perform in zip(performers, (action.perform, action.partner))
        ])  # fmt: skip
        if action.persons == 2:
            gap = 0.5 * action.distance * rng.uniform(0.9, 1.1)
            people[1] = people[1] * (-1, 1, -1)  # face to face
            people[..., 2] += gap * np.reshape((-1, 1), (2, 1, 1))
            people = people[:: int(rng.choice((1, -1)))]
        keypoint = self._see(rng, people, view)
        if self.noise > 0:
            keypoint = self._disturb(rng, keypoint)
        label_phase = phase % 1 if action.rate else np.minimum(phase, np.float32(1 - 1e-6))
        return Clip(keypoint.astype(np.float32), label_phase.astype(np.float32))

    def _phase(self, rng: np.random.Generator, frames: np.ndarray, rate: float) -> np.ndarray:
        start, speed, share, slack, wobble, wobble_phase = rng.random(6)
        if not rate:
            share = 0.45 + 0.4 * share
            return np.clip((frames / max(len(frames) - 1, 1) - slack * (1 - share)) / share, 0, 1)
        cycles = start + rate * (0.85 + 0.3 * speed) * frames / FPS
        return cycles + 0.06 * wobble * np.sin(2 * np.pi * (0.4 * cycles + wobble_phase))

    def _act(self, rng, performer: Performer, perform, phase: np.ndarray, lead: int, may_sit: bool) -> np.ndarray:
        """Positions ``(T, 25, 3)`` of one person who faces +z, feet on the floor."""
        gain = performer.amplitude * rng.uniform(0.85, 1.15)
        amplitude = (gain, gain * rng.uniform(performer.asymmetry, 1))
        motion = Motion(_rest(rng, may_sit) + performer.habit, phase, lead, amplitude)
        motion.heading += rng.normal(0, 0.25)
        perform(motion)
        motion.angles += wander(rng, len(phase), 0.04)
        points = body.forward_kinematics(motion.angles, performer.offsets)
        feet = points[:, [body.LEFT_ANKLE, body.LEFT_FOOT, body.RIGHT_ANKLE, body.RIGHT_FOOT], 1]
        points[..., 1] += (motion.lift - feet.min(axis=1))[:, None]
        points[..., 2] += motion.advance[:, None]
        return turned(points, motion.heading)


def _rest(rng: np.random.Generator, may_sit: bool) -> np.ndarray:
    """A resting posture, ``(25, 3)`` radians: any action may begin with any position of the arms."""
    angles = np.zeros((25, 3))
    for side, mirror in ((0, 1), (1, -1)):
        forward, twist, out, bend, stance = rng.random(5)
        angles[body.LEFT_SHOULDER + 4 * side] = -0.1 - 1.4 * forward, mirror * (twist - 0.5), mirror * (0.1 + 0.9 * out)
        angles[body.LEFT_ELBOW + 4 * side, 0] = -0.3 - 1.5 * bend
        angles[body.LEFT_HIP + 4 * side, 2] = mirror * 0.4 * stance
    bend, twist, lean, knees, sits, depth = rng.random(6)
    angles[body.SPINE_MID] = 0.35 * bend - 0.05, 0.5 * (twist - 0.5), 0.2 * (lean - 0.5)
    crouch = 0.8 + 0.2 * depth if may_sit and sits < 0.4 else 0.5 * knees
    for side in (0, 1):
        angles[[body.LEFT_HIP + 4 * side, body.LEFT_KNEE + 4 * side], 0] = -1.5 * crouch, 1.6 * crouch
        angles[body.LEFT_ANKLE + 4 * side, 0] = -0.1 * crouch
    return angles


def wander(rng: np.random.Generator, frames: int, scale: float) -> np.ndarray:
    """Slow wandering of 25 triples about zero, ``(frames, 25, 3)``: two sines of .1 to .6 Hz each."""
    rate, start, size = rng.random((3, 2, 25, 3))
    time = np.arange(frames)[:, None, None, None] / FPS
    return scale * (size * np.sin(2 * np.pi * (time * (0.1 + 0.5 * rate) + start))).sum(axis=1)


def turned(points: np.ndarray, angle) -> np.ndarray:
    """Turn ``(..., T, V, 3)`` about y; ``angle`` is one number or ``(T,)``, radians."""
    angle = np.reshape(angle, (-1, 1))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
