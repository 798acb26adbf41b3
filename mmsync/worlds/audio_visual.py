"""People of the synthetic world who make sounds at contacts, on video with its sound: MP4 files and what is in them.

A sounding person strikes at irregular times: claps, drums, hammers, stamps or jumps. Each kind of strike has a timbre,
and an instrument (or clothing) of its color; the pitch goes with the color's brightness, so that one picture says what
to listen for. Arms rise slowly and fall fast, and balls that are dropped bounce lower each time: time has a direction.
A second person may strike at other times, holds nothing and is not heard. A sensor at the leading wrist measures
acceleration.

videos/<split>/<class>/<name>.mp4   H.264 of key frames only (a codec's rhythm would tell the time's direction) and AAC
inertial/<name>.npy                 (S, 3) float32, acceleration with gravity, m/s^2, 100 a second
skeletons/<name>.npy                (T, 25, 3) float32, the sounding person, meters in the camera's frame
scenes.json                         by name: strikes (s), box of the sounding person (x1 y1 x2 y2, shares), heard, ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mmsync.errors import ConfigError, DataError
from mmsync.fileio import atomic_path, write_text
from mmsync.media.reader import require
from mmsync.media.write import INSTALL, write_video
from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import Motion
from mmsync.worlds.stick_people import Camera, paint_disc, render
from mmsync.worlds.world import SyntheticWorld

FPS, SOUND_RATE, SENSOR_RATE = 25, 16000, 100
GRAVITY = 9.81
PITCH = 0.75  # octaves, at most, up or down


class Strike(NamedTuple):
    """A kind of strike."""

    act: Callable[[Motion, np.ndarray], None]  # adds the motion of ``raised (T,)``, 0 at contact and 1 at most
    tone: float  # Hz, of the lowest partial
    partials: tuple[float, ...]  # relative to the tone
    decay: float  # seconds to 1 / e
    noise: float  # share of noise in [0, 1]
    instrument: int  # joint that holds or wears it


def _clap(m: Motion, raised: np.ndarray) -> None:
    m.arms(forward=1.2 + 0 * raised, out=0.05 + 0.6 * raised, bend=0.4 + 0 * raised)


def _drum(m: Motion, raised: np.ndarray) -> None:
    m.arm(m.lead, forward=0.4 + 1.4 * raised, bend=0.6 + 0.5 * raised)
    m.arm(1 - m.lead, forward=0.5 + 0 * raised, bend=0.8 + 0 * raised)


def _hammer(m: Motion, raised: np.ndarray) -> None:
    m.arms(forward=0.8 + 1.6 * raised, bend=0.3 + 0.4 * raised)
    m.trunk(bend=0.5 * (1 - raised))


def _stamp(m: Motion, raised: np.ndarray) -> None:
    m.leg(m.lead, forward=1.0 * raised, bend=1.3 * raised)


def _jump(m: Motion, raised: np.ndarray) -> None:
    m.lift += 0.35 * raised
    m.arms(out=0.3 + 1.2 * raised)


def _slap_thighs(m: Motion, raised: np.ndarray) -> None:
    m.arms(forward=0.35 + 0.9 * raised, out=0.1 + 0.5 * raised, bend=0.5 + 0 * raised)
    m.crouch(0.25 + 0 * raised)


STRIKES: dict[str, Strike] = {
    "clap": Strike(_clap, 1500.0, (1.0, 1.47, 2.31), 0.02, 0.8, body.LEFT_HAND),
    "drum": Strike(_drum, 160.0, (1.0, 1.59, 2.14), 0.12, 0.2, body.SPINE_BASE),
    "hammer": Strike(_hammer, 800.0, (1.0, 2.76, 5.4), 0.15, 0.05, body.LEFT_TIP),
    "stamp": Strike(_stamp, 80.0, (1.0, 1.3), 0.06, 0.4, body.LEFT_FOOT),
    "jump": Strike(_jump, 300.0, (1.0, 1.2, 1.5), 0.10, 0.6, body.RIGHT_FOOT),
    "slap": Strike(_slap_thighs, 500.0, (1.0, 2.0, 3.0), 0.05, 0.5, body.RIGHT_HAND),
}
"""Strikes by class name, in the order of the class indices."""


def write_audio_visual(
    source: Any, folder: Path, size: Sequence[int] = (96, 128), seconds: Sequence[float] = (5.0, 8.0),
    unrelated: float = 0.1, second: float = 0.5, cue: str = "none", arrow: bool = True,
) -> list[Path]:  # fmt: skip
    """Write the files; no person is in both splits. A stopped run is resumed.

    Args:
        source: The synthetic source, for its seed, its people and the number of clips of both splits.
        folder: The folder to write into.
        size: Height and width of the pictures, even.
        seconds: Shortest and longest clip.
        unrelated: Share of training videos with the sound of other strikes (``heard`` is false). Test videos have none,
            because a test of being in sync would count their windows as positive.
        second: Share of videos with a second person, who strikes silently at other times.
        cue: A cue of time's direction that is none of the world's, to try methods of the arrow of time: ``'none'``;
            ``'zoom'``, the camera always comes nearer; ``'border'``, black borders that always grow a little.
        arrow: Whether the motion itself has a direction in time; without it, strikes rise and fall alike and no ball
            falls.

    Raises:
        ConfigError: Numbers out of their ranges, or an unknown cue.
    """
    require("av", INSTALL)
    counts = [len(source.splits[split]) for split in ("train", "test")]
    if any(side % 2 or side < 32 for side in size) or not 1 <= seconds[0] <= seconds[1]:
        raise ConfigError(f"av: size {tuple(size)} must be even, 32 or more; seconds {tuple(seconds)} a range from 1")
    if cue not in ("none", "zoom", "border") or not 0 <= unrelated <= 1 or not 0 <= second <= 1:
        raise ConfigError(f"av: {cue=}, {unrelated=}, {second=}: give 'none', 'zoom' or 'border', and shares in [0, 1]")
    world = source.world
    facts = dict(seed=world.seed, size=list(size), seconds=list(seconds), unrelated=unrelated, second=second)
    facts.update(cue=cue, arrow=arrow, counts=counts, num_performers=list(world.num_performers))
    _same_arguments(folder / "arguments.json", facts)
    for part in ("inertial", "skeletons"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = list(STRIKES)
    jobs = [(part, i) for part, count in enumerate(counts) for i in range(count)]
    scenes: dict[str, Any] = {}
    for part, index in tqdm(jobs, desc="write av", unit="clip", disable=None):
        kind = names[index % len(names)]
        name = f"{'train' if part == 0 else 'test'}_{index:04d}"
        path = folder / "videos" / ("train", "test")[part] / kind / f"{name}.mp4"
        rng = np.random.default_rng(np.random.SeedSequence(world.seed, spawn_key=(8, part, index)))
        scene = _Scene(rng, world, part, kind, size, seconds, 0.0 if part else unrelated, second, arrow)
        scenes[name] = scene.facts()
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / "skeletons" / f"{name}.npy", scene.people[0].astype(np.float32))
        np.save(folder / "inertial" / f"{name}.npy", scene.inertial())
        with atomic_path(path) as temporary:
            options = {"g": "1", "crf": "22", "preset": "veryfast"}
            write_video(temporary, scene.pictures(cue), FPS, codec="libx264", options=options, sound=scene.sound())
    write_text(folder / "scenes.json", json.dumps(scenes))
    return [folder / "videos", folder / "scenes.json"]


def _same_arguments(path: Path, facts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and json.loads(path.read_text()) != facts:
        raise DataError(f"{path.parent} was made with other arguments ({path}); give another folder")
    write_text(path, json.dumps(facts))


class _Scene:
    """One clip, drawn from a generator; pictures and sound are made on demand, from generators of their own."""

    def __init__(
        self, rng: np.random.Generator, world: SyntheticWorld, part: int, kind: str, size: Sequence[int],
        seconds: Sequence[float], unrelated: float, second: float, arrow: bool,
    ) -> None:  # fmt: skip
        self.kind, self.size, self.arrow = kind, (size[0], size[1]), arrow
        self.frames = int(FPS * rng.uniform(seconds[0], seconds[1]))
        self.length = self.frames / FPS
        self.strikes = _strike_times(rng, self.length)
        self.heard = bool(rng.random() >= unrelated)
        self.sounding = self.strikes if self.heard else _strike_times(rng, self.length)
        self.pitch = rng.uniform(-PITCH, PITCH)  # octaves
        first, many = sum(world.num_performers[:part]), world.num_performers[part]
        who = first + rng.permutation(many)
        side = rng.permutation((-0.55, 0.55)) if rng.random() < second else np.array([rng.uniform(-0.5, 0.5)])
        times = np.arange(self.frames) / FPS
        dense = np.arange(round(self.length * SENSOR_RATE)) / SENSOR_RATE
        people = []
        for k, x in enumerate(side):
            name = kind if k == 0 else str(rng.choice(list(STRIKES)))
            when = self.strikes if k == 0 else _strike_times(rng, self.length)
            draw = int(rng.integers(2**31))
            both = [
                self._act(np.random.default_rng(draw), world, int(who[k % many]), name, when, t) for t in (times, dense)
            ]
            place = np.array([x, 0.0, rng.uniform(2.9, 3.6)])
            people.append(both[0] + place)
            if k == 0:
                self.dense, self.lead = both[1] + place, self._lead
        self.people = np.stack(people)
        self.people[..., 1] -= 0.95
        self.dense[..., 1] -= 0.95
        focal = size[0] * rng.uniform(1.05, 1.25)
        self.camera = Camera(focal, (size[1] * rng.uniform(0.46, 0.54), size[0] * rng.uniform(0.46, 0.54)), self.size)
        self.balls = [_Ball(rng, self.length) for _ in range(rng.integers(1, 3))] if arrow else []
        self.seeds = rng.integers(2**31, size=3)

    def _act(
        self, rng: np.random.Generator, world: SyntheticWorld, who: int, kind: str, strikes: np.ndarray, t: np.ndarray
    ) -> np.ndarray:
        """Positions ``(T, 25, 3)`` at times ``(T,)`` of one person who faces the camera, feet on the floor."""
        performer = world.performers[who]
        rest = 0.25 * rng.normal(0, 0.3, (25, 3)) + performer.habit
        raised = _raised(strikes, t, self.arrow) * rng.uniform(0.8, 1.1)
        self._lead = performer.lead
        motion = Motion(rest, raised, performer.lead, (1.0, rng.uniform(0.85, 1.0)))
        STRIKES[kind].act(motion, raised)
        rate, start, scale = rng.random((3, 2, 25, 3))
        slow = np.sin(2 * np.pi * (t[:, None, None, None] * (0.1 + 0.4 * rate) + start))
        motion.angles += 0.03 * (scale * slow).sum(1)
        points = body.forward_kinematics(motion.angles, performer.offsets)
        feet = points[:, [body.LEFT_ANKLE, body.LEFT_FOOT, body.RIGHT_ANKLE, body.RIGHT_FOOT], 1]
        points[..., 1] += (motion.lift - feet.min(axis=1))[:, None]
        yaw = rng.uniform(-0.6, 0.6)
        turn = body.euler_matrix(np.array([0.0, np.pi + yaw, 0.0]))
        return points @ turn.T

    def facts(self) -> dict[str, Any]:
        """What the files do not show at once."""
        seen = self.camera.project(self.people[0])[..., :2] / (self.size[1], self.size[0])
        low, high = seen.min((0, 1)).clip(0, 1), seen.max((0, 1)).clip(0, 1)
        return dict(
            label=list(STRIKES).index(self.kind), heard=self.heard, people=len(self.people), seconds=self.length,
            strikes=[round(float(t), 4) for t in self.sounding], box=[round(float(v), 4) for v in (*low, *high)],
        )  # fmt: skip

    def pictures(self, cue: str) -> np.ndarray:
        """``(T, H, W, 3)`` uint8."""
        rng = np.random.default_rng(self.seeds[0])
        out = render(rng, self.camera, self.people, 3.0, self._paint)
        if cue == "zoom":
            out = _zoomed(out, 1 + 0.06 * np.arange(self.frames) / FPS)
        elif cue == "border":
            rows = (4 + 0.8 * np.arange(self.frames) / FPS).astype(int)
            for picture, count in zip(out, rows):
                picture[:count] = picture[-count:] = 0
        return out

    def _paint(self, picture: np.ndarray, frame: int) -> None:
        """The instrument and balls."""
        place = self.camera.project(self.people[0, frame, STRIKES[self.kind].instrument])
        paint_disc(picture, place[:2], 0.13 * place[2], _color(self.kind, self.pitch))
        for ball in self.balls:
            place = self.camera.project(ball.at(frame / FPS))
            paint_disc(picture, place[:2], 0.08 * place[2], ball.color)

    def sound(self) -> np.ndarray:
        """``(S,)`` float32: the strikes' sounds over quiet noise."""
        rng = np.random.default_rng(self.seeds[1])
        strike, count = STRIKES[self.kind], round(self.length * SOUND_RATE)
        out = rng.normal(0, 10 ** rng.uniform(-3.2, -2.3), count)
        for time in self.sounding:
            begin = round(time * SOUND_RATE)
            tail = np.arange(min(round(6 * strike.decay * SOUND_RATE), count - begin)) / SOUND_RATE
            tones = sum(
                np.sin(2 * np.pi * strike.tone * 2**self.pitch * ratio * tail) / (1 + k)
                for k, ratio in enumerate(strike.partials)
            )
            burst = (1 - strike.noise) * tones + strike.noise * rng.normal(0, 0.7, len(tail))
            out[begin : begin + len(tail)] += rng.uniform(0.3, 0.5) * burst * np.exp(-tail / strike.decay)
        return out.clip(-0.99, 0.99).astype(np.float32)

    def inertial(self) -> np.ndarray:
        """``(S, 3)`` float32, m/s^2: acceleration of the leading wrist, gravity added, in the camera's frame."""
        rng = np.random.default_rng(self.seeds[2])
        wrist = self.dense[:, body.LEFT_WRIST + 4 * self.lead]
        found = np.gradient(np.gradient(wrist, 1 / SENSOR_RATE, axis=0), 1 / SENSOR_RATE, axis=0)
        return (found + (0, GRAVITY, 0) + rng.normal(0, 0.3, found.shape)).astype(np.float32)


class _Ball:
    """A ball that is dropped, bounces lower each time, and lies still."""

    def __init__(self, rng: np.random.Generator, length: float) -> None:
        self.begin, self.height = rng.uniform(0, 0.5 * length), rng.uniform(0.8, 1.6)
        self.place = np.array([rng.uniform(-0.9, 0.9), 0.0, rng.uniform(2.4, 2.8)])
        self.drift, self.keep = rng.uniform(-0.15, 0.15), rng.uniform(0.55, 0.75)
        self.color = rng.uniform(30, 240, 3).astype(np.float32)

    def at(self, time: float) -> np.ndarray:
        """The center, meters in the camera's frame."""
        t, height, x = max(time - self.begin, 0.0), self.height, self.place[0]
        x += self.drift * min(t, 3.0)
        fall = np.sqrt(2 * height / GRAVITY)
        y = height - 0.5 * GRAVITY * t * t if t < fall else 0.0
        t -= fall
        while t > 0 and height > 0.01:
            height *= self.keep
            half = np.sqrt(2 * height / GRAVITY)
            if t < 2 * half:
                y = height - 0.5 * GRAVITY * (t - half) ** 2
                break
            t, y = t - 2 * half, 0.0
        return np.array([x, y - 0.87, self.place[2]])


def _strike_times(rng: np.random.Generator, length: float) -> np.ndarray:
    """Irregular times in (0, length), 0.3 to 1 s apart."""
    gaps = rng.uniform(0.3, 1.0, int(length / 0.3) + 2)
    times = gaps.cumsum() - gaps[0] + rng.uniform(0.05, 0.5)
    return times[times < length - 0.05]


def _raised(strikes: np.ndarray, t: np.ndarray, arrow: bool) -> np.ndarray:
    """How far a limb is raised, ``(T,)``: 0 at each strike, 1 between two of them, where it rests longest if it falls.

    With ``arrow`` it rises over two thirds of the time and then falls faster and faster, as by gravity.
    """
    ends = np.concatenate([[strikes[0] - 0.7], strikes, [strikes[-1] + 0.7]])
    i = np.clip(np.searchsorted(ends, t, side="right") - 1, 0, len(ends) - 2)
    gap = ends[i + 1] - ends[i]
    u = np.clip((t - ends[i]) / gap, 0, 1)
    reach = np.clip(gap / 0.6, 0.5, 1.0)
    if not arrow:
        return reach * np.sin(np.pi * u)
    rise, fall = np.sin(np.pi / 2 * np.clip(u / 0.66, 0, 1)) ** 2, 1 - (np.clip((u - 0.66) / 0.34, 0, 1)) ** 2
    return reach * np.where(u < 0.66, rise, fall)


def _color(kind: str, pitch: float) -> np.ndarray:
    """Color ``(3,)`` of an instrument: the hue of its class, brighter for a higher pitch."""
    hue = list(STRIKES).index(kind) / len(STRIKES)
    wheel = np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return (255 * (0.7 + 0.3 * pitch / PITCH) * wheel.clip(0, 1)).astype(np.float32)


def _zoomed(pictures: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Pictures about whose middle the camera comes nearer, by ``scale (T,)``."""
    import cv2

    height, width = pictures.shape[1:3]
    out = np.empty_like(pictures)
    for k, s in enumerate(scale.tolist()):
        matrix = np.array([[s, 0, (1 - s) * width / 2], [0, s, (1 - s) * height / 2]])
        out[k] = cv2.warpAffine(pictures[k], matrix, (width, height), flags=cv2.INTER_LINEAR)
    return out
