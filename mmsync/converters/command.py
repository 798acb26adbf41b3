"""The shared parts of the converters' command lines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from mmsync.converters.report import Report
from mmsync.errors import MMSyncError


def number(kind: type, low: float, high: float = float("inf")) -> Callable[[str], Any]:
    """The type of an argument: a number of a kind from ``low`` to ``high``."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            wanted = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} {wanted}")
        return value

    return parse


COUNT, NUMBER, SHARE, SECONDS = number(int, 1), number(int, 0), number(float, 0, 1), number(float, 1)


def converter_parser(doc: Optional[str], out: str, bad: str = "", **inputs: str) -> argparse.ArgumentParser:
    """A parser with all converters' arguments: paths ``inputs``, ``out`` and more; ``bad`` adds ``--max-bad-share``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in inputs.items():
        parser.add_argument(name, type=Path, metavar="RAW_DIR" if name == "raw" else name.upper(), help=text)
    parser.add_argument("out", type=Path, metavar="OUT", help=out)
    parser.add_argument("--workers", type=COUNT, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    if bad:
        text = f"stop if a larger share of the {bad} is faulty (0..1; default: never)"
        parser.add_argument("--max-bad-share", type=SHARE, default=1.0, help=text)
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser


def run_safely(work: Callable[[], int], out: Path) -> int:
    """Run resumable work that makes ``out``, print an error or an interruption in one line; return the exit code."""
    try:
        return work()
    except MMSyncError as error:
        print(error)
        return 1
    except OSError as error:
        print(f"{error.filename or out}: {error.strerror or error}; check that the input is readable, OUT writable")
        return 1
    except KeyboardInterrupt:
        print("\nstopped; finished parts are kept: repeat the same command to resume")
        return 130


def run_converter(
    convert: Callable[..., Report], args: dict[str, Any], config: str = "aimclr/aimclr_stgcn_{}_xsub"
) -> int:
    """Call ``convert(**args)``, print report and next command (``{}`` in ``config``: the data); return an exit code."""
    out: Path = args["out"]

    def work() -> int:
        report = convert(**args)
        size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
        print(f"{report.to_text()}\nstore: {out}, {size:.1f} MB; report: {out}/report.json")
        place = "" if out.resolve() == Path("data", report.dataset).resolve() else f" --cfg-options data_root={out}"
        print(f"next: mmsync train {config.format(report.dataset)}{place}")
        return 0

    return run_safely(work, out)
