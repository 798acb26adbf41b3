"""Decode every video of a folder and index it: duration, rate, frames, sound, and the fault of each unusable file.

    mmsync index_videos data/tvhid/videos data/tvhid/videos.jsonl --workers 8

Data sets read the index instead of opening files. Repeat the same command to resume a stopped run; a later run reads
only files that have changed. A file that hangs or crashes its decoder is named like any other that cannot be used.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsync.converters.command import COUNT, SECONDS, SHARE, run_safely
from mmsync.fileio import numbered_lines


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the videos, searched with all folders in it")
    parser.add_argument("out", type=Path, help="the index to write, one JSON object a line")
    parser.add_argument("--list", type=Path, help="a file with one path below ROOT a line, instead of all videos")
    parser.add_argument("--workers", type=COUNT, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--min-frames", type=COUNT, default=1, help="fewer frames are too short (default: %(default)s)")
    parser.add_argument("--timeout", type=SECONDS, default=120.0, help="seconds for one file (default: %(default)s)")
    parser.add_argument(
        "--max-bad-share",
        type=SHARE,
        default=1.0,
        help="exit code 1 if more of the files are corrupt (0..1; default: never)",
    )
    return parser.parse_args()


def main() -> int:
    """Index; returns the exit code."""
    args = parse_args()
    from mmsync.media import build_index

    def work() -> int:
        names = None if args.list is None else [line for _, line in numbered_lines(args.list)]
        index = build_index(args.root, args.out, names, args.workers, args.min_frames, args.timeout)
        print(f"{index.report()}\nindex: {args.out}")
        share = index.counts()["corrupt"] / max(1, len(index))
        if share > args.max_bad_share:
            print(f"{share:.1%} of the videos are corrupt, --max-bad-share {args.max_bad_share} allows less")
        return int(share > args.max_bad_share)

    return run_safely(work, args.out)


if __name__ == "__main__":
    sys.exit(main())
