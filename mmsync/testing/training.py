"""The check of hooks."""

from __future__ import annotations

from mmengine.hooks import Hook

from mmsync.engine.hooks.calls import hook_problem
from mmsync.registry import HOOKS
from mmsync.testing.parts import Component, maker, name_of, require


def check_hook(component: Component) -> None:
    """Check a hook: methods named ``before_...`` and ``after_...`` are ones that the runner calls, as it calls them.

    Args:
        component: The hook, its config, or a function that makes it.

    Raises:
        ContractError: A method has nearly a name that the runner calls, or takes other arguments.
    """
    hook = maker(component, HOOKS)()
    name = name_of(hook)
    require(isinstance(hook, Hook), name, "is no mmengine.hooks.Hook")
    problem = hook_problem(hook)
    require(problem is None, name, problem or "")
