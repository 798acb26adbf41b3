"""List models and configs by name, or the registered components.

mmsync list                         # all models: the shipped configs, and those whose weights are shipped
mmsync list '*vit*'                 # those that fit a pattern
mmsync list --components            # kinds of components
mmsync list --components backbone   # components of a kind, with the first line of their documentation
"""

from __future__ import annotations

import argparse
import inspect
from fnmatch import fnmatch

from mmsync.apis.cli import run_tool
from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.fileio import CONFIGS, shipped_configs


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="*", help="of names or files: * any characters, ? one")
    parser.add_argument("--components", nargs="?", const="", metavar="KIND", help="list components instead")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def print_components(kind: str) -> None:
    """Print the kinds of components, or the components of one kind."""
    from mmsync.apis.models import component_kinds, components_of

    if kind:
        for name, component in sorted(components_of(kind).items()):
            print(f"{name:<30}{(inspect.getdoc(component) or '').partition(chr(10))[0]}")
        return
    for name, components in component_kinds().items():
        print(f"{name:<30}{len(components)}")


def main(args: argparse.Namespace) -> None:
    """Print the lists."""
    if args.components is not None:
        print_components(args.components)
        return
    from mmsync.apis import list_models

    files = {name: file.relative_to(CONFIGS).as_posix() for name, file in shipped_configs().items()}
    fits = {name for name, file in files.items() if fnmatch(file, args.pattern)}
    names = sorted({*list_models(args.pattern), *fits})
    if not names:
        hint = did_you_mean(nearest(args.pattern, list_models()))
        raise ConfigError(f"no model fits {args.pattern!r}{hint}; patterns are like '*{args.pattern.strip('*')}*'")
    for name in names:
        print(f"{name:<40}{files.get(name, 'with weights')}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
