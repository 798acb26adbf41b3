"""What the tests of tools share."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch, capfd):
    """Runs a tool in this process: its exit code and what it printed."""

    def run(name, *args):
        monkeypatch.setattr(sys, "argv", [name, *map(str, args)])
        code = 0
        try:
            runpy.run_path(str(ROOT / "tools" / name), run_name="__main__")
        except SystemExit as stop:
            code = stop.code
        said = capfd.readouterr()
        return code, said.out + said.err

    return run
