"""The console shows our information and all warnings, and hides the information that MMEngine gives about itself."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import mmengine
import pytest
from mmengine.logging import print_log

from mmsync.engine.console import ConsoleFilter, tame_console

OF_TOOLS = {"infer/infer.py", "registry/utils.py"}  # called by a user who wants to see the result


def test_console_shows_ours_and_warnings_only(capsys):
    logger = logging.Logger("probe")
    logger.addHandler(logging.StreamHandler())
    tame_console(logger)
    logger.info("from a test")
    inside_mmengine = compile("log('from mmengine')", mmengine.__file__, "exec")
    exec(inside_mmengine, {"log": logger.info})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("from a test")
    exec(inside_mmengine, {"log": logger.warning})
    assert capsys.readouterr().out.endswith("WARNING: from mmengine\n")
    print_log("ours, by way of mmengine", logger)
    assert "ours, by way" in capsys.readouterr().out


def example(node: ast.expr) -> str:
    """The text of a string literal, ``[x]`` in place of each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(example(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "[x]"


def printed_information() -> list[tuple[str, str]]:
    """File and text of all that MMEngine's source prints to the log as information."""
    folder, found = Path(mmengine.__file__).parent, []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print_log":
                options = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
                if options and not any(ast.unparse(option).startswith("logging.") for option in options):
                    found.append((path.relative_to(folder).as_posix(), example(node.args[0])))
    return found


@pytest.mark.parametrize(("file", "text"), printed_information())
def test_messages_of_mmengine_by_print_log_are_hidden(file, text):
    """Red when MMEngine words a message anew or adds one: add it to the filter."""
    record = logging.LogRecord("mmengine", logging.INFO, print_log.__code__.co_filename, 1, text, None, None)
    assert ConsoleFilter().filter(record) == (file in OF_TOOLS)
