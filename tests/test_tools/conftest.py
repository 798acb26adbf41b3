"""What the tests of tools share."""

from __future__ import annotations

import pytest
from run_tool import run_tool


@pytest.fixture
def tool(capfd):
    """Runs a tool in this process: its exit code and what it printed."""

    def run(name, *args):
        code = run_tool(name, *args)
        said = capfd.readouterr()
        return code, said.out + said.err

    return run
