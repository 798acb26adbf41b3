"""The documentation site: every method and component has its place, tutorials run, error messages are real."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

from mmsync.models.methods import SelfSupervisedModel
from mmsync.registry import MODELS, Registry
from tests.test_readme import ROOT, blocks, text_of

DOCS = ROOT / "tools" / "docs"
TUTORIALS = sorted(path.stem for path in (ROOT / "docs" / "tutorials").glob("*.py"))
LEAST_MESSAGES = 15
needs_mkdocs = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("material", "docstring_parser")),
    reason='the site needs: python -m pip install -e ".[docs]"',
)


def tool(name: str):
    """A script of tools/docs as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ----------------------------------------------------------------------------------------------------- generated pages
def registered() -> dict[str, set[str]]:
    """Names by kind, by the source files: what stands under ``@REGISTRY.register_module``."""
    kinds = {f"{name}": registry.name for name, registry in vars(sys.modules["mmsync.registry"]).items()
             if isinstance(registry, Registry)}  # fmt: skip
    found: dict[str, set[str]] = {}
    head = re.compile(r"^@(\w+)\.register_module\((.*)\)\n(?:@.*\n)*(?:class|def) (\w+)", re.MULTILINE)
    for path in (ROOT / "mmsync").rglob("*.py"):
        for registry, arguments, name in head.findall(path.read_text(encoding="utf-8")):
            given = re.search(r"name=\[?([^\])]*)", arguments)
            names = re.findall(r'"(\w+)"', given[1]) if given else [name]
            found.setdefault(kinds[registry], set()).update(names)
    return found


@needs_mkdocs
def test_every_registered_component_has_its_heading_or_its_page():
    """Counted in the source files, not in the registries that the generator reads."""
    pages = {uri: make() for uri, make in tool("generate").generated().items() if uri.startswith("docs/catalog/")}
    expected = registered()
    assert sum(map(len, expected.values())) > 200
    for kind, names in expected.items():
        page = pages[f"docs/catalog/{kind.replace(' ', '_')}.md"]
        missing = [name for name in names if f"| [{name}](" not in page]
        assert missing == [], kind
        headed = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
        linked = set(re.findall(r"\]\(\.\./methods/(\w+)\.md\)", page))
        assert names <= headed | linked
        assert all(f"docs/methods/{name}.md" in tool_pages() for name in linked)


def tool_pages() -> set[str]:
    return set(tool("generate").generated())


@needs_mkdocs
def test_a_method_has_its_paper_configs_results_and_arguments():
    MODELS.import_from_location()
    ours = {n for n, k in MODELS.module_dict.items() if isinstance(k, type) and issubclass(k, SelfSupervisedModel)}
    ours = {name for name in ours if MODELS.get(name).__module__.startswith("mmsync.")}
    pages = tool("generate").generated()
    assert {uri for uri in pages if re.fullmatch(r"docs/methods/(?!README).*", uri)} == {
        f"docs/methods/{name}.md" for name in ours
    }
    page = pages["docs/methods/AimCLR.md"]()
    assert "Guo et al., 2022" in page
    assert "`query`, `key`, `extreme`" in page
    assert (
        "(../../configs/aimclr/aimclr_stgcn_ucla_xview.py) | NW-UCLA | 0 | knn/top1 91.8, knn/top1_k10 92.5, " in page
    )  # configs/aimclr/metafile.yml
    assert re.search(
        r"^`queue_size` \(`int`, default `32768`\)\n:   Number K of keys in the queue\.$", page, re.MULTILINE
    )


@needs_mkdocs
def test_a_docstring_becomes_markdown_without_markup_by_chance():
    convert = tool("docstrings").markdown
    assert convert("As :class:`~mmsync.models.Encoder` does, x_i * y_i < 1, ``a_b * c``.") == (
        r"As ``Encoder`` does, x\_i \* y\_i \< 1, ``a_b * c``."
    )
    assert convert("The loss is::\n\n    a * b_c\n\nof all.") == "The loss is:\n\n    a * b_c\n\nof all."


# ----------------------------------------------------------------------------------------------------------- the pages
class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml without calling what it names."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)


def pages_of(nav) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)]


def site() -> dict:
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)


def test_every_page_of_the_navigation_exists_and_every_page_is_in_it():
    named = pages_of(site()["nav"])
    assert [page for page in named if not (ROOT / page.removesuffix(".md" if ".py.md" in page else "")).is_file()] == []
    assert len(named) == len(set(named))
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    written |= {f"docs/tutorials/{name}.py.md" for name in TUTORIALS}
    assert written <= set(named)


def test_nothing_of_the_site_is_loaded_from_elsewhere():
    assert site()["theme"]["font"] is False
    assert "http" not in (ROOT / "docs" / "stylesheets" / "site.css").read_text()
    assert not {"extra_javascript", "repo_url", "site_url"} & set(site())


def test_the_figure_of_the_stream_is_the_one_that_its_script_draws():
    assert (ROOT / "docs" / "images" / "stream.svg").read_text(encoding="utf-8") == tool("draw_stream").drawing()


CONCEPTS = blocks("docs/concepts.md", "python")


@pytest.mark.parametrize("number", range(len(CONCEPTS)))
def test_an_example_of_the_concepts_prints_what_it_says(number):
    code, printed = CONCEPTS[number], []
    exec(code, {"print": lambda *values: printed.append(" ".join(map(str, values)))})
    assert printed == re.findall(r"^print\(.*\)(?:  |\n)# (.*)$", code, re.MULTILINE)


# ------------------------------------------------------------------------------------------------------ error messages
MESSAGES = re.findall(
    r"^### (.*?)\n\n```text\n(.*?)```\n.*?^\*\*Why\.\*\* .*?^\*\*What to do\.\*\* .*?```python\n(.*?)```",
    text_of("docs/errors.md"), re.MULTILINE | re.DOTALL,
)  # fmt: skip


def test_the_page_of_errors_explains_enough_of_them():
    assert len(MESSAGES) >= LEAST_MESSAGES
    assert len(MESSAGES) == text_of("docs/errors.md").count("### ")


@pytest.mark.parametrize(("title", "message", "code"), MESSAGES, ids=[title for title, *_ in MESSAGES])
def test_an_error_message_is_the_one_that_the_code_raises(title, message, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MMSYNC_DATA_ROOT", raising=False)
    monkeypatch.setitem(sys.modules, "av", sys.modules.get("av"))
    if sys.modules["av"] is None:
        monkeypatch.delitem(sys.modules, "av")
    os.symlink(ROOT / "configs", "configs")
    for registry in Registry.instances:
        registry.import_from_location()  # what an example imports is ours, and stays
    before = {registry: dict(registry.module_dict) for registry in Registry.instances}
    try:
        with pytest.raises(Exception) as raised:
            exec(code, {"__name__": "example"})
    finally:
        for registry, names in before.items():
            registry._module_dict.clear()
            registry._module_dict.update(names)
    found = f"{raised.type.__name__}: {raised.value}".replace(str(tmp_path), "/your/folder")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(message, found + "\n", flags), found


# ----------------------------------------------------------------------------------------------------------- tutorials
def test_a_tutorial_is_read_into_cells_and_a_notebook():
    module = tool("tutorial")
    parts = module.cells(
        "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nx = 1  # %% is no cell here\n\n# %%\nprint(x)\n"
    )
    assert parts == [("markdown", "# Title\n\nText."), ("code", "x = 1  # %% is no cell here"), ("code", "print(x)")]
    book = module.notebook(parts)
    assert [cell["cell_type"] for cell in book["cells"]] == ["markdown", "code", "code"]
    assert book["cells"][2]["source"] == "print(x)"


def test_a_tutorial_shows_what_its_code_prints_and_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "mine.py"
    script.write_text(
        "# %%\nprint(6 * 7)\n\n# %%\nfrom matplotlib import pyplot\n\npyplot.figure(label='A line').gca()\n"
    )
    tool("tutorial").run(script, tmp_path)
    page = (tmp_path / "page.md").read_text()
    assert "```text\n42\n```" in page
    assert "![A line](mine_1.png)" in page
    assert (tmp_path / "mine_1.png").stat().st_size > 1000


@pytest.mark.recipe
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs_and_its_numbers_are_above_chance(name, tmp_path):
    if name == "videos":
        pytest.importorskip("av", reason='videos need: python -m pip install -e ".[video]"')
    command = [sys.executable, DOCS / "tutorial.py", ROOT / "docs" / "tutorials" / f"{name}.py", tmp_path]
    environment = {**os.environ, "MMSYNC_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "page.md").read_text()
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert len(pictures) >= 2
    assert all((tmp_path / picture).is_file() for picture in pictures)
    percents = [float(value) for output in re.findall(r"```text\n(.*?)```", page, re.DOTALL)
                for value in re.findall(r"([\d.]+) %", output)]  # fmt: skip
    floor = {"skeletons": 100 / 6, "videos": 100 / 3}.get(name, percents[-1])  # of sequences: the position alone
    assert np.isfinite(percents).all()
    assert percents[0] > floor


# ------------------------------------------------------------------------------------------------------------ the site
@needs_mkdocs
@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """All links and anchors, of the repository's pages and of the generated ones."""
    command = ["bash", str(DOCS / "build.sh"), "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("index.html"))
    assert len(pages) > 300
    loaded = [
        re.findall(r'(?:<script[^>]*src|<link[^>]*href|<img[^>]*src)="(https?:[^"]*)"', p.read_text()) for p in pages
    ]
    assert [url for urls in loaded for url in urls] == []
