#!/usr/bin/env python
"""Print by how much the sound of videos, or the second of two streams, is early, and how sure that is.

    mmsync sync CONFIG CHECKPOINT VIDEO [VIDEO ...] [--reach 15]
    mmsync sync CONFIG CHECKPOINT FIRST.npy SECOND.npy  # of TwoStreamSync, one or more pairs

A positive offset: the sound, or the second stream, is early. Confidence is the median of the mean distances at all
offsets less the least one, as in SyncNet's public code; near 0 no offset stands out.
"""

from __future__ import annotations

import argparse
import sys

from mmsync.apis.cli import run_tool
from mmsync.errors import DataError


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file of AVTS, SyncNet, GDT or TwoStreamSync")
    parser.add_argument("checkpoint", help="its checkpoint")
    parser.add_argument("videos", nargs="+", metavar="FILE", help="videos, or pairs of .npy files")
    parser.add_argument("--reach", type=int, default=15, help="largest offset that is tried, in steps of 1/25 s")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Print a line for each video, or pair; the exit code is 1 if one of them could not be judged."""
    from mmsync.apis import init_model
    from mmsync.apis.sync import find_offset, offset_settings
    from mmsync.models.methods import TwoStreamSync

    model = init_model(args.config, args.checkpoint, args.device)
    streams = isinstance(model, TwoStreamSync)
    rate = offset_settings(model)["offset_rate"]
    inputs = list(zip(args.videos[::2], args.videos[1::2])) if streams else args.videos
    if streams and len(args.videos) % 2:
        raise DataError(f"{len(args.videos)} files; give pairs, the first stream and the second")
    failed = False
    for path in inputs:
        try:
            found = find_offset(model, path, args.reach)
        except DataError as error:
            failed = True
            print(error, file=sys.stderr)
            continue
        milliseconds = 1000 * found.offset / rate
        print(
            f"{' and '.join(path) if streams else path}: offset {found.offset:+d} ({milliseconds:+.0f} ms), "
            f"confidence {found.confidence:.3f}, distance {found.distance:.3f}"
        )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
