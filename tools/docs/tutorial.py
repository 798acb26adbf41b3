"""Run a tutorial and write what it printed and drew: ``python tools/docs/tutorial.py docs/tutorials/videos.py OUT``.

A tutorial is a Python script of cells (``# %%`` code, ``# %% [markdown]`` text in comments), as editors and jupytext
read them. It runs in an empty folder with ``configs``. ``OUT/page.md`` has its text, code and output, ``OUT/*.png`` its
pictures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOG = re.compile(r"^\d\d/\d\d [\d:]+ - mmengine - INFO - .*\n", re.MULTILINE)  # has the time of the day


def cells(text: str) -> list[tuple[str, str]]:
    """``(kind, text)`` of the cells of a script: ``markdown`` or ``code``."""
    found = []
    for kind, body in re.findall(r"^# %%( \[markdown\])?\n(.*?)(?=^# %%|\Z)", text, re.MULTILINE | re.DOTALL):
        body = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if kind else body
        found.append(("markdown" if kind else "code", body.strip()))
    return found


def notebook(parts: list[tuple[str, str]]) -> dict[str, Any]:
    """The cells as a Jupyter notebook, without output."""
    made = []
    for number, (kind, text) in enumerate(parts):
        cell: dict[str, Any] = dict(cell_type=kind, id=str(number), metadata={}, source=text)
        made.append({**cell, **(dict(outputs=[], execution_count=None) if kind == "code" else {})})
    kernel = dict(name="python3", display_name="Python 3", language="python")
    return dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel), cells=made)


def run(script: Path, out: Path) -> None:
    """Run the cells of a script one by one and write the page."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines: list[str] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, (kind, text) in enumerate(cells(script.read_text(encoding="utf-8"))):
        if kind == "markdown":
            lines += [text, ""]
            continue
        lines += ["```python", text, "```", ""]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(text, f"{script.name}, cell {number}", "exec"), names)
        output = LOG.sub("", printed.getvalue()).rstrip()
        lines += ["```text", output, "```", ""] if output else []
        for figure in map(pyplot.figure, pyplot.get_fignums()):
            name = f"{script.stem}_{number}.png"
            figure.savefig(out / name, dpi=110, bbox_inches="tight")
            lines += [f"![{figure.get_label() or 'What the code above draws'}]({name})", ""]
        pyplot.close("all")
    (out / "page.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path, help="docs/tutorials/NAME.py")
    parser.add_argument("out", type=Path, help="folder of the page and its pictures")
    args = parser.parse_args()
    script, out = args.script.resolve(), args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.symlink(ROOT / "configs", "configs")
        run(script, out)
