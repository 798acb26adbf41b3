"""Hooks of MkDocs (mkdocs.yml): the site has the pages of the repository, and those that are generated.

``src_uri`` of a page is its path in the repository, so relative links of the Markdown files work as they are. A link to
a file that is not Markdown, such as a config, leads to a page that shows it; a link to a folder to its README or list.
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "docs")]

from generate import LANGUAGES, components, generated, listing, methods, plural, shown, slug, title  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from tutorial import cells, notebook  # noqa: E402

LINK = re.compile(r"(\]\()([^)\s#]+)([^)\s]*\))(?!\{download\})")
TITLE = re.compile(r"(?<=<h1 )([^>]*>)([^<]+)")
SHORT_CODE = re.compile(r"<code>(?=[^<\n]{1,26}</code>)")
PERCENT = re.compile(r"(?<=\d) %")
FENCES = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


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
    made[f"{uri}.md"] = (
        f"{top}\n\n[Notebook]({script.stem}.ipynb){{download}}, [script]({script.name}){{download}}\n{rest}"
    )
    made[uri.replace(".py", ".ipynb")] = json.dumps(notebook(cells(text)), indent=1)
    return made


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
        if uri == "projects/README.md":
            file.name = "projects"  # else it is the page of its whole section
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
        if not page.endswith(".py.md") or page.startswith("configs/"):
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
        "Design decisions": [
            "docs/design/README.md",
            *(
                {title(path).replace("`", ""): path.relative_to(ROOT).as_posix()}
                for path in sorted((ROOT / "docs/design").glob("0*.md"))
            ),
        ],
    }
    for entry in nav:
        name = next(iter(entry))
        entry[name] = pages.get(name, entry[name])


def on_page_markdown(text: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to code and folders to the pages that show them; keep a number and its unit on one line."""
    uri = page.file.src_uri
    if uri in ("README.md", "docs/python_api.md"):
        page.meta["hide"] = ["navigation"]  # which would list this page alone

    def lead(match: re.Match[str]) -> str:
        if ":" in match[2]:
            return match[0]
        path = target_of(uri, match[2])
        target = posixpath.relpath(path, posixpath.dirname(uri) or ".") if path in files.src_uris else match[2]
        return f"{match[1]}{target}{match[3]}"

    pieces = re.split(f"({FENCES.pattern})", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if i % 2 else PERCENT.sub("\u00a0%", LINK.sub(lead, piece)) for i, piece in enumerate(pieces))


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Break names in titles at their parts, and short code in text nowhere."""
    html = TITLE.sub(lambda match: match[1] + re.sub(r"([_/]|(?=\.py$))", r"\1<wbr>", match[2]), html)
    return SHORT_CODE.sub('<code class="short">', html)
