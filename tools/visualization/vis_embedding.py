"""Draw the features of a checkpoint as points, colored by label, performer or any other attribute of the clips.

mmsync vis_embedding CONFIG CHECKPOINT [--color-by label subject view] [--method tsne]

Of sequences, frames of the query role are drawn instead: the color is their activity, the marker their phase.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from mmsync.apis.cli import (
    add_common_arguments,
    checkpoint_path,
    device,
    load_config,
    output_file,
    require,
    run_tool,
)
from mmsync.errors import ConfigError, ProtocolError, did_you_mean, nearest

if TYPE_CHECKING:
    from mmsync.structures import FeatureTable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    text = "config file, whose test_dataloader gives the clips (default: the one inside the checkpoint)"
    parser.add_argument("config", nargs="?", help=text)
    parser.add_argument("checkpoint", help="checkpoint file or address")
    parser.add_argument(
        "--color-by", nargs="+", metavar="NAME", help="label (default), role, or attributes; one panel each"
    )
    parser.add_argument("--method", choices=["tsne", "pca"], default="tsne")
    parser.add_argument("--role", choices=["bank", "query"], help="draw only these clips (default: all)")
    many = "points at most (default: 3000 clips, or of sequences 300 frames of each activity)"
    parser.add_argument("--max-points", type=int, help=many)
    parser.add_argument("--out", default="embedding.png", help="picture, its suffix chooses the format")
    parser.add_argument("--device", help="where features are computed (default: a GPU, if there is one)")
    add_common_arguments(parser)
    return parser.parse_args()


def values(table: FeatureTable, name: str) -> np.ndarray:
    """A column ``(N,)`` of plain values.

    Raises:
        ProtocolError: There is none; the message lists those that the samples have.
    """
    scalar = {key: column for key, column in table.items() if not any(np.ndim(value) for value in column[:1])}
    plain = {key: np.asarray(column) for key, column in scalar.items() if key not in ("name", "index")}
    plain = {key: column for key, column in plain.items() if column.ndim == 1 and column.dtype != object}
    if name not in plain:
        raise ProtocolError(
            f"--color-by {name}: the clips have no such attribute{did_you_mean(nearest(name, plain)) or '.'} "
            f"They have: {', '.join(sorted(plain))}"
        )
    return plain[name]


def main(args: argparse.Namespace) -> None:
    from mmengine.registry import init_default_scope

    from mmsync.apis import extract_features, init_model
    from mmsync.config import check
    from mmsync.engine.runner import MotionRunner
    from mmsync.visualization import draw_embedding, draw_frame_embedding, is_ragged, queries_of, sample_frames

    output_file(args.out)
    where = device(args.device)
    if args.max_points is not None and args.max_points < 1:
        raise ConfigError(f"--max-points {args.max_points}: give at least 1")
    cfg = load_config(args)
    loader_cfg = require(cfg, "test_dataloader", "the picture")
    check(cfg, files=True)
    checkpoint = checkpoint_path(args.checkpoint)
    init_default_scope(cfg.default_scope)
    loader = MotionRunner.build_dataloader(loader_cfg)
    model = init_model(cfg, checkpoint, where, trust=args.trust_checkpoint)
    table = extract_features(model, loader)
    if args.role:
        table = table.take([i for i, role in enumerate(table.texts("role", "train")) if role == args.role])
    if "feature" not in table or not len(table):
        raise ProtocolError(
            f"{cfg.filename}: {'the model sets no feature' if len(table) else f'no clip has the role {args.role!r}'}"
        )
    names = getattr(loader.dataset, "metainfo", {}).get("classes")
    if is_ragged(table) and args.color_by is None:
        table = table if args.role else queries_of(table)
        activities = len(table.numbers("label").unique())
        most = 300 if args.max_points is None else max(1, args.max_points // activities)
        sample = sample_frames(table, most)
        draw_frame_embedding(sample, args.out, names, args.method)
        print(f"embedding of {len(sample.activity)} frames of {len(table)} sequences: {args.out}")
        return
    panels, most = {name: values(table, name) for name in args.color_by or ["label"]}, args.max_points or 3000
    draw_embedding(table.vectors("feature"), panels, args.out, names, args.method, most)
    print(f"embedding of {min(len(table), most)} clips: {args.out}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
