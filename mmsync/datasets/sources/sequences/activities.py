"""Names of activities, which projects spell in different ways, and of their phases."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmsync.errors import ConfigError, did_you_mean, nearest

ALIASES = {
    "bowl": "bowling",
    "jumping_jack": "jumping_jacks",
    "pour_milk": "pouring_milk",
    "pullup": "pullups",
    "pushup": "pushups",
    "situps": "situp",
    "squat": "squats",
}  # other spelling -> ours, which is that of TCC and CASA

_EVENTS = {
    "baseball_pitch": ["knee is highest", "arm is stretched", "ball is released"],
    "baseball_swing": ["bat is back", "bat meets ball"],
    "bench_press": ["bar is down"],
    "bowling": ["ball is back", "ball is released"],
    "clean_and_jerk": ["bar is at hip", "squat is deepest", "stands up", "thrust begins", "balance begins"],
    "golf_swing": ["club is back", "club meets ball"],
    "jumping_jacks": ["hands pass shoulders up", "hands are above head", "hands pass shoulders down"],
    "pullups": ["chin is above bar"],
    "pushups": ["head is at floor"],
    "situp": ["trunk is up"],
    "squats": ["hips pass knees down", "hips are lowest", "hips pass knees up"],
    "tennis_forehand": ["racket is back", "racket meets ball"],
    "tennis_serve": ["ball leaves hand", "racket is back", "racket meets ball"],
}  # of Penn Action, as TCC labels them; a phase lies before, between or after events

PENN_PHASES = {
    activity: [*(f"until {event}" for event in events), f"after {events[-1]}"] for activity, events in _EVENTS.items()
}


def activity_name(name: str) -> str:
    """Our spelling of an activity: lower case, joined by ``_``, and without the differences between projects."""
    plain = re.sub(r"[\s\-_]+", "_", name.strip().lower())
    return ALIASES.get(plain, plain)


def find_activities(wanted: Sequence[str], known: Sequence[str], who: str) -> list[str]:
    """The names among ``known`` that are meant, in the order of ``wanted``.

    Raises:
        ConfigError: ``wanted`` is no list of names, or has one that is not known; ``who`` begins the message.
    """
    if isinstance(wanted, str) or not wanted:
        raise ConfigError(f"{who}: activities={wanted!r}: give a list of names, or None for all")
    ours = {activity_name(name): name for name in known}
    found = [ours.get(activity_name(name)) for name in wanted]
    for name, at in zip(wanted, found):
        if at is None:
            hint = did_you_mean(nearest(activity_name(name), list(ours))) or ";"
            raise ConfigError(f"{who}: no activity {name!r}{hint} there are {', '.join(known)}")
    return [at for at in dict.fromkeys(found) if at is not None]
