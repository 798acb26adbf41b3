"""Makes every kind of single-letter slip in the keys and types of a config, and counts how many the check tells."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmsync.config import check
from mmsync.errors import ConfigError

KINDS = ("substitute", "delete", "insert", "transpose")


def slip(word: str, kind: str, seed: str) -> str:
    """``word`` with one slip of a letter; the same for the same seed. Scopes before a dot stay."""
    rng = random.Random(f"{seed}/{kind}")
    prefix, _, word = word.rpartition(".")
    at = rng.randrange(len(word))
    letter = rng.choice(string.ascii_lowercase)
    if kind == "substitute":
        word = word[:at] + letter + word[at + 1 :]
    elif kind == "delete":
        word = word[:at] + word[at + 1 :]
    elif kind == "insert":
        word = word[:at] + letter + word[at:]
    else:
        at = rng.randrange(max(1, len(word) - 1))
        word = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return f"{prefix}.{word}" if prefix else word


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Path, dict and key of everything that has a name in a config."""
    if isinstance(value, dict):
        for key in list(value):
            yield (*path, key), value, key
            yield from places(value[key], (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from places(item, (*path, str(i)))


def rename(cfg: dict, old: str, new: str) -> None:
    """Rename a key in place, at its position."""
    items = {(new if key == old else key): value for key, value in cfg.items()}
    cfg.clear()
    cfg.update(items)


def told(cfg: Config, path: str, meant: str) -> bool:
    """Whether the check reports a problem at this path that suggests what was meant."""
    try:
        check(cfg)
    except ConfigError as error:
        lines = [p for p in error.problems if p.startswith(f"{path}:")]
        return any(repr(meant) in re.split("did you mean ", line, maxsplit=1)[-1].split("?")[0] for line in lines)
    return False


def count(cfg: Config, seen: set | None = None) -> tuple[int, list[str]]:
    """Number of slips made in a correct config, and those that were not told.

    Args:
        cfg: The config.
        seen: Names tried before, of the same path and type; they are left out and the others added.
    """
    made, missed = 0, []
    names = list(places(cfg._cfg_dict))
    for path, owner, key in names:
        name = (path, owner.get("type"), owner[key] if key == "type" else None)
        if seen is not None and name in seen:
            continue
        if seen is not None:
            seen.add(name)
        for kind in KINDS:
            seed = ".".join(path)
            wrong = slip(key, kind, seed)
            if wrong and wrong not in owner:  # an empty key, or one that exists, cannot be written
                made += 1
                rename(owner, key, wrong)
                if not told(cfg, ".".join((*path[:-1], wrong)), key):
                    missed.append(f"{seed} -> {wrong}")
                rename(owner, wrong, key)
            value = owner[key]
            if key == "type" and isinstance(value, str):
                wrong = slip(value, kind, f"{seed}=")
                if wrong and wrong != value:
                    made += 1
                    owner[key] = wrong
                    if not told(cfg, seed, value):
                        missed.append(f"{seed}={value} -> {wrong}")
                    owner[key] = value
    return made, missed
