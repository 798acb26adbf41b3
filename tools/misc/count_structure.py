#!/usr/bin/env python
"""Count what makes the project hard to read, with the limits beside it.

    python tools/misc/count_structure.py [--check]     # --check: exit code 1 if a limit is broken

Config files are those below ``configs/``; an experiment is one outside ``_base_`` and ``benchmarks``. The chain of a
config is the file and everything that it inherits from, at any depth.

From config to loss, of a method, one reads the chain of its config for the built-in world; the file of the method and
those of its base classes; and the files that state its equations: the modules of ``mmsync.ops`` and of
``mmsync.models.losses`` that the file of the method imports, or whose losses it names, and what those import of them.
``ops.dist`` (communication between processes) and ``models.modules`` (encoder, queue, mining) are not on this path.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGS, PACKAGE = ROOT / "configs", ROOT / "mmsync"
METHODS = {
    "AimCLR": "aimclr/aimclr_stgcn_synthetic.py",
    "SimCLR": "simclr/simclr_stgcn_synthetic.py",
    "Sync3D": "sync3d/sync3d_stgcn_synthetic.py",
}


@dataclass(frozen=True)
class Measure:
    """A count and its limit.

    Attributes:
        name: What is counted.
        value: The count, or a share in percent.
        limit: The largest value allowed, or the smallest.
        least: Whether the limit is the smallest value allowed.
        detail: Where the value comes from.
    """

    name: str
    value: float
    limit: float
    least: bool = False
    detail: str = ""

    @property
    def broken(self) -> bool:
        """Whether the limit is broken."""
        return self.value < self.limit if self.least else self.value > self.limit


def config_files() -> list[Path]:
    """All config files."""
    return sorted(CONFIGS.rglob("*.py"))


def experiments() -> list[Path]:
    """Configs that train or test something."""
    return [path for path in config_files() if path.relative_to(CONFIGS).parts[0] not in ("_base_", "benchmarks")]


def bases(path: Path) -> list[Path]:
    """The files that a config inherits from, directly."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_base_":
            names = ast.literal_eval(node.value)
            return [(path.parent / name).resolve() for name in ([names] if isinstance(names, str) else names)]
    return []


def chain(path: Path) -> list[Path]:
    """A config and all that it inherits from, each file once."""
    found = [path]
    for base in bases(path):
        found += [file for file in chain(base) if file not in found]
    return found


def config_measures() -> list[Measure]:
    """Counts of the config files."""
    files = config_files()
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    longest = max(files, key=lambda file: len(chain(file)))
    size = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    largest = max(files, key=lambda file: size[file])
    nested = [file for file in files if "_base_" in file.relative_to(CONFIGS).parts and bases(file)]
    outside = [file for file in files if any("_base_" not in base.parts for base in bases(file))]
    alone = [file for file in experiments() if not bases(file)]
    name = longest.relative_to(CONFIGS).as_posix()
    return [
        Measure("config files", len(files), 256),
        Measure("distinct lines of the config files, %", 100 * len(set(lines)) / len(lines), 55, least=True),
        Measure("files in the longest chain", len(chain(longest)), 4, detail=name),
        Measure("lines of the longest config file", size[largest], 60, detail=largest.relative_to(CONFIGS).as_posix()),
        Measure("files of _base_ that inherit", len(nested), 0, detail=", ".join(file.name for file in nested)),
        Measure("configs that inherit from outside _base_", len(outside), 0, detail=_names(outside)),
        Measure("experiments that inherit from nothing", len(alone), 0, detail=_names(alone)),
    ]


def path_to_loss(config: Path) -> list[Path]:
    """The files from a config to the loss of its method."""
    from mmsync.config import load
    from mmsync.registry import LOSSES, MODELS

    model = load(config).model
    method = MODELS.get(model.type)
    classes = [cls for cls in method.__mro__ if cls.__module__.startswith("mmsync.")]
    files = [*chain(config), *(Path(inspect.getfile(cls)) for cls in classes)]
    own = Path(inspect.getfile(method))
    words = {
        node.value for node in ast.walk(ast.parse(own.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    }
    named = {word for word in words if isinstance(word, str) and word.isidentifier()} | {
        model.get("loss", {}).get("type")
    }
    losses = [LOSSES.find(name) for name in sorted(filter(None, named))]
    equations = _equations(own)
    for loss in losses:
        if getattr(loss, "__module__", "").startswith("mmsync.models.losses."):
            file = Path(inspect.getfile(loss))
            equations += [file, *_equations(file)]
    return list(dict.fromkeys([*files, *equations]))


def _equations(file: Path) -> list[Path]:
    """The modules of losses and of tensor functions that a file imports."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        module = getattr(node, "module", None) or "" if isinstance(node, ast.ImportFrom) else ""
        if module.startswith(("mmsync.ops.", "mmsync.models.losses.")) and module != "mmsync.ops.dist":
            found.append(ROOT / (module.replace(".", "/") + ".py"))
    return found


def sources() -> dict[Path, str]:
    """The files of the package with their text."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def functions(texts: dict[Path, str]) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All functions and methods."""
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def modality_comparisons(texts: dict[Path, str]) -> list[str]:
    """Places in the models that compare a modality."""
    found = []
    for path, text in texts.items():
        if path.relative_to(PACKAGE).parts[0] != "models":
            continue
        for node in ast.walk(ast.parse(text)):
            named = isinstance(node, ast.Compare) and any(
                "modality" in (getattr(part, "attr", None), getattr(part, "id", None), getattr(part, "value", None))
                for part in ast.walk(node)
            )
            found += [f"{path.relative_to(ROOT)}:{node.lineno}"] if named else []  # type: ignore[attr-defined]
    return found


def package_measures() -> list[Measure]:
    """Counts of the package."""
    texts = sources()
    rooms: Counter[str] = Counter()
    for path, text in texts.items():
        rooms[path.relative_to(PACKAGE).with_suffix("").parts[0]] += len(text.splitlines())
    total = sum(rooms.values())
    room, lines = rooms.most_common(1)[0]
    every = list(functions(texts))
    long = [(path, node) for path, node in every if (node.end_lineno or node.lineno) - node.lineno >= 60]
    compared = modality_comparisons(texts)
    measures = [Measure(f"files from config to loss, {name}", *_to_loss(file)) for name, file in METHODS.items()]
    return [
        *measures,
        Measure("lines of the package", total, 50_000),
        Measure("the largest room of the package, %", 100 * lines / total, 20, detail=room),
        Measure("functions over 60 lines, %", 100 * len(long) / len(every), 1, detail=f"{len(long)} of {len(every)}"),
        Measure("comparisons with modality in mmsync/models", len(compared), 0, detail=", ".join(compared)),
    ]


def _to_loss(config: str) -> tuple[int, int, bool, str]:
    files = path_to_loss(CONFIGS / config)
    return len(files), 8, False, ", ".join(path.relative_to(ROOT).as_posix() for path in files)


def _names(files: list[Path]) -> str:
    return ", ".join(file.relative_to(CONFIGS).as_posix() for file in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit with code 1 if a limit is broken")
    args = parser.parse_args()
    measures = [*config_measures(), *package_measures()]
    print("| | found | limit | |\n|---|---|---|---|")
    for one in measures:
        sign = ("at least" if one.least else "at most") + (" (broken)" if one.broken else "")
        print(f"| {one.name} | {one.value:,.6g} | {sign} {one.limit:,} | {one.detail} |")
    if args.check and any(one.broken for one in measures):
        sys.exit(1)


if __name__ == "__main__":
    main()
