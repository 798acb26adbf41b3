"""Make a store of tracks of TV Human Interaction: its videos and its .annotations files.

    python tools/dataset_converters/tvhid.py tv_human_interactions data/tvhid --workers 4

RAW_DIR is searched with all folders in it; the videos stay where they are. Clips that cannot be used are left out,
counted and named in OUT/report.json, as is what is odd about the others. A stopped conversion goes on where it was when
the same command is given again.

With --boxes the annotated upper bodies are replaced by boxes that a detector or tracker found, whole bodies for
instance: a COCO json, or a folder of MOT csv files, one for each clip. Annotated people keep their number and label.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsync.converters.conversion import run_tool
from mmsync.converters.tvhid_folder import convert_tvhid


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_dir", type=Path, help="folder of the videos and annotations")
    parser.add_argument("out", type=Path, help="the store to make; the configs expect data/tvhid")
    parser.add_argument(
        "--max-gap", type=int, default=0, help="fill gaps of up to so many frames (default: %(default)s)"
    )
    parser.add_argument("--boxes", type=Path, help="found boxes instead of the annotated ones")
    parser.add_argument(
        "--link", type=float, default=0.4, help="least share of an annotated box that a found one covers"
    )
    parser.add_argument("--min-score", type=float, default=0.0, help="leave out found boxes with a lower score")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_args()


def main() -> int:
    """Convert; returns the exit code."""
    args = parse_args()
    return run_tool(
        lambda: convert_tvhid(
            args.raw_dir, args.out, args.max_gap, args.boxes, args.link, args.min_score, args.workers, args.overwrite
        ),
        args.out,
        "sync3d/sync3d_i3d_{}",
    )


if __name__ == "__main__":
    sys.exit(main())
