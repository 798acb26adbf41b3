"""The generated pages of the site: methods, components and protocols from the registries, files that pages link to."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "misc"), str(ROOT / "tools" / "docs")]

import model_table  # noqa: E402
from docstrings import documentation, one_line, summary  # noqa: E402

from mmsync.models.methods import SelfSupervisedModel  # noqa: E402
from mmsync.protocols import list_protocols, load_protocol  # noqa: E402
from mmsync.registry import MODELS, Registry  # noqa: E402

LANGUAGES = {".py": "python", ".yml": "yaml", ".sh": "bash", ".cfg": "ini", ".toml": "toml"}
HIDDEN = "---\nsearch:\n  exclude: true\n---\n"


# ------------------------------------------------------------------------------------------------------ what exists
@functools.cache
def components() -> dict[str, dict[str, Any]]:
    """The registered components of mmsync by kind and name."""
    found: dict[str, dict[str, Any]] = {}
    for registry in Registry.instances:
        registry.import_from_location()
        ours = {name: kind for name, kind in registry.module_dict.items() if kind.__module__.startswith("mmsync.")}
        if ours:
            found[registry.name] = dict(sorted(ours.items(), key=lambda item: item[0].lower()))
    return found


@functools.cache
def methods() -> dict[str, type[SelfSupervisedModel]]:
    models = components()[MODELS.name]
    return {name: kind for name, kind in models.items() if issubclass(kind, SelfSupervisedModel)}


@functools.cache
def configs_of_methods() -> dict[str, list[str]]:
    """Paths of the shipped configs by the type of their model, under each of its names."""
    found: dict[str, list[str]] = {}
    for path, kind, *_ in model_table.experiments():
        for name in (name for name, one in MODELS.module_dict.items() if one is MODELS.get(kind)):
            found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found


def source_of(kind: Any) -> str:
    return Path(inspect.getsourcefile(kind) or "").resolve().relative_to(ROOT).as_posix()


# ---------------------------------------------------------------------------------------------------------- the pages
def results_table(configs: Iterable[str], up: str) -> list[str]:
    """A row for each measured run of some configs, from the metafiles."""
    measured = model_table.results()
    lines = ["| config | data | seed | results | time |", "|---|---|---|---|---|"]
    for path in configs:
        for run in measured[path]["Results"] if path in measured else ():
            seeds = str(run["Seed"]).strip("[]")
            values = [f"{name} {value:.1f}" for name, value in run["Metrics"].items()]
            cells = [run["Dataset"], seeds, "; ".join([", ".join(values), *filter(None, [run.get("Note")])])]
            lines.append(f"| [{Path(path).stem}]({up}{path}) | {' | '.join([*cells, run.get('Time', '')])} |")
    return [*lines, ""] if lines[2:] else ["No result has been measured yet.", ""]


def names(declared: Any) -> str:
    """What a method declares; a property of its objects depends on the config."""
    return "as configured" if isinstance(declared, property) else ", ".join(f"`{name}`" for name in declared)


def method_page(name: str, kind: type[SelfSupervisedModel]) -> str:
    """A method: what it does, its paper, configs, measured results and arguments."""
    configs = configs_of_methods().get(name, [])
    module = sys.modules[kind.__module__].__doc__ or ""
    lines = [f"# {name}", "", *documentation(kind, "##")]
    at = lines.index("## Arguments")
    facts = [f"**Paper** {one_line(module)}", "", f"**Encoders** {names(kind.encoders)}", ""]
    facts += [f"**Views** in training: {names(kind.views_needed)}; in evaluation: {names(kind.views_for_features)}", ""]
    facts += [f"**Source** [{source_of(kind)}](../../{source_of(kind)})", "", "## Configs", ""]
    if configs:
        own = f"/{name.lower()}_"
        first = max(configs, key=lambda path: (own in path, "synthetic" in path))  # one that shows the method, and runs
        facts += [f"- [{path.split('/', 2)[2].removesuffix('.py')}](../../{path})" for path in configs]
        facts += ["", "```bash", f"python tools/train.py {first}", "```", "", f"`{first}`:", "", "```python"]
        facts += [(ROOT / first).read_text().rstrip(), "```", ""]
    else:
        facts += [f"None is shipped: take the config of a method with the same views and set `model.type={name}`.", ""]
    facts += ["## Results", "", *results_table(configs, "../../"), ""]
    return "\n".join(lines[:at] + facts + lines[at:])


def methods_index() -> str:
    lines = [
        "# Methods",
        "",
        "Each page is made from the class, its paper, its configs and their measured results.",
        "",
        "| method | configs | what it does |",
        "|---|---|---|",
    ]
    for name, kind in methods().items():
        lines.append(f"| [{name}]({name}.md) | {len(configs_of_methods().get(name, []))} | {summary(kind)} |")
    return "\n".join(lines)


def place(name: str, page: str) -> str:
    """Where a component is described, as a link of a page of the catalog."""
    return f"../methods/{name}.md" if name in methods() else f"{page}#{name.lower()}"


def catalog_page(kind: str, found: dict[str, Any]) -> str:
    """All components of a registry. Methods have pages of their own."""
    lines = [f"# {plural(kind)}", "", "| name | what it is |", "|---|---|"]
    for name, part in found.items():
        lines.append(f"| [{name}]({place(name, '')}) | {summary(part)} |")
    for name, part in found.items():
        if name not in methods():
            lines += [
                "",
                f"## {name}",
                "",
                f"[{source_of(part)}](../../{source_of(part)})",
                "",
                *documentation(part, ""),
            ]
    return "\n".join(lines)


def plural(kind: str) -> str:
    names = {"loss": "Losses", "dataset or source": "Data sets and sources", "weight initializer": "Initializers"}
    return names.get(kind, kind.capitalize() + "s")


def catalog_index() -> str:
    """All names, as text that wraps on narrow screens."""
    lines = ["# Catalog", "", "Every component that a config can name by `type`, made from the registries.", ""]
    for kind, found in components().items():
        page = f"{slug(kind)}.md"
        lines += [
            f"## [{plural(kind)}]({page})",
            "",
            ",\n".join(f"[{name}]({place(name, page)})" for name in found),
            "",
        ]
    linked = ",\n".join(f"[{name}](protocols.md#{name})" for name in protocols())
    return "\n".join([*lines, "## [Protocols](protocols.md)", "", linked, ""])


def slug(kind: str) -> str:
    return kind.replace(" ", "_")


def protocols() -> list[str]:
    return list_protocols(ROOT / "configs" / "benchmarks")


def protocols_page() -> str:
    """Each protocol with the comment and the settings of its file."""
    lines = [
        "# Protocols",
        "",
        "A protocol is laid over the config of a pretraining, see [Evaluation](../evaluation.md#protocols).",
        "",
        "```bash",
        "python tools/benchmark.py CHECKPOINT --protocols linear knn",
        "```",
    ]
    for name in protocols():
        protocol = load_protocol(name, ROOT / "configs" / "benchmarks")
        (path,) = (ROOT / "configs" / "benchmarks").rglob(f"{name}.py")
        title = protocol.title_on(protocol.dataset and protocol.dataset.stem)
        lines += ["", f"## {name}", "", f"{one_line(title)}", "", "```python", path.read_text().rstrip(), "```"]
    return "\n".join(lines)


def listing(folder: str, heading: str = "") -> str:
    """A folder without a README: its files, Markdown with the titles."""
    lines = [f"# {heading or folder}", ""]
    if folder.startswith("configs/"):
        lines += [f"Train with one of these: `python tools/train.py {folder}/NAME.py`.", ""]
    for path in sorted((ROOT / folder).iterdir()):
        code = path.suffix in LANGUAGES and path.name != "metafile.yml"
        if code or path.suffix == ".md" or (path.is_dir() and path.name != "__pycache__"):
            lines.append(f"- [{title(path) if path.suffix == '.md' else path.name}]({path.name})")
    return "\n".join(lines)


def title(path: Path) -> str:
    return re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]  # type: ignore[index]


def shown(path: Path) -> str:
    """A file of code as a page."""
    name = path.relative_to(ROOT).as_posix()
    fence = f"```{LANGUAGES.get(path.suffix, 'text')}"
    text = path.read_text(encoding="utf-8").rstrip()
    bases = re.findall(r'"(\.\./[\w./]+\.py)"', text) if name.startswith("configs/") else []
    links = ", ".join(f"[`{base.lstrip('./')}`]({base})" for base in bases)
    return f"{HIDDEN}# {path.name}\n\n`{name}`{' inherits from ' if links else ''}{links}\n\n{fence}\n{text}\n```\n"


def generated() -> dict[str, Callable[[], str]]:
    """Pages that no file has, by their path."""
    pages: dict[str, Callable[[], str]] = {"docs/methods/README.md": methods_index}
    pages |= {f"docs/methods/{name}.md": functools.partial(method_page, name, kind) for name, kind in methods().items()}
    pages["docs/catalog/README.md"] = catalog_index
    for kind, found in components().items():
        pages[f"docs/catalog/{slug(kind)}.md"] = functools.partial(catalog_page, kind, found)
    pages["docs/catalog/protocols.md"] = protocols_page
    pages["docs/design/README.md"] = functools.partial(listing, "docs/design", "Design decisions")
    return pages
