"""The arguments of a component: which it takes, which it needs, and which values it allows."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import torch
from torch import nn

from mmsync.config.ranges import RANGES, Range

_ENDS = (object, nn.Module, torch.optim.Optimizer)  # their ``**kwargs`` take nothing from a config
_LISTS = (list, tuple, Sequence)
_DICTS = (dict, Mapping, MutableMapping)
_UPSTREAM = ("mmengine.", "mmcv.", "torch.")
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


@cache
def annotations_of(target: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations of all arguments, of mmsync's and upstream's with the range that goes with the name.

    Upstream's annotations say more than is true, so its defaults are right whatever is annotated.
    """
    module = getattr(target, "__module__", "") + "."
    found = dict(accepted(target).annotations)
    for name, annotation in found.items() if module.startswith(_UPSTREAM) else ():
        default = default_of(target, name)
        if annotation is None and isinstance(default, (bool, int, float, str)):
            found[name] = type(default)
        elif annotation is not None and mismatch(default, annotation) is not None:
            found[name] = Union[annotation, type(default)]
    if module.startswith((*_UPSTREAM, "mmsync.")):
        found = {name: with_range(name, annotation) for name, annotation in found.items()}
    for name, annotation in accepted(target).annotations.items():
        if annotation is None and int in (found[name], *get_args(found[name])[:1]):  # std=1, but std=0.02 is right
            number = Union[int, float]
            found[name] = Annotated[number, get_args(found[name])[1]] if get_args(found[name]) else number
    return found


def with_range(name: str, annotation: Any) -> Any:
    """An annotation of numbers, or lists of numbers, with the range of arguments of this name."""
    kinds = set(_kinds(annotation))
    if not kinds or not kinds <= {"int", "float"}:
        return annotation
    whole = "float" not in kinds
    fitting = (one for pattern, of_whole, one in RANGES if of_whole in (None, whole) and re.fullmatch(pattern, name))
    found = next(fitting, None)
    return annotation if found is None else Annotated[annotation, found]


def _kinds(annotation: Any) -> Iterator[str]:
    """Names of the types in an annotation, in lists and as values of dicts."""
    for member in members(annotation):
        inner = get_args(member)
        if _plain_origin(member) in (list, dict) and inner:
            for part in inner[1:] if _plain_origin(member) is dict else inner:
                yield from _kinds(part)
        elif member not in (type(None), ..., torch.Tensor):
            yield getattr(member, "__name__", "")


def _resolve(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return None if annotation is inspect.Parameter.empty else annotation
    module = sys.modules.get(getattr(function, "__module__", ""), None)
    try:
        return eval(annotation, dict(vars(module)) if module else {})
    except Exception:  # a name for type checkers only, or a newer syntax than this Python's
        return None


@dataclass(frozen=True)
class Mismatch:
    """A value, or an item of it, that an annotation does not allow."""

    value: Any
    expected: str  # "int or a list", "in [0, 1]"
    options: tuple[str, ...] = ()  # the valid strings


def mismatch(value: Any, annotation: Any) -> Mismatch | None:
    """The first part of a plain value that contradicts an annotation; what is not known for sure is allowed."""
    if isinstance(value, _PLAIN) and get_origin(annotation) is Annotated:
        annotation, *notes = get_args(annotation)
        ranges = [note for note in notes if isinstance(note, Range)]
        wrong = (Mismatch(x, str(one)) for one in ranges for x in _numbers(value) if x not in one)
        return mismatch(value, annotation) or next(wrong, None)
    if annotation is None or not isinstance(value, _PLAIN):
        return None
    if isinstance(value, dict) and any(_is_part(_plain_origin(member)) for member in members(annotation)):
        return None
    inner = []
    for member in members(annotation):
        fits = _fits(value, member)
        if fits is True:
            return None
        if isinstance(fits, Mismatch):
            inner.append(fits)
    if inner:
        return inner[0]
    literals = [option for member in members(annotation) if _is_literal(member) for option in get_args(member)]
    words = [_WORDS.get(_plain_origin(m), "") for m in members(annotation) if not _is_literal(m)]
    expected = [repr(option) for option in literals] + [word for word in dict.fromkeys(words) if word]
    return Mismatch(value, " or ".join(expected), tuple(option for option in literals if isinstance(option, str)))


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; an annotation that is none is its only member."""
    return get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)


_PLAIN = (bool, int, float, str, list, tuple, dict, type(None))
_WORDS = {int: "int", float: "float", str: "str", Path: "str", bool: "bool", list: "a list", dict: "a dict"}


def _plain_origin(annotation: Any) -> Any:
    """The plain type that a config writes for an annotation; the annotation itself if there is none."""
    origin = get_origin(annotation) or annotation
    return list if origin in _LISTS else dict if origin in _DICTS else origin


def _fits(value: Any, annotation: Any) -> bool | Mismatch:
    """Whether a plain value fits an annotation that is no union; a mismatch if only an item of it does not."""
    if _is_literal(annotation):
        return any(value == option and type(value) is type(option) for option in get_args(annotation))
    kind, arguments = _plain_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return mismatch(value, annotation) or True
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (str, Path):
        return isinstance(value, str)
    if kind in (bool, type(None)):
        return isinstance(value, kind)
    if kind is torch.Tensor or _is_part(kind):
        return False
    if kind is dict:
        return isinstance(value, dict) and _fit_items(value, arguments)
    if kind is list:
        return isinstance(value, (list, tuple)) and _fit_items(value, arguments)
    return True


def _is_part(kind: Any) -> bool:
    """Whether an annotation is a class of modules or of mmsync, of which no plain value but a dict makes an object."""
    if isinstance(kind, ForwardRef):
        return kind.__forward_arg__ == "nn.Module"
    return inspect.isclass(kind) and (issubclass(kind, nn.Module) or kind.__module__.startswith("mmsync."))


def _fit_items(value: Any, arguments: tuple[Any, ...]) -> bool | Mismatch:
    if isinstance(value, dict):
        pairs = [(item, arguments[1]) for item in value.values()] if arguments and "type" not in value else []
    elif len(arguments) == 1 or arguments[1:] == (...,):
        pairs = [(item, arguments[0]) for item in value]
    elif arguments and len(arguments) != len(value):  # tuple[int, int]
        return Mismatch(value, f"a list of {len(arguments)}")
    else:
        pairs = list(zip(value, arguments))
    wrong = (mismatch(item, annotation) for item, annotation in pairs)
    return next((one for one in wrong if one is not None), True)


def _numbers(value: Any) -> Iterator[float]:
    """All numbers of a value, its lists and its dicts."""
    if isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def is_annotation(rule: Any) -> bool:
    """Whether an object is a plain type, or a type with arguments: ``int``, ``Sequence[int]``."""
    return get_origin(rule) is not None or rule in (bool, int, float, str)


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal
