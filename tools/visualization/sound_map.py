#!/usr/bin/env python
"""Draw where a multisensory network sees what it hears over a video, and write it with its sound.

    mmsync sound_map CONFIG CHECKPOINT VIDEO OUT.mp4 [--start 0] [--seconds 20]

The color is the magnitude of the logit of each place, red for the largest of the video; the network sees the square in
the middle of the pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import device, output_file, run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file of Multisensory")
    parser.add_argument("checkpoint", help="its checkpoint")
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=output_file, help="file to write, .mp4")
    parser.add_argument("--start", type=float, default=0.0, help="first second")
    parser.add_argument("--seconds", type=float, default=20.0, help="most seconds (default: 20)")
    parser.add_argument("--device", type=device, default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write the video."""
    from mmsync.apis import init_model
    from mmsync.apis.sound_map import draw_sound_map
    from mmsync.errors import ConfigError

    if not str(args.out).endswith(".mp4") or args.start < 0 or not args.seconds > 0:
        raise ConfigError("give a file that ends with .mp4, --start of 0 or more and --seconds above 0")
    model = init_model(args.config, args.checkpoint, args.device)
    print(f"written: {draw_sound_map(model, args.video, args.out, args.start, args.seconds)}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
