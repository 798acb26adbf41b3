#!/usr/bin/env python
"""Print by how much the sound of videos, or the second of two streams, is early, and how sure that is.

    mmsync sync CHECKPOINT VIDEO [VIDEO ...] [--reach 15]
    mmsync sync CHECKPOINT FIRST.npy SECOND.npy  # of TwoStreamSync, one or more pairs
    mmsync sync CONFIG CHECKPOINT VIDEO  # another config than the one in the checkpoint

A positive offset: the sound, or the second stream, is early. Confidence is the median of the mean distances at all
offsets less the least one, as in SyncNet's public code; near 0 no offset stands out.
"""

from __future__ import annotations

import argparse
import sys

from mmsync.apis.cli import add_trust, run_tool
from mmsync.errors import DataError
from mmsync.fileio import is_config


def parse_args() -> argparse.Namespace:
    """The command line."""
    usage = "%(prog)s [options] [CONFIG] CHECKPOINT FILE [FILE ...]"
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(usage=usage, description=__doc__, formatter_class=form)
    text = "a checkpoint of AVTS, SyncNet, GDT or TwoStreamSync; then videos, or pairs of .npy files"
    parser.add_argument("files", nargs="+", metavar="FILE", help=text)
    parser.add_argument("--reach", type=int, default=15, help="largest offset that is tried, in steps of 1/25 s")
    parser.add_argument("--device", default="cpu")
    add_trust(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_intermixed_args()
    own = is_config(args.files[0])
    if len(args.files) < 2 + own:
        parser.error("give a checkpoint and videos, or pairs of .npy files")
    args.model, args.inputs = args.files[: 1 + own], args.files[1 + own :]
    return args


def main(args: argparse.Namespace) -> None:
    """Print a line for each video, or pair; the exit code is 1 if one of them could not be judged."""
    from mmsync.apis import init_model
    from mmsync.apis.sync import find_offset, offset_settings
    from mmsync.models.methods import TwoStreamSync

    model = init_model(*args.model, device=args.device, trust=args.trust_checkpoint)
    streams = isinstance(model, TwoStreamSync)
    rate = offset_settings(model)["offset_rate"]
    inputs = list(zip(args.inputs[::2], args.inputs[1::2])) if streams else args.inputs
    if streams and len(args.inputs) % 2:
        raise DataError(f"{len(args.inputs)} files; give pairs, the first stream and the second")
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
