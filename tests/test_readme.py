"""What the README tells a stranger to type exists, and its code works."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from mmsync.config import check, load
from mmsync.datasets.sources import StoreSource

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line.strip() for kind, block in BLOCKS if kind in ("", "bash") for line in block.splitlines()]


def python_block(word: str) -> str:
    found = [block for kind, block in BLOCKS if kind == "python" and word in block]
    assert len(found) == 1, f"{len(found)} python blocks of the README hold {word}"
    return found[0]


def test_the_two_commands_of_a_stranger():
    assert [line for line in LINES if line.startswith("python -m pip install")][:2] == [
        "python -m pip install -e . && python tools/train.py configs/aimclr/aimclr_stgcn_synthetic.py",
        'python -m pip install -e ".[test]" && python -m pytest',
    ]


def test_every_file_that_is_run_or_linked_exists():
    """Tools and configs in commands and in the text, and the targets of relative links."""
    named = re.findall(r"\b((?:tools|configs|projects|docs)/[\w./-]+\.(?:py|sh|md))\b", TEXT)
    linked = [target for target in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in target]
    assert len(named) >= 5
    assert [name for name in dict.fromkeys(named + linked) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("line", [line for line in LINES if re.search(r"tools/(dist_)?(train|test)\.", line)])
def test_a_command_names_a_tool_and_then_a_config_that_passes_the_check(line):
    tool, config = re.search(r"(tools/\w+\.(?:py|sh)) (\S+)", line).groups()
    assert (ROOT / tool).is_file()
    check(load(ROOT / config))


def test_the_store_is_written_as_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clips = [(f"clip{i}", np.ones((1, 5 + i, 25, 3), np.float32), i % 2, i) for i in range(4)]
    exec(python_block("StoreWriter"), {"my_clips": lambda: clips})
    source = StoreSource("data/mine")
    assert source.names == ["clip0", "clip1", "clip2", "clip3"]
    assert source.attributes["subject"].tolist() == [0, 1, 2, 3]


def test_the_config_of_ones_own_passes_the_check(tmp_path):
    text = re.sub(r'"(?:\.\./)?configs/', f'"{ROOT}/configs/', python_block("_base_"))
    (tmp_path / "mine.py").write_text(text)
    cfg = load(tmp_path / "mine.py")
    check(cfg)
    assert cfg.train_dataloader.dataset.source.type == "StoreSource"


def test_the_table_of_models_is_up_to_date():
    """It is made from the configs and their metafiles, never typed."""
    spec = importlib.util.spec_from_file_location("model_table", ROOT / "tools" / "misc" / "model_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert all(f"(../{path.relative_to(ROOT).as_posix()})" in module.table() for path in module.configs())
    assert module.table() in (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
