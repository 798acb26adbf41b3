#!/usr/bin/env python
"""Draw query frames and the frames nearest to them in other sequences of their activity.

    mmsync retrieval_sheet [CONFIG] CHECKPOINT [--queries 8] [--k 5] [--out retrieval.png]

Frames of the same phase are framed green, others red, unknown ones grey. Queries are spread over the activities; every
second frame is a candidate, as in retrieval of frames (AP@K). Without CONFIG the one inside the checkpoint is taken.
"""

from __future__ import annotations

import argparse

from mmsync.apis.cli import add_common_arguments, device, output_file, run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="config file (default: the one inside the checkpoint)")
    parser.add_argument("checkpoint", help="checkpoint file or address of a method on sequences")
    parser.add_argument("--queries", type=int, default=8, help="rows of the sheet (default: 8)")
    parser.add_argument("--k", type=int, default=5, help="frames found for each (default: 5)")
    parser.add_argument("--spread", action="store_true", help="take at most one frame of each sequence")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of queries")
    parser.add_argument("--out", default="retrieval.png", help="picture, its suffix chooses the format")
    parser.add_argument("--device", type=device, default="cpu")
    add_common_arguments(parser)
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write the sheet."""
    from torch.utils.data import DataLoader

    from mmsync.apis import extract_features, init_model
    from mmsync.apis.alignment import nearest_frames
    from mmsync.datasets.collate import motion_collate
    from mmsync.errors import ConfigError
    from mmsync.protocols.protocol import build_test_data, config_of
    from mmsync.visualization import Shown, draw_retrieval, queries_of, read_clip

    output_file(args.out)
    if min(args.queries, args.k) < 1 or args.seed < 0:
        raise ConfigError(f"--queries {args.queries}, --k {args.k}, --seed {args.seed}: give 1 or more, a seed from 0")
    cfg = config_of(args.checkpoint, args.config, args.cfg_options or {}, args.trust_checkpoint)
    dataset = build_test_data(cfg, "SequenceDataset")
    model = init_model(cfg, args.checkpoint, args.device, trust=args.trust_checkpoint, other_input=args.other_input)
    loader = DataLoader(dataset, batch_size=32, collate_fn=motion_collate)
    table = queries_of(extract_features(model, loader))
    found = nearest_frames(table, args.queries, args.k, args.spread, args.seed)
    places = table.numbers("index").tolist()
    clips = {row: read_clip(dataset, places[row]) for shown in found for row, _ in shown}
    rows = [[Shown(clips[row], frame) for row, frame in shown] for shown in found]
    same = [one.phase == row[0].phase for row in rows for one in row[1:] if min(one.phase, row[0].phase) >= 0]
    share = f", {100 * sum(same) / len(same):.0f} % of them in the same phase" if same else ""
    title = f"{len(rows)} frames and the {args.k} nearest in other sequences{share}"
    draw_retrieval(rows, args.out, title)
    print(f"{title}\nwritten: {args.out}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
