"""Encode every frame of videos by an image network: OUT/NAME.npy, (T, D) float16, for each video.

    mmsync frame_features OUT --source type=TCCSource data_root=data/tcc
    mmsync frame_features OUT --config CONFIG [--cfg-options key=value ...]
    mmsync frame_features OUT --videos FOLDER

Pictures come from a source of videos (TCCSource, CARLSource, LAVSource), from that of a config's training data, or from
all video files below a folder. Networks: color_grid (mean colors, for first tries), timm:NAME, package.module:factory.

    ... --backbone timm:vit_giant_patch14_dinov2 --checkpoint dinov2_vitg14_pretrain.pth --amp

Repeat the same command to resume. Videos that cannot be read are left out and listed, here and in OUT/left_out.txt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmsync.apis.cli import KeyValue, device
from mmsync.converters.command import COUNT, run_safely
from mmsync.converters.report import SHOWN
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import find_files

if TYPE_CHECKING:
    import numpy as np

Videos = dict[str, Callable[[], Iterable["np.ndarray"]]]


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder of features; a source takes it as features=")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", nargs="+", action=KeyValue, help="the source's config, as key=value")
    where.add_argument("--config", help="a config whose train_dataloader has the source")
    where.add_argument("--videos", type=Path, help="a folder of videos, searched with all folders in it")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, help="override settings of the config")
    network = "color_grid, timm:NAME or package.module:factory (default: %(default)s)"
    parser.add_argument("--backbone", default="color_grid", help=network)
    parser.add_argument("--checkpoint", type=Path, help="weights of the backbone; default: timm's own")
    parser.add_argument("--size", type=COUNT, default=224, help="height and width, pixels (default: %(default)s)")
    parser.add_argument("--batch", type=COUNT, default=64, help="frames at once (default: %(default)s)")
    parser.add_argument("--device", help="default: a GPU, if there is one")
    parser.add_argument("--amp", action="store_true", help="mixed precision: faster on a GPU, slightly less exact")
    parser.add_argument("--overwrite", action="store_true", help="make all features anew")
    return parser.parse_args()


def source_videos(args: argparse.Namespace) -> Videos:
    """Functions that give the pictures of each video of a source, by name."""
    from mmsync.config import load
    from mmsync.datasets.sources import FrameSource
    from mmsync.registry import DATASETS

    settings = args.source or load(args.config, args.cfg_options).train_dataloader.dataset.source
    if "type" not in settings:
        raise ConfigError("--source: give the class too, as type=TCCSource")
    source = DATASETS.build({key: value for key, value in settings.items() if key != "features"})
    if not isinstance(source, FrameSource) or type(source).pictures is FrameSource.pictures:
        raise ConfigError(f"{type(source).__name__} has no pictures; give a source of videos, as TCCSource")
    return {name: partial(source.pictures, index) for index, name in enumerate(source.names)}


def folder_videos(root: Path) -> Videos:
    """The same for all videos below a folder, named by their path without suffix."""
    from mmsync.media.index import SUFFIXES
    from mmsync.media.whole import every_picture

    videos: Videos = {}
    for file in find_files(root, SUFFIXES, "videos"):
        name = file.relative_to(root).with_suffix("").as_posix()
        if name in videos:
            raise DataError(f"{root}: two videos are called {name}, one is {file}; rename one")
        videos[name] = partial(every_picture, file)
    return videos


def main() -> int:
    """Encode; returns the exit code."""
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmsync.apis.frame_backbones import frame_backbone
    from mmsync.converters.frame_features import FrameEncoder, write_frame_features
    from mmsync.engine.console import tame_console

    tame_console(MMLogger.get_current_instance())

    def work() -> int:
        where = device(args.device)
        videos = folder_videos(args.videos) if args.videos else source_videos(args)
        network = frame_backbone(args.backbone, args.checkpoint, args.size)
        encoder = FrameEncoder(network, args.size, args.batch, where, args.amp)
        checkpoint = args.checkpoint.name if args.checkpoint else None
        settings = {"backbone": args.backbone, "checkpoint": checkpoint, "size": args.size}
        left_out = write_frame_features(videos, args.out, encoder, settings, args.overwrite)
        if left_out:
            shown = left_out[:SHOWN] + [f"... and {len(left_out) - SHOWN} more"] * (len(left_out) > SHOWN)
            print("\n  ".join([f"left out: {len(left_out)} videos, listed in {args.out}/left_out.txt", *shown]))
        print(f"written: features of {len(videos) - len(left_out)} videos; a source takes them as features={args.out}")
        return 0

    return run_safely(work, args.out)


if __name__ == "__main__":
    sys.exit(main())
