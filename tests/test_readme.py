"""What the README and the pages of docs/ tell a reader to run and to follow exists, and their code works."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import itertools
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import DictAction

from mmsync import commands, fileio
from mmsync.config import check, load
from mmsync.datasets.sources import StoreSource
from mmsync.models.methods import SelfSupervisedModel
from mmsync.registry import MODELS

ROOT = Path(__file__).parents[1]
GENERATED = ROOT / "docs" / "models.md"
PAGES = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "projects/*.md", "projects/*/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path != GENERATED
]
BRACES = re.compile(r"\{([^{}\s]*,[^{}\s]*)\}")
README_LINES = 85
LEAST_COMMANDS = 40
LEAST_CHECKPOINTS = 10


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *kinds: str) -> list[str]:
    """Fenced blocks of a page, of some languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    return [block for kind, block in found if kind in kinds]


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def expanded(text: str) -> list[str]:
    """What a shell makes of ``{a,b}``."""
    match = BRACES.search(text)
    if match is None:
        return [text]
    return [
        other
        for choice in match[1].split(",")
        for other in expanded(text[: match.start()] + choice + text[match.end() :])
    ]


def command_lines() -> list[tuple[str, str]]:
    """``(page, command)`` of all tools that are run in fenced blocks and in the text, without comments."""
    found = []
    for page in PAGES:
        code = "\n".join(blocks(page, "", "bash")).replace("\\\n", " ")
        inline = re.findall(r"`(python tools/[^`]*|mmsync [a-z]\w+ [^`]*)`", prose(page))
        for line in code.splitlines() + inline:
            for part in re.split(r"&&|;", line):
                part = part.strip().replace("$seed", "0")
                if re.search(r"(^|\s)tools/[\w/]+\.(py|sh)|^mmsync [a-z]", part):
                    found.append((page, part))
    return found


COMMANDS = list(dict.fromkeys(command_lines()))


def words_of(command: str) -> list[str]:
    words = itertools.chain.from_iterable(expanded(word) for word in shlex.split(command, comments=True))
    words = list(itertools.dropwhile(lambda word: word != "mmsync" and not word.startswith("tools/"), words))
    if words[0] != "mmsync":
        return words
    path = commands.commands().get(words[1].replace("-", "_"), ROOT / f"tools/there is no {words[1]}")
    return [path.relative_to(ROOT).as_posix(), *words[2:]]


def anchors(path: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_two_commands_of_a_stranger():
    lines = [line.strip() for block in blocks("README.md", "bash") for line in block.splitlines()]
    assert [line for line in lines if line.startswith("python -m pip install")][:2] == [
        "python -m pip install -e . && python tools/train.py configs/aimclr/aimclr_stgcn_synthetic.py",
        'python -m pip install -e ".[test]" && python -m pytest',
    ]


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_short_lines(page):
    assert len(re.findall(r"^# ", prose(page), re.MULTILINE)) == 1
    written = re.sub(r"<!-- (\w+): begin -->\n.*<!-- \1: end -->", "", text_of(page), flags=re.DOTALL)  # by hand
    assert [line for line in written.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_resolves(page):
    """Relative links and pictures, with the headings that they point to."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page):
    named = re.findall(r"(?<![\w/.])((?:tools|configs|projects|docs|tests|mmsync)/[\w./{},-]*\w)", text_of(page))
    paths = [path for name in named for path in expanded(name)]
    missing = [path for path in dict.fromkeys(paths) if not (ROOT / path).exists()]
    assert [path for path in missing if "my_" not in path and not path.startswith("mmsync/cli")] == []


def test_pictures_are_small():
    assert [path for path in (ROOT / "docs" / "images").iterdir() if path.stat().st_size > 150_000] == []


class Parsed(BaseException):
    """Stops a tool when it has read its arguments."""


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}:{i}" for i, (page, _) in enumerate(COMMANDS)])
def test_a_tool_takes_the_arguments_of_a_command(page, command, monkeypatch):
    tool, *arguments = words_of(command)
    assert (ROOT / tool).is_file()
    if tool.endswith(".sh") or not arguments:
        return

    def stopping(parse):
        def parse_and_stop(*args):
            parse(*args)
            raise Parsed

        return parse_and_stop

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(getattr(argparse.ArgumentParser, name)))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [tool, *arguments])
    message = io.StringIO()
    with contextlib.redirect_stderr(message), pytest.raises((Parsed, SystemExit)) as stopped:
        runpy.run_path(str(ROOT / tool), run_name="__main__")
    assert stopped.type is Parsed, message.getvalue()


def with_config() -> list[tuple[str, list[str]]]:
    """Commands that name configs of the repository and what they change in them."""
    found = []
    for _, command in COMMANDS:
        _, *arguments = words_of(command)
        configs = [word for word in arguments if re.match(r"((configs|projects)/(?!_base_).*\.py|\w+/\w+)$", word)]
        configs = [word for word in configs if word.endswith(".py") or fileio.config_path(word).is_file()]
        at = arguments.index("--cfg-options") + 1 if "--cfg-options" in arguments else len(arguments)
        options = list(itertools.takewhile(lambda word: not word.startswith("--"), arguments[at:]))
        if "--set" in arguments:  # of a sweep: the first value of each axis
            axes = itertools.takewhile(lambda word: "=" in word, arguments[arguments.index("--set") + 1 :])
            options += [axis.split(",")[0] for axis in axes]
        found += [(config, options) for config in configs]
    return [list(item) for item in {(config, tuple(options)) for config, options in found}]


@pytest.mark.parametrize(("config", "options"), sorted(with_config()))
def test_a_config_of_a_command_passes_the_check_with_its_options(config, options):
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={})
    values = parser.parse_args(["--cfg-options", *options] if options else []).cfg_options
    check(load(ROOT / config if config.endswith(".py") else config, values))


def checkpoints() -> list[tuple[str, str, int]]:
    """``(page, config, epoch)`` of the checkpoints of shipped configs that pages name by ``work_dirs/NAME/epoch_N``."""
    stems = {path.stem: path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").glob("*/*.py")}
    found = []
    for page in PAGES:
        text = re.sub(r"\\\n\s*", "", text_of(page))
        for line in text.splitlines():
            if "max_epochs" not in line:  # a run that was shortened
                found += [(page, stems[name], int(epoch))
                          for name, epoch in re.findall(r"work_dirs/(\w+)/epoch_(\d+)\.pth", line)
                          if name in stems]  # fmt: skip
    return sorted(set(found))


@pytest.mark.parametrize(("page", "config", "epoch"), checkpoints())
def test_a_checkpoint_that_is_named_is_the_last_of_its_config(page, config, epoch):
    assert load(ROOT / config).train_cfg.max_epochs == epoch


def test_the_commands_are_found():
    """Guards the tests above: an expression that matches nothing proves nothing."""
    assert len(COMMANDS) >= LEAST_COMMANDS
    assert len(checkpoints()) >= LEAST_CHECKPOINTS


def block_with(page: str, word: str) -> str:
    (block,) = (block for block in blocks(page, "python") if word in block)
    return block


def test_features_without_training():
    found = {"clips": [np.random.default_rng(0).normal(size=(frames, 20, 3)) for frames in (30, 40)]}
    exec(block_with("README.md", "MotionEmbedder"), found)
    assert found["features"].shape == (2, 3840)


def test_the_store_is_written_as_described(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clips = [(f"clip{i}", np.ones((1, 5 + i, 25, 3), np.float32), i % 2, i) for i in range(6)]
    exec(block_with("docs/data.md", "StoreWriter"), {"my_clips": lambda: clips})
    source = StoreSource("data/mine")
    assert source.names == ["clip0", "clip1", "clip2", "clip3", "clip4", "clip5"]
    assert source.attributes["subject"].tolist() == [0, 1, 2, 3, 4, 5]
    assert source.splits == {"train": ["clip0", "clip1", "clip2", "clip3"], "test": ["clip4", "clip5"]}
    check(load(ROOT / "configs/default/default_store.py", {"root": "data/mine"}))


def test_a_config_of_ones_own_passes_the_check(tmp_path):
    text = re.sub(r'"(?:\.\./)?configs/', f'"{ROOT}/configs/', block_with("docs/data.md", "_base_"))
    (tmp_path / "mine.py").write_text(text)
    cfg = load(tmp_path / "mine.py")
    check(cfg)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.source.type == "StoreSource"
    assert cfg.train_dataloader.dataset.split == dict(subject=[1, 2, 3])
    assert cfg.val_dataloader.dataset.roles.query == dict(subject=[4, 5])


COMPLETE = [("docs/components.md", block) for block in blocks("docs/components.md", "python")]
COMPLETE += [("docs/python_api.md", block) for block in blocks("docs/python_api.md", "python") if "print(" in block]


@pytest.mark.parametrize(("page", "code"), COMPLETE, ids=[f"{page}:{i}" for i, (page, _) in enumerate(COMPLETE)])
def test_an_example_prints_what_it_says(page, code, tmp_path, monkeypatch):
    """Each block is complete: it runs alone, and prints what the comment behind its ``print`` says."""
    monkeypatch.chdir(tmp_path)
    expected = re.findall(r"^print\(.*\)(?:  |\n)# (.*)$", code, re.MULTILINE)
    before = {registry: set(registry.module_dict) for registry in type(MODELS).instances}
    printed = []
    try:
        names = {"__name__": "example", "print": lambda *values: printed.append(" ".join(map(str, values)))}
        exec(compile(code, page, "exec"), names)
    finally:
        for registry, names in before.items():
            for name in set(registry.module_dict) - names:
                if registry.module_dict[name].__module__ == "example":
                    del registry.module_dict[name]
    assert expected
    assert printed == expected


def test_the_tables_of_models_are_up_to_date():
    """They are made from the configs and their metafiles, never typed."""
    spec = importlib.util.spec_from_file_location("model_table", ROOT / "tools" / "misc" / "model_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.table()
    assert all(f"(../{path.relative_to(ROOT).as_posix()})" in table for path in module.configs())
    assert table in GENERATED.read_text(encoding="utf-8")
    assert module.families() in text_of("README.md")


def test_the_readme_names_every_method():
    MODELS.import_from_location()
    ours = [name for name, kind in MODELS.module_dict.items() if kind.__module__.startswith("mmsync.")]
    methods = [name for name in ours if issubclass(MODELS.module_dict[name], SelfSupervisedModel)]
    table = text_of("README.md").split("## Methods")[1].split("\n## ")[0]
    assert [name for name in methods if name not in table] == []
