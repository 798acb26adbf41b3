"""Views that follow from what differs between the clips of a data set."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional

import numpy as np

from mmsync.datasets.invariances import Facts

SOME, MANY = 0.1, 0.3  # shares of motions whose image is found: fewer are chance, more are the rule
ONE_WAY = 20  # degrees within which nine of ten headings lie if people face one way
LEAST_CROP = 0.5  # of a clip: shortest crops are not longer than that; measured ranges alone taught less
LEAST_NOISE = 0.01  # trunk lengths, likewise
STILL = 0.1  # trunk lengths of way of the hips that are none


class Advice(NamedTuple):
    """A transform for the views and why; or, without one, what to leave out or to prepare."""

    config: Optional[dict[str, Any]]
    reason: str


def recommend(facts: Facts, tempo: Optional[float] = None) -> list[Advice]:
    """Recommend views for clips that are as ``facts`` say.

    Two views should differ as two clips of one motion do, in heading, side, tempo and size: what never differs may tell
    motions apart. Views that differ by no more than that are too easy to tell apart from other clips, so shear, noise
    and masks, which no one takes for another motion, come on top (docs/choosing.md has the measurements).

    Args:
        facts: Measured on the clips as the views get them.
        tempo: Of the clips before they were resampled to one length; ``None``: that of ``facts``.
    """
    advice = [_crop(facts.tempo if tempo is None else tempo)]
    if facts.up is not None:
        advice += [_rotation(facts), mirror_advice(facts), _reversal(facts)]
    if facts.size_spread is not None:
        advice.append(_scale(facts))
    config: dict[str, Any] = dict(type="Shear", amplitude=0.1)
    advice.append(Advice(config, "not from the data: makes views differ enough to learn from"))
    if facts.trunk is not None and facts.noise is not None:
        std = max(facts.noise, LEAST_NOISE * facts.trunk)
        text = f"joints jitter by {facts.noise:.2g}; at least a hundredth of a trunk, for the same reason"
        advice.append(Advice(dict(type="GaussianNoise", std=float(f"{std:.1g}")), text))
    ratio = min(max(round(2 * facts.missing, 2), 0.1), 0.5)
    text = f"{_percent(facts.missing)} of the joints are missing; at least a tenth, for the same reason"
    advice.append(Advice(dict(type="JointMask", ratio=ratio, prob=0.3 if ratio == 0.1 else 1.0), text))
    if facts.translation is not None and facts.translation > STILL:
        text = f"one clip in ten moves by {facts.translation:.1f} trunk lengths or more, and 'each' would lose that"
        advice.append(Advice(None, f"CenterOnJoint(frame='first') in the pipeline: {text}"))
    return advice


def _percent(share: Optional[float]) -> str:
    return f"{100 * (share or 0):.0f} %"


def _crop(tempo: Optional[float]) -> Advice:
    if tempo is None or tempo < 1.02:
        text = "all clips have one length, which says nothing about tempo"
        return Advice(dict(type="RandomCropResize", scale=(LEAST_CROP, 1.0)), text)
    low = round(float(np.clip(1 / tempo, 0.4, LEAST_CROP)), 2)
    text = f"nine of ten clips differ in length from the most similar one by a factor of at most {tempo:.2f}"
    return Advice(dict(type="RandomCropResize", scale=(low, 1.0)), f"{text}; half a clip or less")


def _rotation(facts: Facts) -> Advice:
    tilt = float(math.ceil(min(facts.tilt or 0.0, 30.0)))
    if facts.heading_range is None:
        text = f"trunks tilt by {tilt:.0f} degrees in the picture; headings cannot be seen in 2D"
        return Advice(dict(type="RandomRotation", max_degrees=(0.0, 0.0, tilt)), text)
    within = f"nine of ten headings lie within {facts.heading_range:.0f} degrees of the mean"
    if facts.heading_range > 2 * ONE_WAY >= (facts.line_range or 0.0):
        within += f" (within {facts.line_range:.0f} of two opposite ones)"
    vertical = (facts.up or "+y")[1]
    turn = 180.0 if facts.heading_range > 120 else 5.0 * math.ceil(facts.heading_range / 5)
    config = dict(type="RandomRotation", max_degrees=tuple(turn if axis == vertical else tilt for axis in "xyz"))
    if facts.heading_range <= ONE_WAY:
        why = "people face one way, so directions in the room may tell motions apart"
    else:
        why = f"or take most of that out by AlignView(line=('left_hip', 'right_hip'), vertical={vertical!r}) before"
    return Advice(config, f"{within}: {why}; trunks tilt by {tilt:.0f}")


def mirror_advice(facts: Facts) -> Advice:
    """Whether to mirror, of 3D clips along the axis across the body."""
    if facts.lopsided is None:
        return Advice(None, "no Mirror: the layout names no left and right joints")
    if facts.mirrored is None:
        return Advice(None, f"no Mirror: only {_percent(facts.lopsided)} of the motions have a side, it changes little")
    text = f"of the {_percent(facts.lopsided)} of motions that have a side, {_percent(facts.mirrored)} occur mirrored"
    if facts.mirrored < SOME:
        return Advice(None, f"no Mirror: {text}; mirrored clips would be motions that no one makes")
    config = dict(type="Mirror", axis="xyz".index(facts.across or "x"), prob=0.5 if facts.mirrored >= MANY else 0.25)
    return Advice(config, f"{text}; leave it out if the side is what tells two classes apart")


def _reversal(facts: Facts) -> Advice:
    if facts.reversed is None:
        return Advice(None, "no TemporalFlip: it hardly changes these motions")
    text = (
        f"of the {_percent(facts.directed)} of motions that have a direction, {_percent(facts.reversed)} occur reversed"
    )
    if facts.reversed < SOME:
        return Advice(None, f"no TemporalFlip: {text}; reversed clips would be motions that no one makes")
    return Advice(None, f"no TemporalFlip: {text}, so direction tells motions apart; pool so that order is kept")


def _scale(facts: Facts) -> Advice:
    spread = min(2 * (facts.size_spread or 0.0), 0.5)
    text = f"sizes {'in the picture ' * (facts.coords == 2)}deviate by {_percent(facts.size_spread)}"
    if spread < 0.02:
        return Advice(None, f"no RandomScale: {text}")
    return Advice(dict(type="RandomScale", scale=(round(1 - spread, 2), round(1 + spread, 2))), f"{text}; twice that")
