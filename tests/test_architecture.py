"""Proves rules of design from the source: direction of imports, no ``assert`` for users, no path of one machine."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsync.config.signature import accepted

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "mmsync").rglob("*.py"))
BELOW = ("ops", "structures", "media", "store", "converters", "worlds")  # in this order, each may import what is before
LAYERS = {  # what a room may import of mmsync, besides itself
    **{room: set(BELOW[:i]) for i, room in enumerate(BELOW)},
    "models": {"structures", "ops"},
    "views": {"structures", "ops", "worlds"},
    "datasets": {*BELOW},
    "evaluation": {"structures", "ops"},
    "visualization": {"media", "structures", "ops"},
    "config": {"structures", "ops"},
    "engine": {"config", "evaluation", "models", "views", "datasets", "visualization", *BELOW},
}
LAYERS["apis"] = {*LAYERS, "config"}
LAYERS["protocols"] = {*LAYERS}
LAYERS["interop"] = {*LAYERS} - {"protocols"}
LAYERS["sweep"] = {*LAYERS} - {"interop"}
LAYERS["testing"] = {*LAYERS}
LAYERS["commands"] = set()  # it runs the tools, which import what they need
LAYERS["__main__"] = {"commands"}
COMMON = {
    "errors",
    "registry",
    "compat",
    "version",
    "fileio",
    "parallel",
    "runlog",
    "lazy",
}  # single modules that any package may use; ``ops`` uses none


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of all that a file imports, also inside functions."""
    package = list(path.relative_to(ROOT).with_suffix("").parts)[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def layer(path: Path) -> str:
    return path.relative_to(ROOT / "mmsync").with_suffix("").parts[0]


def test_imports_run_one_way():
    wrong = []
    for path in SOURCES:
        here = layer(path)
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != "mmsync" or len(parts) < 2 or here not in LAYERS:
                continue
            allowed = LAYERS[here] | {here} | (COMMON if here != "ops" else set())
            if parts[1] not in allowed and parts[1] not in ("__version__",):
                wrong.append(f"{path.relative_to(ROOT)}:{line} ({here}) imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_layers_cover_the_package():
    assert {layer(path) for path in SOURCES} <= {*LAYERS, *COMMON, "__init__"}


def test_no_room_holds_more_than_a_fifth():
    lines = Counter()
    for path in SOURCES:
        lines[layer(path)] += len(path.read_text(encoding="utf-8").splitlines())
    room, largest = lines.most_common(1)[0]
    assert largest <= sum(lines.values()) / 5, f"mmsync/{room} has {largest} of {sum(lines.values())} lines"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python before 3.10 does not list its library")
def test_ops_need_nothing_but_torch_and_the_standard_library():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in SOURCES
        if layer(path) == "ops"
        for line, name in imports(path)
        if name.split(".")[0] not in {"torch", "mmsync", "__future__", *sys.stdlib_module_names}
    ]
    assert not wrong, "\n".join(wrong)


def test_importing_any_module_says_nothing():
    """Upstream's deprecation notes aside, which Python itself keeps from users."""
    code = (
        "import importlib, pkgutil, mmsync\n"
        "for module in pkgutil.walk_packages(mmsync.__path__, 'mmsync.'): importlib.import_module(module.name)"
    )
    command = [sys.executable, "-W", "always", "-W", "ignore::DeprecationWarning", "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_registry_and_errors_know_no_component():
    """Else importing a registry would import the package, or in a circle."""
    for name in ("registry", "errors", "version"):
        for line, imported in imports(ROOT / "mmsync" / f"{name}.py"):
            assert not imported.startswith("mmsync.") or imported.split(".")[1] == "errors", f"{name}:{line} {imported}"


def test_no_assert_guards_users():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [*SOURCES, *sorted((ROOT / "tools").rglob("*.py"))]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert not wrong, "raise an error of mmsync.errors instead: " + ", ".join(wrong)


def follows(path: Path, name: str) -> bool:
    """Whether the config check finds all arguments of a class in it and its bases."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return not accepted(getattr(importlib.import_module(module), name)).open


def test_no_registered_component_swallows_keywords():
    """A ``**kwargs`` would hide a misspelled argument from the config check, unless it is followed to a base class."""
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                continue
            if not any("register_module" in ast.unparse(d) for d in node.decorator_list):
                continue
            functions = [node] if isinstance(node, ast.FunctionDef) else node.body
            for function in functions:
                constructor = isinstance(node, ast.FunctionDef) or getattr(function, "name", "") == "__init__"
                if constructor and function.args.kwarg is not None and not follows(path, node.name):
                    wrong.append(f"{path.relative_to(ROOT)}:{function.lineno} {node.name}")
    assert not wrong, "\n".join(wrong)


ABSOLUTE = re.compile(r"""(?<![\w.:/{}$~*<\])-])/(?:home|root|mnt|data\d*|work|Users|scratch|workspace|tmp/\w+)/\w""")


@pytest.mark.parametrize("folder", ["mmsync", "configs", "tools", "tests", "docs", "projects", ".ci"])
def test_no_path_of_one_machine(folder):
    wrong = []
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".py", ".md", ".sh", ".yml", ".cfg", ".toml", "") and path.is_file():
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
                if ABSOLUTE.search(line):
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not wrong, "\n".join(wrong)
