"""Print the resolved config, and behind each value the file that it comes from.

    python tools/misc/print_config.py CONFIG [--cfg-options KEY=VALUE ...] [--save-path FILE.py]

The file is the last one of the chain that changes the value; a value that a base computes from a variable of a child
comes from the base. Other values come from ``--cfg-options``, from ``defaults`` (mmsync/config/defaults.py), or are
``derived`` from other values, such as the layout of the data. The output is a config itself.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmsync.apis.cli import KeyValue, output_file, run_tool

NOTHING = object()


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="override settings")
    parser.add_argument("--save-path", metavar="FILE.py", help="write the config there, too")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def at(value: Any, keys: tuple[Any, ...]) -> Any:
    """The value at a place of nested dicts and lists, or ``NOTHING``."""
    for key in keys:
        inside = (
            key in value if isinstance(value, dict) else isinstance(value, (list, tuple)) and key in range(len(value))
        )
        if not inside:
            return NOTHING
        value = value[key]
    return value


class Origins:
    """Where the values of a config come from."""

    def __init__(self, path: str, options: dict[str, Any]) -> None:
        from mmsync.config import load
        from mmsync.config.defaults import fill_defaults
        from mmsync.config.load import Notes

        given = load(path, options, complete=False)
        self.final = load(path, options).to_dict()
        self.options = [tuple(int(part) if part.isdigit() else part for part in key.split(".")) for key in options]
        notes = Notes.of(given)
        name = os.path.relpath(path)
        self.layers = [(os.path.relpath(file), values) for file, values in notes.files] if notes else []
        self.layers.append((name, given.to_dict()))  # what is left: of MMEngine's own kind of config
        self.layers.append(("defaults", given.to_dict()))
        fill_defaults(self.layers[-1][1])
        self.layers.append(("derived", self.final))

    def of(self, keys: tuple[Any, ...]) -> str:
        """The last layer that changed the value at a place."""
        if any(keys[: len(option)] == option for option in self.options):
            return "--cfg-options"
        origin, before = "", NOTHING
        for name, values in self.layers:
            now = at(values, keys)
            if now is not NOTHING and (before is NOTHING or now != before):
                origin, before = name, now
        return origin


def lines(value: Any, keys: tuple[Any, ...], head: str, origins: Origins) -> Iterator[tuple[str, str]]:
    """Lines of a value as source, each with its origin; dicts, and lists of dicts, take a line for each part."""
    indent = "    " * (len(keys) - 1)
    is_list = isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value)
    end = "" if len(keys) == 1 else ","
    if not value or not (is_list or isinstance(value, dict)):
        yield f"{indent}{head}{value!r}{end}", origins.of(keys)
        return
    words = not is_list and all(str(key).isidentifier() for key in value)
    opening, closing = ("[", "]") if is_list else ("dict(", ")") if words else ("{", "}")
    yield f"{indent}{head}{opening}", ""
    for key, one in enumerate(value) if is_list else value.items():
        name = "" if is_list else f"{key}=" if words else f"{key!r}: "
        yield from lines(one, (*keys, key), name, origins)
    yield f"{indent}{closing}{end}", ""


def main(args: argparse.Namespace) -> None:
    """Print the config."""
    if args.save_path:
        output_file(args.save_path)
    origins = Origins(args.config, args.cfg_options or {})
    text = ""
    for key, value in origins.final.items():
        rows = list(lines(value, (key,), f"{key} = ", origins))
        width = min(max(len(line) for line, origin in rows), 80)
        text += "".join(f"{line:<{width}}  # {origin}\n" if origin else f"{line}\n" for line, origin in rows)
    print(text, end="")
    if args.save_path:
        Path(args.save_path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
