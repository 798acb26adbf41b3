"""The command ``mmsync``, which runs the tools: in a checkout those of its folder ``tools/``, else their copies.

It imports neither torch nor mmengine, and the tools do so after they have read their arguments: help is immediate.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from types import ModuleType

from mmsync.errors import did_you_mean, nearest
from mmsync.fileio import TOOLS
from mmsync.version import __version__

COMMANDS = {  # command: file in tools/, description; a command without a file is left out
    "train": ("train.py", "train what a config describes"),
    "test": ("test.py", "evaluate a checkpoint by the test data of its config"),
    "benchmark": ("benchmark.py", "evaluate a checkpoint by protocols: linear, knn, semi10, ..."),
    "launch": ("launch.py", "run train or test on several processes"),
    "sweep": ("sweep.py", "train a grid of settings, or search, and collect one table"),
    "embed": ("embed.py", "write the features of clips to a file"),
    "separate": ("separate.py", "separate the sound of what a video shows from the rest"),
    "align": ("visualization/align.py", "align two sequences in time"),
    "sync": ("sync.py", "measure by how much the sound of videos is early or late"),
    "browse": ("visualization/browse_dataset.py", "draw the clips of a config and their views"),
    "check": ("misc/check_config.py", "check configs without building anything"),
    "check_data": ("misc/check_data.py", "open every clip of a config and list those with problems"),
    "list": ("list.py", "list models, configs and registered components"),
    "report": ("report.py", "write one HTML page about one or several runs"),
    "floors": ("floors.py", "measure raw coordinates and untrained encoders on one's data"),
    "print_config": ("misc/print_config.py", "print a resolved config, with the file of each value"),
    "publish_model": ("misc/publish_model.py", "make a small file of weights to share from a checkpoint"),
    "export": ("export.py", "write an encoder as an ONNX or torch.export graph"),
    "doctor": ("doctor.py", "check the installation"),
}
_INTERNAL = {"misc", "benchmarks", "docs"}  # tools for work on mmsync itself


def commands() -> dict[str, Path]:
    """File of each command, those of :data:`COMMANDS` first; every other tool is a command by the name of its file."""
    named = {name: TOOLS / file for name, (file, _) in COMMANDS.items() if (TOOLS / file).is_file()}
    files = (path for path in sorted(TOOLS.rglob("*.py")) if not _INTERNAL & {*path.relative_to(TOOLS).parts})
    return {**named, **{path.stem: path for path in files if path not in named.values()}}


def usage() -> str:
    """The help text of ``mmsync``."""
    found = commands()
    lines = [f"  {name:<15}{text}" for name, (_, text) in COMMANDS.items() if name in found]
    groups: dict[str, list[str]] = {}
    for name, path in found.items():
        if name not in COMMANDS:
            groups.setdefault(path.parent.name.replace("_", " "), []).append(name)
    more = [
        textwrap.fill(f"{group}: {', '.join(names)}", 100, initial_indent="  ", subsequent_indent="    ")
        for group, names in groups.items()
    ]
    return "\n".join(
        ["usage: mmsync COMMAND [arguments]\n\nSelf-supervised learning of human motion.\n\ncommands:", *lines]
        + ["\nmore commands, by the name of their file:", *more]
        + ["\n`mmsync COMMAND --help` describes a command; `mmsync --version` prints the version."]
    )


def main() -> None:
    """Run the command that the command line names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "help"):
        print(usage())
        return
    if name == "--version":
        print(f"mmsync {__version__}")
        return
    found = commands()
    path = found.get(name.replace("-", "_"))
    if path is None:
        hint = did_you_mean(nearest(name, found))
        print(f"mmsync: there is no command {name!r}{hint or ';'} `mmsync --help` lists all", file=sys.stderr)
        sys.exit(2)
    run(path, [f"mmsync {name}", *arguments])  # argparse takes the first word as the name of the program


def run(path: Path, arguments: list[str]) -> None:
    """Run a tool as Python runs a script; unlike ``runpy`` it leaves the name of the program as it is given."""
    module = ModuleType("__main__")
    module.__file__ = str(path)  # worker processes import it
    sys.argv, sys.modules["__main__"] = arguments, module
    exec(compile(path.read_bytes(), path, "exec"), vars(module))
