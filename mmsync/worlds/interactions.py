"""The interactions of TV Human Interaction as gestures that happen once: reach out, touch, withdraw."""

from __future__ import annotations

import numpy as np

from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import Action, Motion, ease


def _shake_hands(m: Motion) -> None:
    hold = _there_and_back(m, 0.3)
    _reach(m, m.lead, hold, forward=0.7, out=0.1, bend=0.8)
    m.arm(m.lead, forward=0.22 * hold * np.sin(2 * np.pi * 4 * m.phase))


def _high_five(m: Motion) -> None:
    _reach(m, m.lead, _there_and_back(m, 0.45), forward=2.3, out=0.2, bend=0.5)


def _hug(m: Motion) -> None:
    hold = _there_and_back(m, 0.4)
    m.advance += 0.3 * hold
    for side in m.sides:
        _reach(m, side, hold, forward=1.4, out=0.25, bend=0.9)


def _kiss(m: Motion) -> None:
    hold = _there_and_back(m, 0.35)
    m.advance += 0.1 * hold
    m.trunk(bend=0.5 * hold)
    m.angles[:, body.NECK, 0] += 0.4 * hold


INTERACTIONS = {
    "handShake": Action(_shake_hands, 0.0, _shake_hands, distance=0.8),
    "highFive": Action(_high_five, 0.0, _high_five, distance=0.9),
    "hug": Action(_hug, 0.0, _hug, distance=0.65),
    "kiss": Action(_kiss, 0.0, _kiss, distance=0.55),
}
"""By class of TV Human Interaction; ``distance`` is the mean distance of the two people."""


def _there_and_back(m: Motion, part: float) -> np.ndarray:
    """0, up to 1 in the first ``part`` of the progress, and down again in the last."""
    return ease(m.phase, 0, part) - ease(m.phase, 1 - part, 1)


def _reach(m: Motion, side: int, share: np.ndarray, forward: float, out: float, bend: float) -> None:
    """Bring an arm from its resting posture to a given one, ``share (T,)`` of the way."""
    mirror, keep = 1 - 2 * side, (1 - share)[:, None]
    shoulder, elbow = body.LEFT_SHOULDER + 4 * side, body.LEFT_ELBOW + 4 * side
    m.angles[:, shoulder] = keep * m.angles[:, shoulder] + share[:, None] * (-forward, 0.0, mirror * out)
    m.angles[:, elbow, 0] = keep[:, 0] * m.angles[:, elbow, 0] - share * bend
