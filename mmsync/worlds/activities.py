"""Activities of several phases, made of sub-motions that they share; names and key events are those of Penn Action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional, Union

import numpy as np

from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import Motion

_LIMB = {
    "arm": ("forward", "out", "bend", "twist"),
    "leg": ("forward", "out", "bend"),
    "trunk": ("bend", "twist", "lean"),
}
CHANNELS = (
    *(f"{side}_{limb}_{angle}" for side in ("lead", "other") for limb in ("arm", "leg") for angle in _LIMB[limb]),
    *(f"trunk_{angle}" for angle in _LIMB["trunk"]),
    "crouch", "tilt", "lift", "advance",
)  # fmt: skip
"""A posture: angles of the arms and legs of the leading and the other side, and of the trunk, as in :class:`Motion`;
depth of a crouch, 1 with level thighs; tilt of the whole body, positive for prone, radians; height of the lowest joint
over the floor, and way forward, meters."""
_COLUMN = {name: column for column, name in enumerate(CHANNELS)}

Angles = tuple[float, ...]


class Move(NamedTuple):
    """A sub-motion: some channels go to targets, while the others stay as they are."""

    seconds: float  # mean duration
    target: np.ndarray  # (K,), NaN for channels that stay


def _move(
    seconds: float, arms: Optional[Angles] = None, lead: Optional[Angles] = None, other: Optional[Angles] = None,
    legs: Optional[Angles] = None, back: Optional[Angles] = None, front: Optional[Angles] = None,
    trunk: Optional[Angles] = None, **single: float,
) -> Move:  # fmt: skip
    """A move of both arms or of one, ``(forward, out, bend, twist)``; of both legs, of the one behind, which is that of
    the leading side, or of the one in front, ``(forward, out, bend)``; of the trunk, ``(bend, twist, lean)``."""
    target = np.full(len(CHANNELS), np.nan)
    parts = (
        ("lead_arm", lead or arms), ("other_arm", other or arms), ("lead_leg", back or legs),
        ("other_leg", front or legs), ("trunk", trunk),
    )  # fmt: skip
    for part, angles in parts:
        for name, angle in zip(_LIMB[part.split("_")[-1]], angles or ()):
            target[_COLUMN[f"{part}_{name}"]] = angle
    for name, value in single.items():
        target[_COLUMN[name]] = value
    target.flags.writeable = False
    return Move(seconds, target)


_UP, _DOWN, _RACK, _JOINED = (2.9, 0.25, 0.1, 0.0), (0.05, 0.15, 0.2, 0.0), (0.9, 0.1, 2.3, 0.0), (0.6, 0.0, 1.5, -0.5)
_STRAIGHT, _UPRIGHT = (0.0, 0.08, 0.0), (0.05, 0.0, 0.0)

MOVES: dict[str, Move] = {
    "stand": _move(0.7, arms=_DOWN, legs=_STRAIGHT, trunk=_UPRIGHT, crouch=0.0, tilt=0.0, lift=0.0),
    "stand_up": _move(0.7, legs=_STRAIGHT, trunk=_UPRIGHT, crouch=0.0),
    "half_crouch": _move(0.5, trunk=(0.35, 0.0, 0.0), crouch=0.8),
    "crouch": _move(0.5, trunk=(0.55, 0.0, 0.0), crouch=1.25),
    "dip": _move(0.3, crouch=0.35),
    "step": _move(0.4, front=(0.55, 0.1, 0.25), back=(-0.4, 0.08, 0.3), advance=0.4, lift=0.0),
    "hop": _move(0.3, legs=(0.0, 0.3, 0.0), lift=0.08),
    "land_apart": _move(0.3, legs=(0.0, 0.5, 0.0), lift=0.0),
    "arms_forward": _move(0.5, arms=(1.4, 0.1, 0.1, 0.0)),
    "arms_level": _move(0.3, arms=(0.1, 1.5, 0.1, 0.0)),
    "arms_up": _move(0.4, arms=_UP),
    "arms_rack": _move(0.4, arms=_RACK),
    "hold_at_chest": _move(0.5, arms=_JOINED),
    "bend_arms": _move(0.9, arms=(0.35, 0.5, 1.9, 0.0)),
    "stretch_arms": _move(0.8, arms=(1.5, 0.15, 0.1, 0.0)),
    "grip_low": _move(0.6, arms=(0.9, 0.2, 0.1, 0.0), trunk=(0.8, 0.0, 0.0), crouch=1.0),
    "lift_to_hip": _move(0.6, arms=(0.35, 0.1, 0.3, 0.0), trunk=(0.25, 0.0, 0.0), crouch=0.1),
    "address": _move(0.6, arms=(0.75, -0.1, 0.1, 0.0), trunk=(0.5, 0.0, 0.0), legs=(0.0, 0.2, 0.0), crouch=0.2),
    "lift_knee": _move(0.6, front=(1.5, 0.0, 1.6), trunk=(0.0, -0.4, 0.0)),
    "wind_up": _move(0.6, trunk=(0.2, -0.8, 0.0)),
    "club_back": _move(0.6, lead=(1.4, 0.9, 1.3, 0.0), other=(1.5, -0.5, 0.3, 0.0)),
    "club_through": _move(0.3, arms=(1.0, -0.05, 0.15, 0.0), trunk=(0.4, 0.1, 0.0)),
    "club_over": _move(0.4, lead=(1.6, -0.6, 0.4, 0.0), other=(1.4, 0.9, 1.4, 0.0), trunk=(0.0, 0.9, 0.0)),
    "arm_back": _move(0.5, lead=(-0.5, 1.3, 0.4, 0.0), other=(1.2, 0.2, 0.3, 0.0)),
    "arm_low_back": _move(0.5, lead=(-1.0, 0.15, 0.1, 0.0), trunk=(0.5, -0.3, 0.0)),
    "arm_low_front": _move(0.3, lead=(0.6, 0.05, 0.1, 0.0), trunk=(0.6, 0.2, 0.0)),
    "arm_high_front": _move(0.5, lead=(2.0, 0.0, 0.5, 0.0)),
    "arm_side_front": _move(0.3, lead=(0.9, 0.7, 0.2, 0.0), trunk=(0.15, 0.2, 0.0)),
    "arm_cocked": _move(0.5, lead=(1.0, 1.4, 1.9, 1.2), trunk=(-0.15, -0.5, 0.0)),
    "arm_over": _move(0.3, lead=(2.5, 0.25, 0.15, 0.0), trunk=(0.2, 0.3, 0.0)),
    "arm_across": _move(0.4, lead=(0.8, -0.5, 0.4, 0.0), trunk=(0.6, 0.7, 0.0)),
    "toss": _move(0.6, other=(2.6, 0.1, 0.1, 0.0), lead=(0.3, 0.3, 0.6, 0.0)),
    "hang": _move(0.9, arms=_UP, legs=(0.1, 0.05, 0.3)),
    "pull": _move(0.9, arms=(0.7, 0.45, 2.4, 0.0), legs=(-0.1, 0.05, 0.6)),
    "prone": _move(0.8, arms=(1.5, 0.2, 0.05, 0.0), legs=(0.0, 0.1, 0.0), tilt=1.15),
    "supine": _move(0.8, legs=(0.9, 0.1, 1.7), tilt=-1.57),
    "to_floor": _move(0.1, tilt=1.5),
    "off_floor": _move(0.1, tilt=1.15),
    "curl": _move(0.9, trunk=(1.6, 0.0, 0.0)),
    "uncurl": _move(0.9, trunk=(0.0, 0.0, 0.0)),
}
"""Sub-motions, which activities put together."""

Moves = Union[str, tuple[str, ...]]  # one move, or several at the same time


class Activity(NamedTuple):
    """An activity: a posture to begin in, and phases, each of which ends with a key event."""

    start: tuple[str, ...]  # moves that lead to the posture at the beginning
    phases: Mapping[str, tuple[Moves, ...]]  # moves by phase, one after another
    cyclic: bool = False  # the end is the beginning of another cycle
    hangs: bool = False  # the hands stay where they are, else the lowest joint is on the floor
    persons: int = 1

    def keys(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Key postures ``(S + 1, K)``, from the first; phases ``(S,)`` and seconds ``(S,)`` of the steps between."""
        posture = np.zeros(len(CHANNELS))
        for name in ("stand", *self.start):
            posture = _reach(posture, MOVES[name].target)
        postures, phases, seconds = [posture], [], []
        for phase, steps in enumerate(self.phases.values()):
            for step in steps:
                moves = [MOVES[name] for name in ((step,) if isinstance(step, str) else step)]
                for move in moves:
                    posture = _reach(posture, move.target)
                postures.append(posture)
                phases.append(phase)
                seconds.append(max(move.seconds for move in moves))
        return np.stack(postures), np.array(phases), np.array(seconds)


def _reach(posture: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(target), posture, target)


def pose(motion: Motion, postures: np.ndarray) -> None:
    """Bring a person, frame by frame, into postures ``(T, K)``."""
    values = dict(zip(CHANNELS, postures.T))
    for side, name in zip(motion.sides, ("lead", "other")):
        motion.arm(side, **{angle: values[f"{name}_arm_{angle}"] for angle in _LIMB["arm"]})
        motion.leg(side, **{angle: values[f"{name}_leg_{angle}"] for angle in _LIMB["leg"]})
    twist = motion.inward * values["trunk_twist"]  # positive brings the leading shoulder forward
    motion.trunk(values["trunk_bend"], twist, -motion.inward * values["trunk_lean"])
    motion.crouch(values["crouch"])
    motion.angles[:, body.SPINE_BASE, 0] += values["tilt"]
    motion.lift += values["lift"]
    motion.advance += values["advance"]


ACTIVITIES: dict[str, Activity] = {
    "baseball_pitch": Activity(
        ("hold_at_chest",),
        {
            "lift the knee": ("lift_knee",),
            "stretch the arm": (("step", "wind_up", "arm_back"),),
            "throw": ("arm_cocked", "arm_over"),
            "follow through": ("arm_across",),
        },
    ),
    "baseball_swing": Activity(
        ("hold_at_chest", "address"),
        {
            "swing back": (("wind_up", "club_back"),),
            "swing forward": (("step", "club_through"),),
            "follow through": ("club_over",),
        },
    ),
    "bench_press": Activity(
        ("stretch_arms", "supine"), {"lower": ("bend_arms",), "press": ("stretch_arms",)}, cyclic=True
    ),
    "bowling": Activity(
        ("hold_at_chest",),
        {
            "swing back": ("step", "arm_low_back"),
            "swing forward": (("dip", "arm_low_front"),),
            "follow through": ("arm_high_front",),
        },
    ),
    "clean_and_jerk": Activity(
        ("grip_low",),
        {
            "lift to the hip": ("lift_to_hip",),
            "squat under": (("crouch", "arms_rack"),),
            "stand up": ("stand_up",),
            "dip": ("dip",),
            "thrust": (("stand_up", "step", "arms_up"),),
            "balance": ("stand_up",),
        },
    ),
    "golf_swing": Activity(
        ("address",),
        {
            "swing back": (("wind_up", "club_back"),),
            "swing forward": ("club_through",),
            "follow through": ("club_over",),
        },
    ),
    "jumping_jacks": Activity(
        (),
        {
            "hands to the shoulders": (("hop", "arms_level"),),
            "hands over the head": (("land_apart", "arms_up"),),
            "hands back to the shoulders": (("hop", "arms_level"),),
            "hands down": ("stand",),
        },
        cyclic=True,
    ),
    "pullups": Activity(("hang",), {"pull up": ("pull",), "let down": ("hang",)}, cyclic=True, hangs=True),
    "pushups": Activity(
        ("prone",), {"lower": (("bend_arms", "to_floor"),), "push": (("stretch_arms", "off_floor"),)}, cyclic=True
    ),
    "situp": Activity(("hold_at_chest", "supine"), {"curl up": ("curl",), "lie down": ("uncurl",)}, cyclic=True),
    "squats": Activity(
        ("arms_forward",),
        {
            "knees, down": ("half_crouch",),
            "floor": ("crouch",),
            "knees, up": ("half_crouch",),
            "stand up": ("stand_up",),
        },
        cyclic=True,
    ),
    "tennis_forehand": Activity(
        (),
        {
            "swing back": (("wind_up", "arm_back"),),
            "swing forward": (("step", "arm_side_front"),),
            "follow through": ("arm_across",),
        },
    ),
    "tennis_serve": Activity(
        ("hold_at_chest",),
        {
            "toss": ("toss",),
            "swing back": (("dip", "arm_cocked"),),
            "hit": (("stand_up", "arm_over", "hop"),),
            "follow through": (("step", "arm_across"),),
        },
    ),
}
"""Every activity, in the order of the default class indices."""
