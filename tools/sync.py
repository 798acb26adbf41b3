#!/usr/bin/env python
"""Print by how much the sound of videos is ahead of their pictures, and how sure that is.

    mmsync sync CONFIG CHECKPOINT VIDEO [VIDEO ...] [--reach 15]

A positive offset: the sound is early. Confidence is the median of the mean distances at all offsets less the least one,
as in SyncNet's public code; near 0 no offset stands out.
"""

from __future__ import annotations

import argparse
import sys

from mmsync.apis.cli import run_tool
from mmsync.errors import DataError


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file of AVTS, SyncNet or GDT")
    parser.add_argument("checkpoint", help="its checkpoint")
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--reach", type=int, default=15, help="largest offset that is tried, in pictures")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Print a line for each video; the exit code is 1 if one of them could not be judged."""
    from mmsync.apis import init_model
    from mmsync.apis.sync import video_offset, window_settings

    model = init_model(args.config, args.checkpoint, args.device)
    rate = window_settings(model)["offset_rate"]
    failed = False
    for path in args.videos:
        try:
            found = video_offset(model, path, args.reach)
        except DataError as error:
            failed = True
            print(error, file=sys.stderr)
            continue
        milliseconds = 1000 * found.offset / rate
        print(
            f"{path}: offset {found.offset:+d} ({milliseconds:+.0f} ms), confidence {found.confidence:.3f}, "
            f"distance {found.distance:.3f}"
        )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
