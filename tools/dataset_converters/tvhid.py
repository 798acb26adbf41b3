"""Make a store of tracks of TV Human Interaction: its videos and its .annotations files.

    mmsync tvhid tv_human_interactions data/tvhid --workers 4

RAW_DIR is searched with all folders in it; the videos stay where they are. Clips that cannot be used are left out,
counted and named in OUT/report.json, as are the oddities of the others. Repeat the same command to resume a stopped
conversion.

With --boxes the annotated upper bodies are replaced by boxes that a detector or tracker found, whole bodies for
instance: a COCO json, or a folder of MOT csv files, one for each clip. Annotated people keep their number and label.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mmsync.converters.command import NUMBER, converter_parser, run_converter


def main() -> int:
    """Convert; returns the exit code."""
    parser = converter_parser(
        __doc__, "the store to make; the configs expect data/tvhid", raw="folder of the videos and annotations"
    )
    parser.add_argument("--max-gap", type=NUMBER, default=0, help="fill gaps of up to so many frames (default: none)")
    parser.add_argument("--boxes", type=Path, help="found boxes instead of the annotated ones")
    parser.add_argument(
        "--link", type=float, default=0.4, help="least share of an annotated box that a found one covers"
    )
    parser.add_argument("--min-score", type=float, default=0.0, help="leave out found boxes with a lower score")
    args = parser.parse_args()
    from mmsync.converters.tvhid_folder import convert_tvhid

    return run_converter(convert_tvhid, vars(args), "sync3d/sync3d_i3d_{}")


if __name__ == "__main__":
    sys.exit(main())
