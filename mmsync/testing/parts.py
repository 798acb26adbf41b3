"""What the checks of all kinds share."""

from __future__ import annotations

import copy
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Union

import torch
from torch import Tensor, nn

from mmsync.errors import ContractError
from mmsync.registry import Registry

Component = Any
"""A config, an object, or a function (or class) without arguments that makes an object."""


def require(right: Any, name: str, text: str) -> None:
    """Raise a ContractError ``'name: text'`` unless ``right``."""
    if not right:
        raise ContractError(f"{name}: {text}")


def maker(component: Component, registry: Registry) -> Callable[[], Any]:
    """A function that makes the component anew at each call; a copy of an object."""
    if isinstance(component, Mapping):
        return lambda: registry.build(copy.deepcopy(dict(component)))
    if isinstance(component, type) or inspect.isroutine(component):
        return component
    return lambda: copy.deepcopy(component)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log, for instance of each weight that MMEngine initializes."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def name_of(built: Any) -> str:
    """Name of an object's class, for messages."""
    return type(built).__name__


def same(one: Any, other: Any) -> bool:
    """Whether two values, or tables, lists or dicts of them, are equal to the last bit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def require_learning(module: nn.Module, name: str) -> None:
    """Require that a backward pass has reached every parameter."""
    wanted = {k: p.grad for k, p in module.named_parameters() if p.requires_grad}
    idle = [k for k, grad in wanted.items() if grad is None or not grad.abs().sum() > 0]
    # A bias before a batch normalization has, exactly, no gradient; round-off decides whether it is zero.
    idle = [k for k in idle if not k.endswith("bias")]
    text = f"no gradient reaches {', '.join(idle[:5])}: every parameter has to learn, or requires_grad=False"
    require(not idle, name, text)


def require_round_trip(module: nn.Module, make: Callable[[], nn.Module], name: str) -> None:
    """Require that a second module, made alike, takes the state of the first one, and then has it."""
    other, state = make(), module.state_dict()
    try:
        other.load_state_dict(state)
    except RuntimeError as error:
        raise ContractError(f"{name}: one made alike does not load its state_dict: {error}") from error
    lost = [key for key, value in other.state_dict().items() if not torch.equal(value, state[key])]
    require(not lost, name, f"{', '.join(lost[:5])} differ after load_state_dict(state_dict())")


def check_docstring(item: Union[type, Callable[..., Any]], shapes: bool = True) -> None:
    """Check that the docstring of a class or function has a line for each argument and, with ``shapes``, a shape.

    Raises:
        ContractError: There is none, or something is missing in it.
    """
    doc, name = item.__doc__ or "", item.__name__
    require(doc.strip(), name, "there is no docstring")
    if shapes:
        found = re.search(r"``[^`]*\([^`)]*,[^`)]*\)", doc)
        require(found, name, "the docstring names no shape such as ``(N, D)``")
    code = getattr(getattr(item, "__init__", item), "__code__", None)
    arguments = code.co_varnames[1 : code.co_argcount] if code else ()
    missing = [a for a in arguments if not re.search(rf"^\s*{a}:", doc, re.MULTILINE)]
    require(not missing, name, f"the docstring has no line under Args for {', '.join(missing)}")
