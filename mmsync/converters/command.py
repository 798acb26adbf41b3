"""The shared parts of the converters' command lines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from mmsync.converters.report import Report
from mmsync.errors import MMSyncError


def converter_parser(doc: Optional[str], out: str, bad: str = "", **inputs: str) -> argparse.ArgumentParser:
    """A parser with all converters' arguments: paths ``inputs``, ``out`` and more; ``bad`` adds ``--max-bad-share``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in inputs.items():
        parser.add_argument(name, type=Path, metavar="RAW_DIR" if name == "raw" else name.upper(), help=text)
    parser.add_argument("out", type=Path, metavar="OUT", help=out)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    if bad:
        text = f"stop if a larger share of the {bad} is faulty (0..1; default: never)"
        parser.add_argument("--max-bad-share", type=float, default=1.0, help=text)
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
        print(f"next: python tools/train.py configs/{config.format(report.dataset)}.py{place}")
        return 0

    return run_safely(work, out)
