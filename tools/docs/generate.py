"""Hook of MkDocs (mkdocs.yml): the site has the pages of the repository, and those that are generated here.

``src_uri`` of a page is its path in the repository, so relative links of the Markdown files work as they are. A link to
a file that is not Markdown, such as a config, leads to a page that shows it; a link to a folder to its README or list.
"""

from __future__ import annotations

import functools
import inspect
import json
import posixpath
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "misc"), str(ROOT / "tools" / "docs")]

import model_table  # noqa: E402
from docstrings import documentation, one_line, summary  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from tutorial import cells, notebook  # noqa: E402

from mmsync.config import load  # noqa: E402
from mmsync.models.methods import SelfSupervisedModel  # noqa: E402
from mmsync.protocols import list_protocols, load_protocol  # noqa: E402
from mmsync.registry import MODELS, Registry  # noqa: E402

LINK = re.compile(r"(\]\()([^)\s#]+)([^)\s]*\))(?!\{download\})")
FENCES = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yml": "yaml", ".sh": "bash", ".cfg": "ini", ".toml": "toml"}
HIDDEN = "---\nsearch:\n  exclude: true\n---\n"


# ------------------------------------------------------------------------------------------------------ what exists
def components() -> dict[str, dict[str, Any]]:
    """The registered components of mmsync by kind and name."""
    found: dict[str, dict[str, Any]] = {}
    for registry in Registry.instances:
        registry.import_from_location()
        ours = {name: kind for name, kind in registry.module_dict.items() if kind.__module__.startswith("mmsync.")}
        if ours:
            found[registry.name] = dict(sorted(ours.items(), key=lambda item: item[0].lower()))
    return found


def methods() -> dict[str, type[SelfSupervisedModel]]:
    models = components()[MODELS.name]
    return {name: kind for name, kind in models.items() if issubclass(kind, SelfSupervisedModel)}


@functools.cache
def configs_of_methods() -> dict[str, list[str]]:
    """Paths of the shipped configs by the type of their model."""
    found: dict[str, list[str]] = {}
    for path in model_table.configs():
        found.setdefault(load(str(path)).model.type, []).append(path.relative_to(ROOT).as_posix())
    return found


def source_of(kind: Any) -> str:
    return Path(inspect.getsourcefile(kind) or "").resolve().relative_to(ROOT).as_posix()


# ---------------------------------------------------------------------------------------------------------- the pages
def results_table(configs: Iterable[str], up: str) -> list[str]:
    found = {path: model_table.results()[path]["Results"] for path in configs if path in model_table.results()}
    columns = list(dict.fromkeys(key for result in found.values() for key in result))
    if not columns:
        return ["No result has been measured yet.", ""]
    head = [f"| config | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    return head + [
        f"| [{Path(path).stem}]({up}{path}) | {' | '.join(str(result.get(key, '')) for key in columns)} |"
        for path, result in found.items()
    ] + [""]


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
        first = next((path for path in configs if "synthetic" in path), configs[0])
        facts += [f"- [{Path(path).stem}](../../{path})" for path in configs]
        facts += ["", "```bash", f"python tools/train.py {first}", "```", "", f"`{first}`:", "", "```python"]
        facts += [(ROOT / first).read_text().rstrip(), "```", ""]
    else:
        facts += [f"None is shipped: take the config of a method with the same views and set `model.type={name}`.", ""]
    facts += ["## Results", "", *results_table(configs, "../../"), ""]
    return "\n".join(lines[:at] + facts + lines[at:])


def methods_index() -> str:
    lines = ["# Methods", "", "Each page is made from the class, its paper, its configs and their measured results.", "",
             "| method | what it does | configs |", "|---|---|---|"]
    for name, kind in methods().items():
        lines.append(f"| [{name}]({name}.md) | {summary(kind)} | {len(configs_of_methods().get(name, []))} |")
    return "\n".join(lines)


def catalog_page(kind: str, found: dict[str, Any]) -> str:
    """All components of a registry. Methods have pages of their own."""
    own = methods() if kind == MODELS.name else {}
    lines = [f"# {plural(kind)}", "", "| name | what it is |", "|---|---|"]
    for name, part in found.items():
        link = f"../methods/{name}.md" if name in own else f"#{name.lower()}"
        lines.append(f"| [{name}]({link}) | {summary(part)} |")
    for name, part in found.items():
        if name not in own:
            lines += ["", f"## {name}", "", f"[{source_of(part)}](../../{source_of(part)})", "", *documentation(part, "")]
    return "\n".join(lines)


def plural(kind: str) -> str:
    names = {"loss": "Losses", "dataset or source": "Data sets and sources", "weight initializer": "Initializers"}
    return names.get(kind, kind.capitalize() + "s")


def catalog_index() -> str:
    lines = ["# Catalog", "", "Every component that a config can name by `type`, made from the registries.", "",
             "| kind | components |", "|---|---|"]
    for kind, found in components().items():
        lines.append(f"| [{plural(kind)}]({slug(kind)}.md) | {', '.join(found)} |")
    return "\n".join([*lines, f"| [Protocols](protocols.md) | {', '.join(protocols())} |"])


def slug(kind: str) -> str:
    return kind.replace(" ", "_")


def protocols() -> list[str]:
    return list_protocols(ROOT / "configs" / "benchmarks")


def protocols_page() -> str:
    """Each protocol with the comment and the settings of its file."""
    lines = ["# Protocols", "", "A protocol is laid over the config of a pretraining, see "
             "[Evaluation](../evaluation.md#protocols).", "", "```bash",
             "python tools/benchmark.py CHECKPOINT --protocols linear knn", "```"]
    for name in protocols():
        protocol = load_protocol(name, ROOT / "configs" / "benchmarks")
        (path,) = (ROOT / "configs" / "benchmarks").rglob(f"{name}.py")
        title = protocol.title_on(protocol.dataset and protocol.dataset.stem)
        lines += ["", f"## {name}", "", f"{one_line(title)}", "", "```python", path.read_text().rstrip(), "```"]
    return "\n".join(lines)


def listing(folder: str) -> str:
    """A folder without a README: its files, Markdown with the titles."""
    lines = [f"# {folder}", ""]
    for path in sorted((ROOT / folder).iterdir()):
        if path.suffix in LANGUAGES or path.suffix == ".md" or (path.is_dir() and path.name != "__pycache__"):
            lines.append(f"- [{title(path) if path.suffix == '.md' else path.name}]({path.name})")
    return "\n".join(lines)


def title(path: Path) -> str:
    return re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]  # type: ignore[index]


def shown(path: Path) -> str:
    """A file of code as a page."""
    name = path.relative_to(ROOT).as_posix()
    fence = f"```{LANGUAGES.get(path.suffix, 'text')}"
    return f"{HIDDEN}# {path.name}\n\n`{name}`\n\n{fence}\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"


@functools.cache
def ran(script: str, text: str) -> dict[str, bytes]:
    """The files that a tutorial makes when it runs: ``page.md`` and its pictures. ``text`` is the key of the cache."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "tools" / "docs" / "tutorial.py"), script, folder]
        subprocess.run(command, check=True)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def tutorial_files(script: Path) -> dict[str, Any]:
    """The page of a tutorial as it ran, its pictures, and a notebook to download."""
    uri, text = script.relative_to(ROOT).as_posix(), script.read_text(encoding="utf-8")
    made: dict[str, Any] = {f"docs/tutorials/{name}": data for name, data in ran(uri, text).items()}
    page = made.pop("docs/tutorials/page.md").decode()
    top, rest = page.split("\n", 1)
    made[f"{uri}.md"] = f"{top}\n\n[Notebook]({script.stem}.ipynb){{download}}, [script]({script.name}){{download}}\n{rest}"
    made[uri.replace(".py", ".ipynb")] = json.dumps(notebook(cells(text)), indent=1)
    return made


def generated() -> dict[str, Callable[[], str]]:
    """Pages that no file has, by their path."""
    pages: dict[str, Callable[[], str]] = {"docs/methods/README.md": methods_index}
    pages |= {f"docs/methods/{name}.md": functools.partial(method_page, name, kind) for name, kind in methods().items()}
    pages["docs/catalog/README.md"] = catalog_index
    for kind, found in components().items():
        pages[f"docs/catalog/{slug(kind)}.md"] = functools.partial(catalog_page, kind, found)
    pages["docs/catalog/protocols.md"] = protocols_page
    pages["docs/design/README.md"] = functools.partial(listing, "docs/design")
    return pages


# ---------------------------------------------------------------------------------------------------------- the hooks
def target_of(page: str, link: str) -> str:
    """The page that a link of a page leads to, both as paths in the repository; other links stay as they are."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    if (ROOT / path).is_dir():
        return f"{path}/README.md"
    return f"{path}.md" if Path(path).suffix in LANGUAGES or path == "LICENSE" else path


def on_files(files: Files, config: Any) -> Files:
    """Name the pages as in the repository; add those that are generated and those that links lead to."""
    def new(uri: str, content: Any = None) -> File:
        dest = {} if not uri.startswith("docs/") else {"dest_uri": uri}
        file = File(uri, None if content is not None else str(ROOT), config.site_dir, True)
        if dest:
            file.dest_uri = posixpath.relpath(file.dest_uri, "docs")
        file.dest_uri = file.dest_uri.replace(".py/", "/")
        if content is not None:
            file._content, file.generated_by = content, "mmsync"
        return file

    result = {f.src_uri: f for f in files if f.src_dir != config.docs_dir}
    result |= {uri: new(uri) for f in files if f.src_dir == config.docs_dir for uri in [f"docs/{f.src_uri}"]}
    result |= {uri: new(uri, make()) for uri, make in generated().items()}
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(tutorial_files, sorted((ROOT / "docs" / "tutorials").glob("*.py"))))
    result |= {uri: new(uri, data) for part in made for uri, data in part.items()}
    todo = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(uri for uri in result if uri.endswith(".md"))]
    while todo:
        page = todo.pop()
        source = ROOT / page
        if page not in result:
            if source.is_file():
                result[page] = new(page)
            elif source.name == "README.md" and source.parent.is_dir():
                result[page] = new(page, listing(source.parent.relative_to(ROOT).as_posix()))
            elif source.with_suffix("").is_file():
                result[page] = new(page, shown(source.with_suffix("")))
            else:
                continue
        if not page.endswith(".py.md"):
            links = LINK.findall(FENCES.sub("", result[page].content_string))
            linked = {target_of(page, link) for _, link, _ in links if ":" not in link}
            todo += [uri for uri in linked if uri not in result and uri.endswith(".md")]
    fill_nav(config.nav)
    return Files(list(result.values()))


def fill_nav(nav: list[dict[str, Any]]) -> None:
    kinds = [{plural(kind): f"docs/catalog/{slug(kind)}.md"} for kind in components()]
    pages = {
        "Methods": ["docs/methods/README.md", *({name: f"docs/methods/{name}.md"} for name in methods())],
        "Catalog": ["docs/catalog/README.md", *kinds, {"Protocols": "docs/catalog/protocols.md"}],
        "Design decisions": ["docs/design/README.md", *(
            {title(path): path.relative_to(ROOT).as_posix()} for path in sorted((ROOT / "docs/design").glob("0*.md"))
        )],
    }
    for entry in nav:
        name = next(iter(entry))
        entry[name] = pages.get(name, entry[name])


def on_page_markdown(text: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to code and folders to the pages that show them."""
    uri = page.file.src_uri

    def lead(match: re.Match[str]) -> str:
        if ":" in match[2]:
            return match[0]
        path = target_of(uri, match[2])
        target = posixpath.relpath(path, posixpath.dirname(uri) or ".") if path in files.src_uris else match[2]
        return f"{match[1]}{target}{match[3]}"

    pieces = re.split(f"({FENCES.pattern})", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if i % 2 else LINK.sub(lead, piece) for i, piece in enumerate(pieces))
