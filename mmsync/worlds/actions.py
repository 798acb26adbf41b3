"""Actions of the synthetic world's people: motions added to a random resting posture; some differ in time only."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

from mmsync.worlds import kinematics as body


class Motion:
    """The joint angles of one person in a clip, to which an action adds; calls for the right side mirror the left one.

    ``rest (25, 3)`` are the angles of the resting posture, radians; ``phase (T,)`` the cycles since the clip's start,
    or the progress in [0, 1] of actions that happen once; ``lead`` the leading side, 0 left or 1 right; ``amplitude``
    is that of the leading and of the other side, and the mean serves the trunk.
    """

    def __init__(self, rest: np.ndarray, phase: np.ndarray, lead: int, amplitude: tuple[float, float]) -> None:
        self.angles = np.repeat(rest[None], len(phase), axis=0)
        self.phase, self.lead, self.amplitude = phase, lead, amplitude
        self.lift = np.zeros(len(phase))  # height of the lower foot over the floor, meters
        self.advance = np.zeros(len(phase))  # walked forward, meters
        self.heading = np.zeros(len(phase))  # turn to the left, radians
        self.sides = lead, 1 - lead
        self.inward = 2 * lead - 1  # sign of a twist of the trunk that brings the leading shoulder forward
        self.sin, self.cos = np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)

    def arm(self, side: int, forward=0.0, out=0.0, twist=0.0, bend=0.0) -> None:
        """Add to an arm: raise it forward or outward, turn it about its axis, bend its elbow; ``(T,)`` radians each."""
        gain, mirror = self.amplitude[side != self.lead], 1 - 2 * side
        shoulder = self.angles[:, body.LEFT_SHOULDER + 4 * side]
        shoulder += gain * _stack(-forward, mirror * twist, mirror * out)
        self.angles[:, body.LEFT_ELBOW + 4 * side, 0] -= gain * bend

    def arms(self, lead: int = 1, other: int = 1, **angles) -> None:
        """Add to both arms, as :meth:`arm` does, with a sign for the leading and for the other one."""
        for side, sign in zip(self.sides, (lead, other)):
            self.arm(side, **{name: sign * angle for name, angle in angles.items()})

    def leg(self, side: int, forward=0.0, out=0.0, bend=0.0) -> None:
        """Add to a leg: raise the thigh forward or outward, bend the knee; ``(T,)`` radians each."""
        gain, mirror = self.amplitude[side != self.lead], 1 - 2 * side
        self.angles[:, body.LEFT_HIP + 4 * side] += gain * _stack(-forward, 0.0, mirror * out)
        self.angles[:, body.LEFT_KNEE + 4 * side, 0] += gain * bend

    def crouch(self, depth) -> None:
        """Bend both legs, feet flat on the floor; ``depth`` ``(T,)`` is 1 where the thighs are level."""
        for joint, angle in ((body.LEFT_HIP, -1.5), (body.LEFT_KNEE, 1.6), (body.LEFT_ANKLE, -0.1)):
            self.angles[:, [joint, joint + 4], 0] += np.reshape(angle * depth, (-1, 1))

    def trunk(self, bend=0.0, twist=0.0, lean=0.0) -> None:
        """Add to the trunk: bend forward, twist and lean to the left; ``(T,)`` radians each. The legs stay."""
        gain = float(np.mean(self.amplitude))
        self.angles[:, body.SPINE_BASE, 0] += 0.6 * gain * bend
        self.angles[:, [body.LEFT_HIP, body.RIGHT_HIP], 0] -= np.reshape(0.6 * gain * bend, (-1, 1))
        self.angles[:, body.SPINE_MID] += gain * _stack(0.4 * bend, twist, -lean)


def _stack(x, y, z) -> np.ndarray:
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def ease(progress: np.ndarray, start: float = 0.0, end: float = 1.0) -> np.ndarray:
    """A smooth step from 0 at ``start`` to 1 at ``end`` (minimum-jerk polynomial)."""
    x = np.clip((progress - start) / (end - start), 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def _sweep(m: Motion) -> None:
    m.arms(1, -1, out=0.4 * m.sin, twist=-0.5 * m.sin)  # as clapping, but both arms swing to the same side
    m.trunk(twist=-0.25 * m.inward * m.sin)


def _punch(m: Motion) -> None:
    m.arms(1, -1, forward=0.45 * m.sin, bend=-0.9 * m.sin)
    m.trunk(twist=0.25 * m.inward * m.sin)


def _row(m: Motion) -> None:
    m.arms(forward=0.45 * m.sin, bend=-0.9 * m.sin)
    m.trunk(bend=0.15 * m.sin)


def _lift_arms(m: Motion, step: np.ndarray) -> None:
    m.arms(forward=1.6 * (step - 0.5), bend=-0.5 * (step - 0.5))


def _throw(m: Motion) -> None:
    swing = -0.9 * ease(m.phase, 0, 0.5) + 2.2 * ease(m.phase, 0.5, 0.7) - 1.3 * ease(m.phase, 0.7, 1)
    m.arm(m.lead, forward=swing, bend=-0.6 * swing)
    m.trunk(twist=0.3 * m.inward * swing)


def _squat(m: Motion) -> None:
    m.crouch(0.35 * (1 - m.cos))
    m.trunk(bend=0.2 * (1 - m.cos))


def _march(m: Motion) -> None:
    for side, sign in zip(m.sides, (1, -1)):
        up = np.maximum(sign * m.sin, 0) ** 1.5
        m.leg(side, forward=1.1 * up, bend=1.3 * up)


def _run(m: Motion) -> None:
    for side, sign in zip(m.sides, (1, -1)):
        m.leg(side, forward=0.55 * sign * m.sin, bend=0.5 * (1 + sign * m.cos))
    m.arms(1, -1, forward=-0.6 * m.sin)
    m.lift += 0.06 * np.abs(m.cos)


def _kick(m: Motion) -> None:
    swing = np.maximum(m.sin, 0) ** 2
    m.leg(m.lead, forward=1.3 * swing, bend=-0.3 * swing + 0.8 * np.maximum(np.sin(2 * np.pi * m.phase + 1.2), 0) ** 2)
    m.trunk(bend=-0.2 * swing)


def _jumping_jack(m: Motion) -> None:
    for side in m.sides:
        m.leg(side, out=0.2 * (1 - m.cos))
    m.arms(out=-0.7 * m.cos)
    m.lift += 0.12 * m.sin**2


def _turn(m: Motion) -> None:
    m.heading += (1 - 2 * m.lead) * 2.6 * ease(m.phase)
    beat = np.sin(2 * np.pi * 3 * m.phase)
    for side, step in zip(m.sides, (np.maximum(beat, 0), np.maximum(-beat, 0))):
        m.leg(side, forward=0.4 * step, bend=0.6 * step)


def _sit(m: Motion, step: np.ndarray) -> None:
    m.crouch(step)
    m.trunk(bend=0.6 * np.sin(np.pi * step) ** 2)


def _shake_hands(m: Motion) -> None:
    m.arm(m.lead, forward=0.12 + 0.22 * m.sin, bend=-0.3 * m.sin)


def _high_five(m: Motion) -> None:
    up = np.maximum(m.sin, 0)
    m.arm(m.lead, forward=1.1 * up, bend=-0.8 * up)


def _push(m: Motion) -> None:
    out = ease(m.phase, 0, 0.4) - ease(m.phase, 0.6, 1)
    m.arms(forward=0.5 * out, bend=-0.9 * out)
    m.trunk(bend=0.25 * out)


def _pushed(m: Motion) -> None:
    m.advance -= 0.35 * ease(m.phase, 0.25, 0.6)
    m.trunk(bend=-0.35 * (ease(m.phase, 0.25, 0.45) - ease(m.phase, 0.5, 1)))


def _walk(m: Motion, meters: float) -> None:
    gait = Motion(np.zeros((25, 3)), 2.5 * m.phase, m.lead, m.amplitude)
    for side, sign in zip(gait.sides, (1, -1)):
        gait.leg(side, forward=0.45 * sign * gait.sin, bend=0.35 * (1 + sign * gait.cos))
    gait.arms(1, -1, forward=-0.35 * gait.sin)
    m.angles += gait.angles * np.sin(np.pi * np.clip(m.phase, 0, 1))[:, None, None]
    m.advance += meters * ease(m.phase)


def _shake_hands_once(m: Motion) -> None:
    hold = _there_and_back(m, 0.3)
    _reach(m, m.lead, hold, forward=0.7, out=0.1, bend=0.8)
    m.arm(m.lead, forward=0.22 * hold * np.sin(2 * np.pi * 4 * m.phase))


def _high_five_once(m: Motion) -> None:
    _reach(m, m.lead, _there_and_back(m, 0.45), forward=2.3, out=0.2, bend=0.5)


def _hug_once(m: Motion) -> None:
    hold = _there_and_back(m, 0.4)
    m.advance += 0.3 * hold
    for side in m.sides:
        _reach(m, side, hold, forward=1.4, out=0.25, bend=0.9)


def _kiss_once(m: Motion) -> None:
    hold = _there_and_back(m, 0.35)
    m.advance += 0.1 * hold
    m.trunk(bend=0.5 * hold)
    m.angles[:, body.NECK, 0] += 0.4 * hold


def _there_and_back(m: Motion, part: float) -> np.ndarray:
    """0, up to 1 in the first ``part`` of the progress, and down again in the last."""
    return ease(m.phase, 0, part) - ease(m.phase, 1 - part, 1)


def _reach(m: Motion, side: int, share: np.ndarray, forward: float, out: float, bend: float) -> None:
    """Bring an arm from its resting posture to a given one, ``share (T,)`` of the way."""
    mirror, keep = 1 - 2 * side, (1 - share)[:, None]
    shoulder, elbow = body.LEFT_SHOULDER + 4 * side, body.LEFT_ELBOW + 4 * side
    m.angles[:, shoulder] = keep * m.angles[:, shoulder] + share[:, None] * (-forward, 0.0, mirror * out)
    m.angles[:, elbow, 0] = keep[:, 0] * m.angles[:, elbow, 0] - share * bend


class Action(NamedTuple):
    """The performance of an action."""

    perform: Callable[[Motion], None]  # Motion of the person; called with the :class:`Motion` to add to
    rate: float = 0.0  # Cycles per second at a performer's mean tempo; 0 for an action that happens once in the clip
    partner: Callable[[Motion], None] | None = None  # Motion of a second person; None for actions of one person
    may_sit: bool = False  # Whether some people do it seated
    distance: float = 0.9  # Meters between the persons at the beginning

    @property
    def persons(self) -> int:
        """Number of people."""
        return 1 if self.partner is None else 2


ACTIONS: dict[str, Action] = {
    "wave": Action(lambda m: m.arm(m.lead, twist=0.9 * m.sin, out=0.15 * m.sin), 1.5, may_sit=True),
    "hammer": Action(lambda m: m.arm(m.lead, forward=0.35 * m.sin, bend=0.7 * m.sin), 1.5, may_sit=True),
    "circle_forward": Action(lambda m: m.arms(forward=0.7 * m.sin, out=0.55 * m.cos), 1.0, may_sit=True),
    "circle_backward": Action(lambda m: m.arms(forward=0.7 * m.sin, out=-0.55 * m.cos), 1.0, may_sit=True),
    "clap": Action(lambda m: m.arms(out=0.4 * m.sin, twist=-0.5 * m.sin), 1.5, may_sit=True),
    "sweep": Action(_sweep, 1.5, may_sit=True),
    "punch": Action(_punch, 1.3, may_sit=True),
    "row": Action(_row, 1.3, may_sit=True),
    "raise_arms": Action(lambda m: _lift_arms(m, ease(m.phase)), may_sit=True),
    "lower_arms": Action(lambda m: _lift_arms(m, 1 - ease(m.phase)), may_sit=True),
    "throw": Action(_throw, may_sit=True),
    "squat": Action(_squat, 0.8),
    "march": Action(_march, 0.9),
    "run": Action(_run, 1.5),
    "kick": Action(_kick, 0.9),
    "jumping_jack": Action(_jumping_jack, 1.0),
    "bow": Action(lambda m: m.trunk(bend=0.45 * (1 - m.cos)), 0.7, may_sit=True),
    "twist": Action(lambda m: m.trunk(twist=0.6 * m.sin), 1.0, may_sit=True),
    "sway": Action(lambda m: m.trunk(lean=0.4 * m.sin), 1.0, may_sit=True),
    "sit_down": Action(lambda m: _sit(m, ease(m.phase))),
    "stand_up": Action(lambda m: _sit(m, 1 - ease(m.phase))),
    "turn": Action(_turn),
    "shake_hands": Action(_shake_hands, 1.6, _shake_hands, distance=0.9),
    "high_five": Action(_high_five, 0.8, _high_five, distance=1.0),
    "push": Action(_push, 0.0, _pushed, distance=0.8),
    "approach": Action(lambda m: _walk(m, 0.7), 0.0, lambda m: _walk(m, 0.7), distance=2.3),
    "depart": Action(lambda m: _walk(m, -0.7), 0.0, lambda m: _walk(m, -0.7), distance=0.9),
}
"""Every action, in the order of the default class indices."""

INTERACTIONS: dict[str, Action] = {
    "handShake": Action(_shake_hands_once, 0.0, _shake_hands_once, distance=0.8),
    "highFive": Action(_high_five_once, 0.0, _high_five_once, distance=0.9),
    "hug": Action(_hug_once, 0.0, _hug_once, distance=0.65),
    "kiss": Action(_kiss_once, 0.0, _kiss_once, distance=0.55),
}
"""Gestures that happen once (reach out, touch, withdraw), by class of TV Human Interaction; distances are means."""
