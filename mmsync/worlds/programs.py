"""Motion programs: which part of a body does what, when and how; one program can be performed by many people."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Optional

import torch
from torch import Generator, Tensor

from mmsync.worlds import performers as body
from mmsync.worlds.dice import Dice
from mmsync.worlds.parts import GROUPS, KEYS, draw_arms, draw_legs, draw_trunk, rest_arms
from mmsync.worlds.sensors import Sensor


@dataclass
class MotionPrograms:
    """``B`` motion programs over the controls of a body (:mod:`mmsync.worlds.performers`), drawn and rendered at once.

    A control follows five key values (minimum-jerk steps; each group of controls, such as an arm, has its own times)
    and swings about them with one of two clocks, of the arms and trunk and of the gait. Programs are composed of parts:
    arms of one, of both together or on their own, that reach postures, touch the body, hold an object or swing; the
    trunk; the neck; legs that walk, run, march, squat, kick, jump, step, sit or fall; a way and turns.

    Cost: 0.07 s for 256 clips of 64 frames with sensor on one core, and 0.005 s to draw the programs; half of it
    is the sensor, most of the rest are rotations of 16 joints.

    Attributes:
        keys: ``(B, 32, 5)`` values of the controls, radians or meters.
        resting: ``(B, 2, 5)`` bool, keys at which an arm rests.
        times: ``(B, 7, 4)`` when the steps to the second, third... key begin, in shares of the motion, by group.
        spans: ``(B, 7, 4)`` how long they take.
        swing: ``(B, 32, 2, 4)`` coefficients of sine, cosine, and both of the double angle, by clock.
        rate: ``(B, 2)`` cycles in the motion, by clock.
        start: ``(B,)`` first clock at the beginning, in cycles.
        window: ``(B, 2)`` begin and end of the first clock's swings.
        load: ``(B, 2)`` how much longer each hand is by what it holds, as a share of its length.
        mirrored: ``(B,)`` bool, whether left and right are exchanged.
        reverse: ``(B,)`` bool, whether it runs backwards.
    """

    keys: Tensor
    resting: Tensor
    times: Tensor
    spans: Tensor
    swing: Tensor
    rate: Tensor
    start: Tensor
    window: Tensor
    load: Tensor
    mirrored: Tensor
    reverse: Tensor

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def draw(cls, count: int, generator: Generator, variants: float = 0.0) -> MotionPrograms:
        """Draw programs; they are a function of the state of the generator and lie on its device.

        Args:
            count: B, number of programs.
            variants: Share of the programs, in [0, 0.5], that differ from another one of them in one respect only:
                mirrored, reversed, of another rate, or with another motion of one arm; as hard negatives.
        """
        dice = Dice(generator)
        programs = cls(
            keys=torch.zeros(count, body.NUM_CONTROLS, KEYS, device=dice.device),
            resting=torch.zeros(count, 2, KEYS, dtype=torch.bool, device=dice.device),
            times=0.05 + 0.8 * dice.uniform(0, 1, count, len(GROUPS), KEYS - 1).sort(2).values,
            spans=dice.uniform(0.08, 0.3, count, len(GROUPS), KEYS - 1),
            swing=torch.zeros(count, body.NUM_CONTROLS, 2, 4, device=dice.device),
            rate=dice.uniform(math.log(0.8), math.log(7), count, 2).exp(),
            start=dice.uniform(0, 1, count),
            window=torch.stack([dice.uniform(0, 0.35, count), dice.uniform(0.6, 1, count)], 1),
            load=torch.zeros(count, 2, device=dice.device),
            mirrored=torch.zeros(count, dtype=torch.bool, device=dice.device),
            reverse=torch.zeros(count, dtype=torch.bool, device=dice.device),
        )
        whole = programs.window.new_tensor([-1.0, 2.0])
        programs.window = torch.where(dice.chance(0.5, count, 1), whole, programs.window)
        draw_arms(programs, dice)
        draw_trunk(programs, dice)
        draw_legs(programs, dice)
        if int(variants * count):
            programs._vary(int(variants * count), dice)
        return programs

    def render(
        self,
        generator: Generator,
        frames: int = 64,
        sensor: Optional[Sensor] = Sensor(),  # noqa: B008
        redraw_rest: bool = False,
    ) -> Tensor:
        """Have each program performed by a random person, seen by a random camera and sensor.

        Persons differ in bones, habits, amplitude, tempo and timing; the part of the motion that is seen differs too.

        Args:
            generator: Of all draws, on the programs' device.
            frames: Number of frames T.
            sensor: What records the person; ``None``: true positions.
            redraw_rest: Each person has arms rest in a way of its own, rather than as the program says.

        Returns:
            Tensor: ``(B, T, 20, 3)`` float32, meters, joints of ``kinect20``; x to the person's left, y up, z forward.
            Depth is zero where the sensor takes pictures.
        """
        dice = Dice(generator)
        points = body.perform(self._controls(dice, frames, redraw_rest), dice, self.load, self.mirrored)
        points = points.permute(2, 3, 0, 1)
        return points.contiguous() if sensor is None else sensor(points[:, None], generator)[:, 0]

    def _controls(self, dice: Dice, frames: int, redraw_rest: bool) -> Tensor:
        """Values of the controls over time as one person does it, ``(B, 32, T)``."""
        count, keys = len(self), self.keys
        if redraw_rest:
            keys = keys.clone()
            rest_arms(keys, self.resting, dice)
        amplitude = dice.spread(0.2, count, 1, 1)
        keys = keys + dice.normal(1, *keys.shape) * _key_noise(keys)
        stance, knees = dice.uniform(0, 0.2, count, 1), dice.uniform(0, 0.12, count, 1)
        for leg in body.LEGS:
            keys[:, leg.start + 1] += stance
        keys[:, body.CROUCH] += knees
        keys = torch.cat([keys[:, :20], amplitude * keys[:, body.TRUNK], keys[:, 23:]], 1)
        time = self._time(dice, frames)
        times = self.times + dice.normal(0.03, *self.times.shape)
        spans = self.spans * dice.spread(0.2, *self.spans.shape)
        done = ease((time[:, None, None] - times[..., None]) / spans[..., None])  # (B, G, 4, T)
        steps = keys.diff(dim=2)
        moved = [steps[:, group] @ done[:, i] for i, group in enumerate(GROUPS)]
        swing, clocks = self._swing(dice, time, amplitude)
        return keys[..., :1] + torch.cat(moved, 1) + swing @ clocks

    def _swing(self, dice: Dice, time: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients ``(B, 32, S)`` of functions of time ``(B, S, T)``: both clocks, and a slow random wandering."""
        count = len(self)
        start = torch.where(dice.chance(0.5, count), self.start, dice.uniform(0, 1, count))
        start = torch.stack([start, dice.uniform(0, 1, count)], 1)[..., None]
        cycles = start + (self.rate * dice.uniform(-0.3, 0.3, count, 2).exp())[..., None] * time[:, None]
        slow = dice.uniform(0, 1, count, 4, 1) + dice.uniform(0.3, 2, count, 4, 1) * time[:, None]
        slow = (2 * math.pi * slow).sin()
        angle = 2 * math.pi * cycles + dice.normal(0.3, count, 2, 1) * slow[:, :2]
        sin, cos = angle.sin(), angle.cos()
        gate = ease((time - self.window[:, :1]) / 0.1) * ease((self.window[:, 1:] - time) / 0.1)
        gate = torch.stack([gate, torch.ones_like(gate)], 1)[:, :, None]
        clocks = gate * torch.stack([sin, cos, 2 * sin * cos, 1 - 2 * sin**2], 2)
        wander = dice.normal(0.02, count, body.NUM_CONTROLS, 4)
        wander[:, body.CROUCH :] = 0
        return torch.cat([amplitude * self.swing.flatten(2), wander], 2), torch.cat([clocks.flatten(1, 2), slow], 1)

    def _time(self, dice: Dice, frames: int) -> Tensor:
        """Place of each frame in the motion, ``(B, T)``: cut or padded at both ends, warped, some at a low rate."""
        count = len(self)
        share = torch.linspace(0, 1, frames, device=dice.device).expand(count, -1)
        coarse = dice.uniform(10, 40, count, 1).floor()
        share = torch.where(dice.chance(0.1, count, 1), (share * coarse).round() / coarse, share)
        begin, end = dice.uniform(-0.12, 0.1, count, 1), dice.uniform(0.9, 1.12, count, 1)
        time = (begin + (end - begin) * share).clamp(-0.2, 1.2)
        warped = time.clamp(min=1e-4) ** dice.uniform(-0.3, 0.3, count, 1).exp()
        time = torch.where(time > 0, warped, time)
        return torch.where(self.reverse[:, None], 1 - time, time)

    def _vary(self, count: int, dice: Dice) -> None:
        """Make the last programs variants of the first."""
        other = MotionPrograms.draw(count, dice.generator)
        for field in fields(self):
            value = getattr(self, field.name)
            value[-count:] = value[:count].clone()
        kind = dice.uniform(0, 1, count)
        self.mirrored[-count:] = kind < 0.35
        self.reverse[-count:] = (kind >= 0.35) & (kind < 0.65)
        factor = torch.where(dice.chance(0.5, count), 0.5, 2.0)
        self.rate[-count:] *= torch.where((kind >= 0.65) & (kind < 0.75), factor, 1.0)[:, None]
        arm, right = kind >= 0.75, body.ARMS[1]
        for name, at in (("keys", right), ("swing", right), ("resting", 1)):
            value, new = getattr(self, name)[-count:, at], getattr(other, name)[:, at]
            value.copy_(torch.where(arm.view(-1, *[1] * (value.dim() - 1)), new, value))


def program_pairs(
    count: int, generator: Generator, frames: int = 64, variants: float = 0.0, redraw_rest: bool = False,
    meetings: float = 0.0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Draw programs, and have each performed and recorded twice.

    Args:
        count: B, number of programs.
        generator: Of all draws.
        frames: Number of frames T.
        variants: As of :meth:`MotionPrograms.draw`.
        redraw_rest: As of :meth:`MotionPrograms.render`.
        meetings: Share of the programs, in [0, 1], with a second person who faces the first and has a program too.

    Returns:
        tuple: Two clips of each program, ``(B, M, T, 20, 3)`` as of :meth:`MotionPrograms.render`; M is 2 if there are
        meetings, else 1. Absent persons are zero.
    """
    programs, dice = MotionPrograms.draw(count, generator, variants), Dice(generator)
    met = int(meetings * count)
    partners = MotionPrograms.draw(met, generator)
    gap = torch.stack([dice.normal(0.2, met), torch.zeros(met, device=dice.device), dice.uniform(0.6, 1.6, met)], 1)

    def recording() -> Tensor:
        first = programs.render(generator, frames, None, redraw_rest)[:, None]
        if not met:
            return Sensor()(first, generator)
        second = partners.render(generator, frames, None, redraw_rest) * gap.new_tensor([-1.0, 1.0, -1.0])
        both = torch.cat([first[:met], (second + (gap * dice.spread(0.1, met, 1))[:, None, None])[:, None]], 1)
        alone = Sensor()(first[met:], generator)
        return torch.cat([Sensor()(both, generator), torch.cat([alone, torch.zeros_like(alone)], 1)])

    return recording(), recording()


def ease(progress: Tensor) -> Tensor:
    """A smooth step from 0 at 0 to 1 at 1 (minimum-jerk polynomial)."""
    x = progress.clamp(0, 1)
    return x**3 * (10 + x * (6 * x - 15))


def _key_noise(keys: Tensor) -> Tensor:
    """How much persons differ in each control, ``(32, 1)``."""
    scale = keys.new_full((body.NUM_CONTROLS, 1), 0.05)
    scale[: body.ARMS[1].stop] = 0.12
    scale[body.CROUCH :] = 0
    return scale
