"""Check configs without building anything.

    mmsync check CONFIG [CONFIG ...] [--cfg-options key=value ...] [--no-files]

Prints ``ok`` and what the config is made of, or all its problems. Exits with 1 if any config has a problem.
``mmsync check_data CONFIG`` opens every clip as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from mmsync.apis.cli import KeyValue
from mmsync.errors import ConfigError, count_problems


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, help="override settings, as key=value")
    parser.add_argument("--no-files", action="store_true", help="do not look whether data and checkpoints are there")
    return parser.parse_args()


def types(value: Any, key: str, at: str = "") -> Iterable[str]:
    """The ``type`` of every dict under a key of this name."""
    if isinstance(value, dict):
        if at == key and "type" in value:
            yield str(value["type"])
        for name, item in value.items():
            yield from types(item, key, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from types(item, key, at)


def summary(cfg: Any) -> str:
    """Summarize a config in one line."""
    values = cfg.to_dict()
    parts = [
        f"{key} {', '.join(dict.fromkeys(types(values, key)))}" for key in ("model", "backbone", "source", "optimizer")
    ]
    train = values.get("train_cfg") or {}
    length = [f"{train[key]} {key[4:]}" for key in ("max_epochs", "max_iters") if key in train]
    return "; ".join([part for part in parts if not part.endswith(" ")] + length)


def main() -> int:
    """Check every config; returns the exit code."""
    args = parse_args()
    from mmsync.config import check, load  # imports torch, which --help does without

    failed = 0
    for path in args.configs:
        try:
            cfg = load(path, args.cfg_options)
            check(cfg, files=not args.no_files)
            print(f"{path}: ok ({summary(cfg)})")
        except ConfigError as error:
            failed += 1
            print("\n  ".join([f"{path}: {count_problems(error.problems)}", *error.problems]))
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
