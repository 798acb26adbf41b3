#!/usr/bin/env python
"""Align two sequences in time by a checkpoint: a table of frames, a picture and a film.

    mmsync align [CONFIG] CHECKPOINT CLIP_A CLIP_B [--how nearest|dtw] [--out FOLDER]

Clips are names of sequences in the config's test data, or files .npy of joints (T, V, C) or features (T, F). Without
CONFIG the one inside the checkpoint is taken. FOLDER gets alignment.csv (frame of A, frame of B, distance),
alignment.png (distances, and skeletons with links) and alignment.mp4 (A beside B in A's time), which needs PyAV.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import add_common_arguments, device, run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="config file (default: the one inside the checkpoint)")
    parser.add_argument("checkpoint", help="checkpoint file or address of a method on sequences")
    parser.add_argument("clips", nargs=2, metavar="CLIP", help="names of test sequences, or files .npy")
    parser.add_argument("--how", choices=["nearest", "dtw"], default="nearest", help="dtw never goes back in time")
    parser.add_argument("--out", type=Path, default=Path("alignment"), help="folder to write into")
    parser.add_argument("--fps", type=float, default=20.0, help="frames a second of the film")
    parser.add_argument("--device", type=device, default="cpu")
    add_common_arguments(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write the files, and print Kendall's tau of the pair."""
    from mmsync.apis import init_model
    from mmsync.apis.alignment import align_sequences, find_clip, write_alignment
    from mmsync.errors import ConfigError
    from mmsync.protocols.protocol import build_test_data, config_of
    from mmsync.visualization.alignment import alignment_title

    if args.out.exists() and not args.out.is_dir():
        raise ConfigError(f"--out {args.out} is a file; give a folder to write into")
    if not 0 < args.fps <= 100:
        raise ConfigError(f"--fps {args.fps}: give a rate in (0, 100]")
    cfg = config_of(args.checkpoint, args.config, args.cfg_options or {}, args.trust_checkpoint)
    dataset = build_test_data(cfg, "SequenceDataset")
    first, second = (find_clip(dataset, name) for name in args.clips)
    model = init_model(cfg, args.checkpoint, args.device, trust=args.trust_checkpoint, other_input=args.other_input)
    found = align_sequences(model, first.frames, second.frames, args.how)
    print(alignment_title(first, second, found.index, found.tau, args.how))
    for path in write_alignment(args.out, first, second, found, args.how, args.fps):
        print(f"written: {path}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
