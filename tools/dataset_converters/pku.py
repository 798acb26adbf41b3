"""Make mmsync's store of PKU-MMD's labelled actions.

    python tools/dataset_converters/pku.py PKU-MMD data/pku1 --phase 1 --workers 4
    python tools/dataset_converters/pku.py PKU-MMD-v2 data/pku2 --phase 2

RAW_DIR is searched with all folders in it for recordings (0002-L.txt; A01N01-L.txt), label files of the same names, and
split files (cross-subject.txt; cross_subject_v2.txt; the same for views). Actions are stored whole; how long ones are
shortened is the preset's business. A stopped conversion goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsync.converters.conversion import run_tool
from mmsync.converters.pku import PHASES, convert_pku


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_dir", type=Path, help="folder of the raw files")
    parser.add_argument("out", type=Path, help="the store to make; the configs expect data/pku1 or data/pku2")
    parser.add_argument("--phase", type=int, choices=PHASES, required=True)
    parser.add_argument(
        "--cut",
        choices=("aimclr", "mamp"),
        default="aimclr",
        help="what labels call the first frame: 1 (aimclr, the default) or 0 (mamp)",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--max-bad-share",
        type=float,
        default=1.0,
        help="give up if more of the recordings have faults (0..1; default: never)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_args()


def main() -> int:
    """Convert; returns the exit code."""
    a = parse_args()
    return run_tool(
        lambda: convert_pku(a.raw_dir, a.out, a.phase, a.cut, a.workers, a.max_bad_share, a.overwrite), a.out
    )


if __name__ == "__main__":
    sys.exit(main())
