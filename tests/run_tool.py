"""Runs a tool in the process of the tests, which saves the imports."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from unittest import mock

TOOLS = Path(__file__).parents[1] / "tools"


def run_tool(name: str, *args: object) -> int:
    """The exit code of a tool, ``name`` relative to ``tools/``."""
    with mock.patch.object(sys, "argv", [name, *map(str, args)]):
        try:
            runpy.run_path(str(TOOLS / name), run_name="__main__")
        except SystemExit as stop:
            return stop.code or 0
    return 0
