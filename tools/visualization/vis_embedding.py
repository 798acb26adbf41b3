"""Draw the features of a checkpoint as points, coloured by label, performer or any other attribute of the clips.

python tools/visualization/vis_embedding.py CONFIG CHECKPOINT [--color-by label subject view] [--method tsne]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from mmengine.registry import init_default_scope
from tqdm import tqdm

from mmsync.apis import init_model
from mmsync.apis.cli import add_common_arguments, checkpoint_path, load_config, require, run_tool
from mmsync.config import check
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ProtocolError, did_you_mean, nearest
from mmsync.visualization import draw_embedding


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file; its test_dataloader gives the clips")
    parser.add_argument("checkpoint", help="checkpoint file or address")
    parser.add_argument(
        "--color-by", nargs="+", default=["label"], metavar="NAME", help="label, role, or attributes; one panel each"
    )
    parser.add_argument("--method", choices=["tsne", "pca"], default="tsne")
    parser.add_argument("--role", choices=["bank", "query"], help="draw only these clips (default: all)")
    parser.add_argument("--max-points", type=int, default=3000, help="points in the picture at most")
    parser.add_argument("--out", default="embedding.png", help="picture, its suffix chooses the format")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add_common_arguments(parser)
    return parser.parse_args()


def values(samples: list[Any], name: str) -> list[Any]:
    """What the samples say under a name.

    Raises:
        ProtocolError: They do not all say it; the message names what they do.
    """
    key = "gt_label" if name == "label" else name
    if all(key in sample for sample in samples):
        return [getattr(sample, key) for sample in samples]
    known = sorted({"label", *samples[0].metainfo_keys()} - {"name", "index"})
    raise ProtocolError(
        f"--color-by {name}: the clips have no such attribute{did_you_mean(nearest(name, known)) or '.'} "
        f"They have: {', '.join(known)}"
    )


def main(args: argparse.Namespace) -> None:
    cfg = load_config(args)
    loader_cfg = require(cfg, "test_dataloader", "the picture")
    check(cfg, files=True)
    checkpoint = checkpoint_path(args.checkpoint)
    init_default_scope(cfg.default_scope)
    loader = MotionRunner.build_dataloader(loader_cfg)
    model = init_model(cfg, checkpoint, args.device, trust=args.trust_checkpoint)
    with torch.no_grad():
        samples = [s for batch in tqdm(loader, desc="features", disable=None) for s in model.test_step(batch)]
    if args.role:
        samples = [s for s in samples if s.role == args.role]
    if not samples or "feature" not in samples[0]:
        raise ProtocolError(
            f"{args.config}: {'the model sets no feature' if samples else f'no clip has the role {args.role!r}'}"
        )
    features = torch.stack([s.feature.float().cpu() for s in samples])
    panels = {name: np.array(values(samples, name)) for name in args.color_by}
    names = getattr(loader.dataset, "metainfo", {}).get("classes")
    draw_embedding(features, panels, args.out, names, args.method, args.max_points)
    print(f"embedding of {min(len(samples), args.max_points)} clips: {args.out}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
