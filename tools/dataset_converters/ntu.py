"""Make mmsync's store of the raw .skeleton files of NTU RGB+D 60 or 120.

    python tools/dataset_converters/ntu.py nturgb+d_skeletons data/ntu60 --workers 8

RAW_DIR is searched with all folders in it. Clips without usable skeletons, as published, are left out; files that
cannot be used are left out, counted and named in OUT/report.json. A stopped conversion goes on where it was when the
same command is given again; until it is finished, it keeps its parts in a hidden folder beside OUT, which needs as much
space as the store (about 2 GB for NTU60, 4 GB for NTU120).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsync.converters.conversion import Report, run_tool
from mmsync.converters.ntu import DATASETS_OF_NTU
from mmsync.converters.ntu_folder import convert_ntu, read_names


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_dir", type=Path, help="folder of the raw files")
    parser.add_argument("out", type=Path, help="the store to make; the configs expect data/ntu60 or data/ntu120")
    parser.add_argument("--dataset", choices=("auto", *DATASETS_OF_NTU), default="auto", help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--missing-list", help="a list of clips to leave out instead of the published one; 'none' to leave out none"
    )
    parser.add_argument(
        "--max-bad-share",
        type=float,
        default=1.0,
        help="give up if more of the files are faulty (0..1; default: never)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_args()


def main() -> int:
    """Convert; returns the exit code."""
    args = parse_args()

    def convert() -> Report:
        missing = None
        if args.missing_list is not None:
            missing = frozenset() if args.missing_list == "none" else read_names(args.missing_list)
        return convert_ntu(
            args.raw_dir, args.out, args.dataset, args.workers, missing, args.max_bad_share, args.overwrite
        )

    return run_tool(convert, args.out)


if __name__ == "__main__":
    sys.exit(main())
