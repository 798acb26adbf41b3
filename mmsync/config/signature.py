"""The arguments of a component: which it takes, which it needs, and which values it allows."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch import nn

_ENDS = (object, nn.Module, torch.optim.Optimizer)  # their ``**kwargs`` take nothing from a config
_LISTS = (list, tuple, Sequence)
_UNIONS = (Union, getattr(types, "UnionType", Union))


@dataclass(frozen=True)
class Accepted:
    """The keyword arguments of a class or function."""

    annotations: Mapping[str, Any]  # resolved; None where there is none or it cannot be resolved
    required: frozenset[str]
    open: bool  # whether other keywords are swallowed, so that only a near miss can be reported


@cache
def accepted(target: Callable[..., Any]) -> Accepted:
    """The arguments of a class or function; ``**kwargs`` are followed to the base classes."""
    if inspect.isclass(target):
        functions = [vars(c)["__init__"] for c in target.__mro__ if c not in _ENDS and "__init__" in vars(c)]
    else:
        functions = [target]
    annotations: dict[str, Any] = {}
    required: set[str] = set()
    takes_more = False
    passes_on = True  # whether all signatures so far end in (*args, **kwargs), so that nobody filled in an argument
    for function in functions:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # written in C
            takes_more = True
            break
        for parameter in parameters[1:] if inspect.isclass(target) else parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                if passes_on and parameter.name not in annotations and parameter.default is parameter.empty:
                    required.add(parameter.name)
                annotations.setdefault(parameter.name, _resolve(parameter.annotation, function))
        kinds = {p.kind for p in parameters}
        takes_more = inspect.Parameter.VAR_KEYWORD in kinds
        passes_on = passes_on and inspect.Parameter.VAR_POSITIONAL in kinds
        if not takes_more:
            break
    return Accepted(annotations, frozenset(required), takes_more)


@cache
def default_of(target: Callable[..., Any], name: str) -> Any:
    """The default of an argument, also of a base that ``**kwargs`` lead to; None if it has none or does not exist."""
    functions = (
        [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)] if inspect.isclass(target) else []
    )
    for function in functions or [target]:
        with suppress(TypeError, ValueError):  # written in C
            parameter = inspect.signature(function).parameters.get(name)
            if parameter is not None:
                return None if parameter.default is parameter.empty else parameter.default
    return None


def _resolve(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return None if annotation is inspect.Parameter.empty else annotation
    module = sys.modules.get(getattr(function, "__module__", ""), None)
    try:
        return eval(annotation, dict(vars(module)) if module else {})
    except Exception:  # a name for type checkers only, or a newer syntax than this Python's
        return None


def wrong_value(value: Any, annotation: Any) -> tuple[str, list[str]] | None:
    """The expected values and the valid strings, if a value contradicts an annotation of literals or plain types."""
    members = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    if any(not (_is_literal(m) or m in (int, float, str, bool, type(None))) for m in members):
        return None
    literals = [v for m in members if _is_literal(m) for v in get_args(m)]
    plain = tuple(m for m in members if not _is_literal(m))
    number = isinstance(value, int) and not isinstance(value, bool) and float in plain
    if value in literals or isinstance(value, plain) or number:
        return None
    expected = [repr(v) for v in literals] + [m.__name__ for m in plain if m is not type(None)]
    return " or ".join(expected), [v for v in literals if isinstance(v, str)]


def item_of(annotation: Any) -> Any:
    """The annotation of the items where a list is wanted, be it optional; None elsewhere."""
    members = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    lists = [m for m in members if m is not type(None)]
    return get_args(lists[0])[0] if len(lists) == 1 and get_origin(lists[0]) in _LISTS and get_args(lists[0]) else None


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal
