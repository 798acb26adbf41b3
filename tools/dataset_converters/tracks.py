"""Make a store of tracks of one's own videos, from boxes of people that a detector or tracker found.

    python tools/dataset_converters/tracks.py my_videos tracker_output data/tracks --max-gap 5

BOXES is a folder of MOT csv files, one for each video (my_videos/a.mp4: a.txt), a COCO json, or AVA's csv, whose
boxes, once a second, are joined by straight lines. The videos stay where they are. What cannot be used is left out,
counted and named in OUT/report.json. A stopped conversion goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsync.converters.boxes_folder import convert_boxes
from mmsync.converters.conversion import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, help="folder of the videos")
    parser.add_argument("boxes", type=Path, help="folder of MOT files, COCO json, or AVA csv")
    parser.add_argument("out", type=Path, help="the store to make; the configs expect data/tracks")
    parser.add_argument(
        "--max-gap", type=int, default=0, help="fill gaps of up to so many frames (default: %(default)s)"
    )
    parser.add_argument("--min-score", type=float, default=0.0, help="leave out boxes with a lower score")
    parser.add_argument("--offset", type=float, default=0.0, help="AVA's second at which the files begin: 900 of cuts")
    parser.add_argument("--test", type=Path, help="text file, names of the test videos (default: each fifth video)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_args()


def main() -> int:
    """Convert; returns the exit code."""
    args = parse_args()
    return run_tool(lambda: convert_boxes(**vars(args)), args.out, "sync3d/sync3d_i3d_{}")


if __name__ == "__main__":
    sys.exit(main())
