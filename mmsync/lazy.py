"""Names of a package that come from its rooms, each imported when a name of it is first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mmsync.errors import did_you_mean, nearest


def attach(package: str, rooms: Sequence[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that also has its rooms and the names in ``__all__`` of each."""

    def room(name: str) -> Any:
        return importlib.import_module(f"{package}.{name}")

    def find(name: str) -> Any:
        if name in rooms:
            return room(name)
        if name == "__all__":  # of `from package import *`
            return [one for one in names() if not one.startswith("_") and one not in ("TYPE_CHECKING", "attach")]
        if not name.startswith("_"):  # Python and its tools ask for many of these
            for one in map(room, rooms):
                if name in one.__all__:
                    return getattr(one, name)
        hint = did_you_mean(nearest(name, names()))
        raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")

    def names() -> list[str]:
        return sorted(
            {*vars(sys.modules[package]), *rooms, *(name for one in map(room, rooms) for name in one.__all__)}
        )

    return find, names
