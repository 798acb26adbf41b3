"""Make a store of tracks of your own videos, from boxes of people that a detector or tracker found.

    mmsync tracks my_videos tracker_output data/tracks --max-gap 5

BOXES is a folder of MOT csv files, one for each video (my_videos/a.mp4: a.txt), a COCO json, or AVA's csv, whose
boxes, once a second, are interpolated linearly. The videos stay where they are. Videos that cannot be used are left
out, counted and named in OUT/report.json. Repeat the same command to resume a stopped conversion.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mmsync.converters.command import NUMBER, converter_parser, run_converter


def main() -> int:
    """Convert; returns the exit code."""
    parser = converter_parser(
        __doc__, "the store to make; the configs expect data/tracks",
        videos="folder of the videos", boxes="folder of MOT files, COCO json, or AVA csv",
    )  # fmt: skip
    parser.add_argument("--max-gap", type=NUMBER, default=0, help="fill gaps of up to so many frames (default: none)")
    parser.add_argument("--min-score", type=float, default=0.0, help="leave out boxes with a lower score")
    parser.add_argument("--offset", type=float, default=0.0, help="AVA's second at which the files begin: 900 of cuts")
    parser.add_argument("--test", type=Path, help="text file, names of the test videos (default: each fifth video)")
    args = parser.parse_args()
    from mmsync.converters.boxes_folder import convert_boxes

    return run_converter(convert_boxes, vars(args), "sync3d/sync3d_i3d_{}")


if __name__ == "__main__":
    sys.exit(main())
