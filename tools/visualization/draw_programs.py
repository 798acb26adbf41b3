"""Show motion programs, each performed and recorded twice: a row has five frames of one recording and of the other.

    mmsync draw_programs [--count 6] [--seed 0] [--out programs.png]

Left limbs are blue, right ones red. Recordings differ in person, camera, sensor, tempo and missing joints, as the two
views of a program do in training (docs/motion_s.md).
"""

from __future__ import annotations

import argparse

from mmsync.apis.cli import output_file, run_tool
from mmsync.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=6, help="number of programs (default: 6)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="programs.png", help="picture to write (default: programs.png)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    import torch

    from mmsync.structures import SkeletonLayout
    from mmsync.visualization import Panel, camera, draw_strip
    from mmsync.worlds.programs import program_pairs

    if args.count < 1:
        raise ConfigError(f"--count {args.count}: give at least 1")
    path = output_file(args.out)
    clips = torch.cat(program_pairs(args.count, torch.Generator().manual_seed(args.seed)), 2)  # (B, 1, 2 T, 20, 3)
    clips[..., ::2] -= clips[..., :1, ::2].clone()  # people walk on the spot
    layout, view = SkeletonLayout.get("kinect20"), camera(155, 8)  # from in front, a little from the side
    panels = [Panel(clip.numpy(), layout, f"program {i + 1}", view, scale="one") for i, clip in enumerate(clips)]
    draw_strip(panels, path, num_frames=10)
    print(f"{args.count} programs: {path}")


if __name__ == "__main__":
    run_tool(main, parse_args())
