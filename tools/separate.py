#!/usr/bin/env python
"""Separate the sound of what a video shows from the rest, and write both as WAV files.

    mmsync separate CONFIG CHECKPOINT VIDEO FOLDER [--start 0] [--seconds 20]

FOLDER gets on_screen.wav and off_screen.wav; the network sees the square in the middle of the pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import device, run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file of OnOffScreen")
    parser.add_argument("checkpoint", help="its checkpoint")
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--start", type=float, default=0.0, help="first second")
    parser.add_argument("--seconds", type=float, default=20.0, help="most seconds (default: 20)")
    parser.add_argument("--device", type=device, default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write both files."""
    from mmsync.apis import init_model
    from mmsync.apis.separation import separate_video, write_separated
    from mmsync.errors import ConfigError

    if args.out.exists() and not args.out.is_dir():
        raise ConfigError(f"{args.out} is a file; give a folder to write into")
    if args.start < 0 or not args.seconds > 0:
        raise ConfigError("give --start of 0 or more and --seconds above 0")
    model = init_model(args.config, args.checkpoint, args.device)
    for path in write_separated(args.out, *separate_video(model, args.video, args.start, args.seconds)):
        print(f"written: {path}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
