"""What README.md, docs/ and the comments of configs say of names, options, values and formats is so."""

from __future__ import annotations

import ast
import builtins
import configparser
import contextlib
import functools
import importlib
import itertools
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from mmsync.config import check, load
from mmsync.config.signature import accepted
from mmsync.errors import ConfigError
from mmsync.interop.family import FAMILIES, get_family
from mmsync.protocols import list_protocols, load_protocol
from mmsync.registry import BACKBONES, DATASETS, LOSSES, METRICS, MODELS, PROBES, TRANSFORMS, Registry
from mmsync.structures import SkeletonLayout
from mmsync.worlds import FORMATS
from tests.test_readme import PAGES, ROOT, blocks, command_lines, expanded, prose, text_of

DESIGN = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/design/*.md"))
EVERYWHERE = [*PAGES, "docs/models.md", *DESIGN]
GUIDES = [page for page in EVERYWHERE if page not in DESIGN and page != "CHANGELOG.md"]  # of today's code alone
CODE = {path: path.read_text(encoding="utf-8") for folder in ("mmsync", "tools", "projects") for path in
        sorted((ROOT / folder).rglob("*.py"))}  # fmt: skip
EXPERIMENTS = sorted(
    path for path in (ROOT / "configs").rglob("*.py") if not {"_base_", "benchmarks"} & {*path.parent.parts}
)


def ticks(page: str) -> list[str]:
    """What stands between backticks in the text of a page, on one line."""
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose(page))]


@functools.cache
def classes_and_functions() -> frozenset[str]:
    found = set(dir(builtins))
    for text in [*CODE.values(), *(block for page in PAGES for block in blocks(page, "python"))]:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                found.add(node.name)
    return frozenset(found)


def tables(page: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Header and rows of each table of a page."""
    for found in re.findall(r"(?:^\|.*\|\n)+", text_of(page), re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines())
        yield head, rows


def table(page: str, first: str) -> list[list[str]]:
    """Rows of the table of a page whose first column is headed ``first``."""
    (rows,) = (rows for head, rows in tables(page) if head[0] == first)
    return rows


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def ours(registry: Registry, kind: type = object) -> set[str]:
    registry.import_from_location()
    found = registry.module_dict.items()
    return {name for name, one in found if one.__module__.startswith("mmsync.") and issubclass(one, kind)}


# --- names


@pytest.mark.parametrize("page", EVERYWHERE)
def test_a_dotted_name_can_be_imported(page):
    wrong = []
    for name in dict.fromkeys(re.findall(r"\bmmsync(?:\.[A-Za-z_]\w*)+", text_of(page))):
        if name == "mmsync.plugins":  # a group of entry points
            continue
        module, _, attribute = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ImportError:
            if not hasattr(importlib.import_module(module), attribute):
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in EVERYWHERE if page != "CHANGELOG.md"])  # it names former ones
def test_a_class_that_is_named_exists(page):
    known = classes_and_functions() | {name for one in Registry.instances for name in one.names()}
    upstream = {"Args", "Returns", "Raises", "View", "Runner", "Bottleneck", "StandardScaler", "Conv2d", "BatchNorm3d"}
    words = {
        word for text in ticks(page) for word in re.findall(r"(?<![\w./=])[A-Z][a-z0-9]+[A-Z]\w*(?=$|\(|\.)", text)
    }
    assert sorted(words - known - upstream) == []


@functools.cache
def files() -> frozenset[str]:
    return frozenset(path.name for path in ROOT.rglob("*.*") if ".git" not in path.parts)


@pytest.mark.parametrize("page", EVERYWHERE)
def test_a_file_that_is_named_without_a_folder_exists(page):
    made = {"my_parts.py", "my_net.py", "my_method.py", "my_loss.py", "mine.py"}  # by the reader
    named = {n for text in ticks(page) for name in re.findall(r"(?<![\w/.*<>{}-])[\w{},]+\.(?:py|sh|md|yml)\b", text)
             for n in expanded(name) if "{" not in n and "}" not in n}  # fmt: skip
    assert (
        sorted(name for name in named - files() - made if not any(f'"{name}"' in text for text in CODE.values())) == []
    )


@pytest.mark.parametrize("page", GUIDES)
def test_a_config_that_is_named_by_its_stem_exists(page):
    folders = {path.name for path in (ROOT / "configs").iterdir()}
    stems = {path.stem for path in (ROOT / "configs").rglob("*.py")}
    named = {text for text in ticks(page) if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", text)}
    named = {text for text in named if any(text.startswith(f"{folder}_") for folder in folders)}
    assert sorted(named - stems) == []


def test_an_environment_variable_is_one_that_the_code_reads_and_all_are_named():
    read = {name for text in CODE.values() for name in re.findall(r"MMSYNC_[A-Z_]+", text)}
    read |= set(re.findall(r"MMSYNC_[A-Z_]+", (ROOT / "tests" / "conftest.py").read_text()))
    assert {name for page in GUIDES for name in re.findall(r"MMSYNC_[A-Z_]+", text_of(page))} == read


@pytest.mark.parametrize("page", DESIGN)
def test_a_path_in_a_design_page_exists(page):
    named = re.findall(r"(?<![\w/.])((?:tools|configs|projects|docs|tests|mmsync)/[\w./{},*-]*[\w}*])", text_of(page))
    paths = [path for name in named for path in expanded(name)]
    assert [path for path in dict.fromkeys(paths) if not any(ROOT.glob(path))] == []


# --- options


@functools.cache
def options_of_tools() -> frozenset[str]:
    found = {
        "--help",
        *(
            f"--{name.replace('_', '-')}"
            for family in map(get_family, FAMILIES)
            for name in (*family.options, *family.reverse_options)
        ),
    }
    for text in CODE.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and str(a.value).startswith("--")}
    return frozenset(found)


@pytest.mark.parametrize("page", EVERYWHERE)
def test_an_option_is_one_of_a_tool(page):
    others = {"--index", "--check", "--config-file"}  # of ruff and mypy
    named = {word for text in ticks(page) for word in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)}
    assert sorted(named - options_of_tools() - others) == []


@pytest.mark.parametrize(("page", "tool"), [("docs/training.md", "train"), ("docs/evaluation.md", "benchmark")])
def test_the_table_of_options_is_of_that_tool(page, tool):
    text = CODE[ROOT / "tools" / f"{tool}.py"] + CODE[ROOT / "mmsync" / "apis" / "cli.py"]
    for option, *_ in table(page, "option"):
        (name, *rest) = names_in(option)[0].replace("[", "").split(maxsplit=1)
        assert f'"{name}"' in text, option
        choices = re.findall(r"\{([\w,]+)\}", "".join(rest))
        assert all(f'"{choice}"' in text for group in choices for choice in group.split(",")), option


def settings_in(text: str) -> list[tuple[str, str]]:
    """``key=value`` of a text that are meant for ``--cfg-options``; a value in capitals stands for the reader's."""
    found = re.findall(r"(?<![\w.(,-])([a-z_]\w*(?:\.\w+)*)=([\w.+-]*\w)(?![\w(=])", text)
    return [(key, value) for key, value in found if value in ("None", "True", "False") or not value.isupper()]


def takes(path: Path, key: str, value: str) -> str:
    """What is wrong with a setting of a config, if anything."""
    with contextlib.suppress(ValueError, SyntaxError):
        value = ast.literal_eval(value)
    try:
        check(load(path, {key: value}))
    except ConfigError as error:
        return f"{key}={value}: {error}"
    return ""


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_setting_in_the_comment_of_a_config_is_taken_by_it(path):
    comment = " ".join(itertools.takewhile(lambda line: line.startswith("#"), path.read_text().splitlines()))
    wrong = [takes(path, key, value) for key, value in settings_in(comment.replace("# ", ""))]
    assert [text for text in wrong if text] == []


def all_settings() -> list[tuple[str, str, str]]:
    """``--cfg-options`` in the text of the pages, and alone in backticks where a page names a variable's value."""
    found = []
    for page in GUIDES:
        for text in ticks(page):
            if text.startswith("--cfg-options"):
                found += [(page, key, value) for key, value in settings_in(text[len("--cfg-options") :])]
            elif re.fullmatch(r"[a-z_]+=[a-z_0-9]+", text) and any(
                f"\n{text.split('=')[0]} = " in base for base in BASES
            ):
                found += [(page, *text.split("="))]
    return sorted(set(found))


BASES = [path.read_text() for path in (ROOT / "configs" / "_base_").rglob("*.py")]


@pytest.mark.parametrize(("page", "key", "value"), all_settings())
def test_a_setting_in_the_text_is_taken_by_a_config(page, key, value):
    tried = [path for path in EXPERIMENTS if path.stem in CHOSEN]
    assert any(not takes(path, key, value) for path in tried), f"{page}: {key}={value}"


CHOSEN = {  # one of each family
    "aimclr_stgcn_ucla_xview", "aimclr_stgcn_ntu60_xsub", "aimclr_stgcn_pku1_xsub", "mbaimclr_dstformer_ntu60_xsub",
    "sync3d_i3d_tvhid", "sync3d_stgcn_sbu_fold1", "supervised_r3d18_ucf101", "supervised_r3d18_hmdb51",
    "simclr_view_all_stgcn_ucla_xview", "simclr_view_all_stgcn_ntu60_xsub", "simclr_stgcn_ucla_xview",
    "aimclr_stgcn_ntu120_xsub", "skeletonclr_stgcn_ntu60_xsub", "masa_penn", "default_ucla_xview",
}  # fmt: skip


def variables() -> list[tuple[str, str]]:
    """Variables and their values in both tables, one by one."""
    found = []
    for page, column in (("docs/training.md", 1), ("docs/models.md", 2)):
        for row in table(page, "variable"):
            keys, groups = names_in(row[0]), row[column].split(";")
            groups = groups if len(groups) == len(keys) else [row[column]] * len(keys)
            found += [(key, value) for key, group in zip(keys, groups) for value in names_in(group) if value != "+"]
            found += [(key, n) for key, group in zip(keys, groups) for n in re.findall(r"(?<=[ :])\d\b", group)]
    return sorted({(key, value) for key, value in found if "/" not in value})


@pytest.mark.parametrize(("key", "value"), variables())
def test_a_variable_takes_the_values_of_the_tables(key, value):
    assert any(not takes(path, key, value) for path in EXPERIMENTS if path.stem in CHOSEN)


# --- dicts of configs in the pages


def typed_dicts(page: str) -> Iterator[tuple[str, set[str]]]:
    """``type`` and keys of each ``dict(type=...)`` in code and text."""
    for text in [*blocks(page, "python"), *ticks(page)]:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            keys = {k.arg: k.value for k in getattr(node, "keywords", ()) if k.arg}
            if getattr(getattr(node, "func", None), "id", "") == "dict" and isinstance(keys.get("type"), ast.Constant):
                yield keys["type"].value, set(keys) - {"type", "_delete_"}


@pytest.mark.parametrize("page", GUIDES)
def test_a_component_in_a_snippet_takes_its_arguments(page):
    own = {
        node.name
        for block in blocks(page, "python")
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ClassDef)
    }
    wrong = []
    for kind, keys in typed_dicts(page):
        targets = [one for registry in Registry.instances if (one := registry.find(kind)) is not None]
        if not targets and kind not in own:
            wrong.append(kind)
        if targets and not any(accepted(t).open or keys <= set(accepted(t).annotations) for t in targets):
            wrong.append(f"{kind}: {sorted(keys)}")
    assert wrong == []


# --- lists that claim to be complete


def test_the_table_of_probes():
    rows = {names_in(row[0])[0]: names_in(row[1])[0] for row in table("docs/evaluation.md", "probe")}
    PROBES.import_from_location()
    assert rows == {name: f"{kind.name}/{kind.headline}" for name, kind in PROBES.module_dict.items() if
                    kind.__module__.startswith("mmsync.")}  # fmt: skip


def test_the_table_of_protocols_names_all_of_them():
    text = " ".join(cell for row in table("docs/evaluation.md", "protocol") for cell in row)
    known = set(list_protocols(ROOT / "configs" / "benchmarks"))
    named = {name for name in names_in(text) if not name.startswith("_")}
    named |= {f"{name}_uniform" for name in named if name.startswith("semi")}
    patterns = {name for name in named if name.endswith("*")}
    named = named - patterns | {name for name in known if any(name.startswith(p[:-1]) for p in patterns)}
    assert named == known


@pytest.mark.parametrize("name", sorted(list_protocols(ROOT / "configs" / "benchmarks")))
def test_a_setting_in_the_comment_of_a_protocol_has_a_place(name):
    path = list_protocols(ROOT / "configs" / "benchmarks")[name]
    comment = " ".join(line[2:] for line in path.read_text().splitlines() if line.startswith("# "))
    cfg = load_protocol(name, ROOT / "configs" / "benchmarks").cfg
    for key, _ in settings_in(comment):
        *above, last = key.split(".")
        place = cfg
        for part in above:
            assert part in place, key
            place = place[part]
        assert last in place or last in accepted(PROBES.get(place["type"])).annotations, key


def test_the_table_of_sources():
    DATASETS.import_from_location()
    named = {name for row in table("docs/data.md", "source") for name in names_in(row[0])}
    assert named == {name for name in ours(DATASETS) if name.endswith("Source")}


def test_the_table_of_preparations():
    named = {name for row in table("docs/data.md", "transform") for name in names_in(row[0])}
    ours(TRANSFORMS)
    presets = {n for n, kind in TRANSFORMS.module_dict.items() if kind.__module__.endswith("transforms.presets")}
    assert named == presets - {"PreNormalize3D"}  # the second half of PYSKL's, at loading


def test_the_table_of_video_transforms():
    named = {name for row in table("docs/video.md", "transform") for name in names_in(row[0])}
    ours(TRANSFORMS)
    assert named == {
        n for n, kind in TRANSFORMS.module_dict.items() if kind.__module__.startswith("mmsync.views.video")
    }


def test_the_layouts():
    text = re.search(r"Layouts in mmsync:(.*?)\. Your own", text_of("docs/data.md"), re.DOTALL)[1]
    assert set(names_in(text)) == set(SkeletonLayout.names())
    assert all(SkeletonLayout.from_config(name).name == name for name in SkeletonLayout.names())


def test_the_formats_of_synthetic_data():
    text = re.search(r"formats of other code bases:(.*?)\.\n", text_of("docs/data.md"), re.DOTALL)[1]
    assert set(names_in(text)) == set(FORMATS)


def test_the_table_of_extras():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    rows = {names_in(row[0])[0][2:-1]: row[1].lower() for row in table("docs/get_started.md", "extra")}
    assert set(rows) == set(extras)
    spoken = {"av": "pyav"}
    for name, text in rows.items():
        packages = [re.split(r"[>=<]", line)[0] for line in extras[name].split()]
        assert all(spoken.get(package, package) in text for package in packages), name


def test_the_rows_of_the_readme_are_those_of_the_configs():
    """Backbones and data sets of all methods of a row, as in docs/models.md, which has a row for each method."""
    made: dict[str, tuple[set, set]] = {}
    for method, backbones, cells in next(rows for head, rows in tables("docs/models.md") if head[0] == "method"):
        name = method.split(" (")[0]
        found = made.setdefault(name, (set(), set()))
        found[0].update(backbones.split(", "))
        found[1].update(cell.split(":")[0] for cell in cells.split("; "))
    family = {"skeletons": "skeleton", "video": "video", "sound": "audio", "sequences": "sequence"}
    rows = [
        ({family[word] for word in title.split(" and ")}, *(set(re.split(r", | or ", cell)) for cell in cells))
        for title, *cells in table("README.md", "learned from")
    ]
    for name, (backbones, sets) in made.items():  # a method of skeletons and of video is in both rows
        told = [row for row in rows if name in row[1]]
        assert set().union(*(row[2] for row in told)) >= backbones, name
        assert set().union(*(row[3] for row in told)) >= sets, name
    for modalities, methods, backbones, sets in rows:
        known = [made[name] for name in methods if name in made]
        assert set().union(*(one[0] for one in known)) >= backbones
        assert set().union(*(one[1] for one in known)) >= sets
        assert {BACKBONES.get(name).modality for name in backbones} == modalities


INDEX = yaml.safe_load((ROOT / "model-index.yml").read_text())["Import"]


def test_the_index_names_the_metafiles():
    assert sorted(INDEX) == sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "configs").rglob("metafile.yml"))
    names = [model["Name"] for name in INDEX for model in yaml.safe_load((ROOT / name).read_text())["Models"]]
    assert len(names) == len(set(names))


def named_results(config: str, protocols: list[str]) -> list[str]:
    """Patterns of the results that probes of a config, or of protocols, give."""
    folder = ROOT / "configs" / "benchmarks"
    found = [load_protocol(name, folder).cfg for name in protocols] or [load(ROOT / config)]
    return [name for cfg in found for name in METRICS.build(dict(cfg["test_evaluator"])).gives]


@pytest.mark.parametrize("name", INDEX)
def test_a_metafile_names_configs_and_says_how_each_number_was_measured(name):
    """``Results: []`` stands for a config that was not measured."""
    found = yaml.safe_load((ROOT / name).read_text())
    titles = {one["Name"] for one in found["Collections"]}
    for model in found["Models"]:
        assert set(model) == {"Name", "In Collection", "Config", "Results"}, model["Name"]
        assert model["In Collection"] in titles
        assert (ROOT / model["Config"]).is_file()
        assert (ROOT / model["Config"]).stem == model["Name"]
        assert Path(name).parent == Path(model["Config"]).parent
        for one in model["Results"]:
            assert {"Dataset", "Seed", "Command", "Metrics"} <= set(one), model["Name"]
            assert set(one) <= {"Dataset", "Seed", "Command", "Metrics", "Protocols", "Time", "Note"}, model["Name"]
            seeds = one["Seed"] if isinstance(one["Seed"], list) else [one["Seed"]]
            assert all(isinstance(seed, int) for seed in seeds)
            said = re.search(r"--seeds? ([\d ]+)", one["Command"])
            # the suite has seeds of its own
            assert seeds == ([int(seed) for seed in said[1].split()] if said else [0, 1])
            paths = re.findall(r"(?:tools|configs)/[\w/]+\.py", one["Command"])
            assert paths
            assert all((ROOT / path).is_file() for path in paths)
            assert "CONFIG" in one["Command"] or len(paths) > 1
            gives = named_results(model["Config"], one.get("Protocols", []))
            wrong = [key for key in one["Metrics"] if not any(fnmatch(key, pattern) for pattern in gives)]
            assert wrong == [], (model["Name"], gives)
            assert one["Metrics"]
            assert all(0 < value <= 100 for value in one["Metrics"].values())


def test_the_losses_that_pages_take_from_a_config_are_registered():
    named = {kind for page in GUIDES for kind, _ in typed_dicts(page) if kind.endswith("Loss")}
    assert named - ours(LOSSES) <= {"HingeLoss"}  # the example of docs/components.md
    assert ours(MODELS)


def test_what_is_tested_here_is_there():
    """Guards the tests above: an expression that matches nothing proves nothing."""
    assert len(all_settings()) >= 6
    assert len(variables()) >= 20
    assert sum(len(list(typed_dicts(page))) for page in GUIDES) >= 40
    assert len(command_lines()) >= 60
    assert "--cfg-options" in options_of_tools()


@pytest.mark.parametrize("page", EVERYWHERE)
def test_prose_is_spelt_as_the_identifiers_are(page):
    """American, as PyTorch's: color, neighbor, center, normalize."""
    stems = "colour|neighbour|behaviour|centre|metre|labelled|grey|learnt|artefact|(?:al|im|ron|ard|ant)is(?=[ei])"
    text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose(page))
    assert sorted(set(re.findall(rf"\w*(?:{stems})\w*", text, re.IGNORECASE))) == []


def test_docstrings_and_messages_are_spelt_so_too():
    stems = "colour|neighbour|behaviour|\\bcentr(?:e|es|ed)\\b|metres?\\b|labelled|learnt|artefact"
    stems += "|(?:al|im|tim|ron|ard|ant)is(?=[ei])"
    files = [path for folder in ("mmsync", "tools", "configs") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {(word, path.name) for path in files for word in re.findall(rf"\w*(?:{stems})\w*", path.read_text(), re.I)}
    assert len(files) > 500
    assert sorted(found) == []
