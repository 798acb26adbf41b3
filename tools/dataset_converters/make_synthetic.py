"""Write the synthetic world as files in a format that other code bases use.

Examples:
    mmsync make_synthetic nwucla data/synthetic_ucla --num-clips 500 200
    mmsync make_synthetic av data/synthetic_av --set cue=zoom arrow=False
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from pathlib import Path
from typing import Any, Callable

from mmsync.errors import ConfigError, MMSyncError, did_you_mean, nearest

FORMATS = [  # of mmsync.worlds, which imports torch
    "pyskl", "pyskl2d", "aimclr", "ctrgcn", "nwucla", "sbu", "penn", "store", "ntu", "ntu120", "pku", "pku2", "tvhid",
    "av",
]  # fmt: skip


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("out", type=Path, help="folder to write to; made if it is missing")
    parser.add_argument(
        "--num-clips",
        type=int,
        nargs=2,
        metavar=("TRAIN", "TEST"),
        help="clips (default: 1500 500, tvhid 150 150); raw NTU has three files of each, one a camera",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", help="skeleton layout (default: the one that the format has)")
    parser.add_argument("--noise", type=float, default=1.0, help="scale of the sensor's faults, 0 for none")
    parser.add_argument("--actions", nargs="+", metavar="ACTION", help="default: all that the format can hold")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="arguments of the format's writer")
    return parser.parse_args()


# The next command, for raw files: it makes a store of them.
CONVERTERS = {
    "ntu": "ntu {} data/ntu60",
    "ntu120": "ntu {} data/ntu120 --dataset ntu120",
    "pku": "pku {} data/pku1 --phase 1",
    "pku2": "pku {} data/pku2 --phase 2",
    "tvhid": "tvhid {} data/tvhid",
}


def main() -> int:
    """Make the clips and write them; returns the exit code."""
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmsync.engine.console import tame_console

    tame_console(MMLogger.get_current_instance())
    try:
        write(args)
    except FileExistsError:
        print(f"{args.out} is a file, wanted a folder to write to")
        return 1
    except (MMSyncError, OSError) as error:
        print(error)
        return 1
    if args.format in CONVERTERS:
        print(f"next: mmsync {CONVERTERS[args.format].format(args.out)}")
    return 0


def write(args: argparse.Namespace) -> None:
    """Make the clips of the arguments and write them."""
    from mmsync import worlds
    from mmsync.datasets.sources import SyntheticSource

    target = worlds.FORMATS[args.format]
    options = options_of(target.write, args.set)
    fitting = [name for name, action in worlds.ACTIONS.items() if target.persons in (None, action.persons)]
    actions = args.actions or fitting[: target.classes]
    source = SyntheticSource(
        args.num_clips or target.num_clips,
        args.seed,
        args.layout or target.layout,
        actions=actions,
        noise=args.noise,
        cache=False,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    for path in target.write(source, args.out, **options):
        print(f"written: {path}")


def options_of(writer: Callable, settings: list[str]) -> dict[str, Any]:
    """Arguments of a writer from ``KEY=VALUE``; a ConfigError for an unknown key, or a value of another type."""
    known = {name: p for name, p in inspect.signature(writer).parameters.items() if p.default is not p.empty}
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in known:
            choice = f"choose from {', '.join(known)}" if known else "this format has no arguments"
            hint = did_you_mean(nearest(key, known)) or ";"
            raise ConfigError(f"--set {setting}: give KEY=VALUE{hint} {choice}")
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            value = text
        default = known[key].default
        kinds = (int, float) if type(default) is float else (list, tuple) if type(default) is tuple else type(default)
        if not isinstance(value, kinds) or (isinstance(value, bool) and type(default) is not bool):
            raise ConfigError(f"--set {setting}: give a value like that of the default, {key}={default!r}")
        options[key] = value
    return options


if __name__ == "__main__":
    sys.exit(main())
