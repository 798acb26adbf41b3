"""The check of hooks."""

from __future__ import annotations

import inspect

from mmengine.hooks import Hook

from mmsync.errors import did_you_mean, nearest
from mmsync.registry import HOOKS
from mmsync.testing.parts import Component, maker, name_of, require


def check_hook(component: Component) -> None:
    """Check a hook: methods named ``before_...`` and ``after_...`` are ones that the runner calls, as it calls them.

    Args:
        component: The hook, its config, or a function that makes it.

    Raises:
        ContractError: A method has a name that the runner does not know, or takes other arguments.
    """
    hook = maker(component, HOOKS)()
    name = name_of(hook)
    require(isinstance(hook, Hook), name, "is no mmengine.hooks.Hook")
    known = [key for key in dir(Hook) if key.startswith(("before_", "after_"))]
    for key in dir(hook):
        if not key.startswith(("before_", "after_")):
            continue
        text = f"the runner calls no method {key!r}{did_you_mean(nearest(key, known))}"
        require(key in known, name, text)
        wanted = list(inspect.signature(getattr(Hook, key)).parameters)[1:]
        parameters = inspect.signature(getattr(hook, key)).parameters.values()
        kinds = {p.kind for p in parameters}
        found = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        missing = [] if inspect.Parameter.VAR_KEYWORD in kinds else [p for p in wanted if p not in found]
        extra = [
            p.name
            for p in parameters
            if p.name not in wanted and p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        text = f"{key} takes ({', '.join(found)}); the runner calls it with ({', '.join(wanted)})"
        require(not missing and not extra, name, text)
