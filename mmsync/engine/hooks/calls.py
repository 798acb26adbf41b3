"""Whether the runner calls the methods of a hook."""

from __future__ import annotations

import inspect
from typing import Any, Optional

from mmengine.hooks import Hook

from mmsync.errors import did_you_mean, nearest

_CALLS = ("before_", "after_")


def hook_problem(hook: Any) -> Optional[str]:
    """Why the runner never calls a method of a hook, or cannot: a slip in its name, other arguments; else ``None``."""
    known = [name for name in dir(Hook) if name.startswith(_CALLS)]
    for name in dir(hook):
        if not name.startswith(_CALLS):
            continue
        if name not in known:
            if near := nearest(name, known):
                return f"the runner calls no method {name!r}{did_you_mean(near)}"
            continue  # a method of its own
        wanted = list(inspect.signature(getattr(Hook, name)).parameters.values())[1:]
        method = inspect.signature(getattr(hook, name))
        try:
            method.bind(*(p.name for p in wanted))
            method.bind(wanted[0].name, **{p.name: p.name for p in wanted[1:]})
        except TypeError:
            called = ", ".join(p.name for p in wanted)
            return f"{name}{method} cannot be called with ({called}), as the runner does"
    return None
