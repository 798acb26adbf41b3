"""A config as Python source, in its own order."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

RESOLVED = "# The resolved config of a run: bases, defaults and options of the command line are in it."
_WIDTH = 120


def config_text(cfg: Mapping[str, Any]) -> str:
    """Write a resolved config as source that loads to it, also to the order of its keys.

    MMEngine's ``pretty_text`` sorts keys, but the order of views is the order of their draws: a run from the sorted
    text has other losses.
    """
    values = cfg.to_dict() if isinstance(cfg, Config) else cfg
    return "".join(f"{key} = {_source(value, len(key) + 3, 0)}\n" for key, value in values.items())


def _source(value: Any, column: int, indent: int) -> str:
    """Source of a value that begins at a column, on one line if it fits."""
    line = _line(value)
    if column + len(line) < _WIDTH or not isinstance(value, (Mapping, list, tuple)) or not value:
        return line
    inner = indent + 4
    if isinstance(value, Mapping):
        named = _named(value)
        heads = [f"{key}=" if named else f"{key!r}: " for key in value]
        start, end = ("dict(", ")") if named else ("{", "}")
        items = list(value.values())
    else:
        heads, items = [""] * len(value), list(value)
        start, end = ("[", "]") if isinstance(value, list) else ("(", ")")
    rows = [f"{' ' * inner}{head}{_source(x, inner + len(head), inner)},\n" for head, x in zip(heads, items)]
    return f"{start}\n{''.join(rows)}{' ' * indent}{end}"


def _line(value: Any) -> str:
    if isinstance(value, Mapping):
        if _named(value):
            return f"dict({', '.join(f'{key}={_line(item)}' for key, item in value.items())})"
        return f"{{{', '.join(f'{key!r}: {_line(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_line, value))
        return f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"
    if isinstance(value, float) and not math.isfinite(value):
        return "(1e999 - 1e999)" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
    return repr(value)


def _named(value: Mapping) -> bool:
    """Whether all keys can be keyword arguments of ``dict``."""
    return all(isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key) for key in value)
