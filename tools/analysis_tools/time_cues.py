"""Is time's direction given away by the camera or by black borders? Accuracy with and without each cue removed.

    mmsync time_cues VIDEOS [--size 64] [--fps 12.5] [--epochs 40] [--seed 0]

VIDEOS is a folder ``<split>/<class>/<video>`` with the splits train and test. A small network is trained on the flow of
the training videos to tell whether they are played backward, once for each row: with borders as they are or cut away,
with the camera's motion or without it. On the test videos chance is 50 %. What is lost from the first row to the last
is what the cues gave away (Wei et al., 2018, find 98 % before and 90 % after for borders, 88 and 75 % for the camera).
"""

from __future__ import annotations

import argparse
import itertools
from typing import TYPE_CHECKING, Any

from mmsync.apis.cli import run_tool
from mmsync.errors import ConfigError

if TYPE_CHECKING:
    import torch

SEGMENTS, FRAMES, BATCH = 2, 10, 30


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", metavar="VIDEOS", help="folder of the videos")
    parser.add_argument("--size", type=int, default=64, help="side of the flow, pixels (default: 64)")
    parser.add_argument("--fps", type=float, default=12.5, help="pictures a second (default: 12.5)")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training videos (default: 40)")
    parser.add_argument("--width", type=float, default=0.125, help="share of VGG-16's channels (default: 0.125)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def accuracy(args: argparse.Namespace, borders: bool, stabilize: bool) -> tuple[float, int]:
    """Accuracy on the test videos, percent, and how many windows there are."""
    import torch

    from mmsync.datasets import ArrowDataset

    options = dict(
        segments=SEGMENTS, frames=FRAMES, fps=args.fps, size=args.size, borders=borders, stabilize=stabilize,
        seed=args.seed,
    )  # fmt: skip
    source = dict(type="ClipFolderSource", data_root=args.videos)
    train = ArrowDataset(source, split="train", **options)
    test = ArrowDataset(source, split="test", clips=2, test_mode=True, **options)
    model = fitted(train, args)
    right = 0
    with torch.no_grad():
        for rows in torch.arange(len(test)).split(50):
            batch = model.data_preprocessor(test.__getitems__(rows.tolist()), False)
            distance = model.predictions(batch["inputs"])["distance"]
            right += sum((d < 0) == bool(s.positive) for d, s in zip(distance.tolist(), batch["data_samples"]))
    return 100 * right / len(test), len(test)


def fitted(train: Any, args: argparse.Namespace) -> torch.nn.Module:
    """ArrowOfTime, small and trained."""
    import torch

    from mmsync.registry import MODELS

    torch.manual_seed(args.seed)
    backbone = dict(type="FlowVGG", frames=FRAMES, width=args.width)
    views = dict(video=[dict(type="VideoFlip")])
    model = MODELS.build(
        dict(
            type="ArrowOfTime", encoder=dict(type="Encoder", backbone=backbone), segments=SEGMENTS, hidden_channels=64,
            dropout=0.2, data_preprocessor=dict(type="VideoPreprocessor", views=views, seed=args.seed),
        )
    )  # fmt: skip
    model.init_weights()
    model.train()
    batches = -(-len(train) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * batches)
    for epoch in range(args.epochs):
        train.set_epoch(epoch)
        for rows in torch.randperm(len(train)).chunk(batches):
            batch = model.data_preprocessor(train.__getitems__(rows.tolist()), True)
            loss = model.loss(batch["inputs"], batch["data_samples"])["loss_direction"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def main(args: argparse.Namespace) -> None:
    """Print a row for each pair of settings."""
    if args.epochs < 1 or args.size < 16 or not args.fps > 0:
        raise ConfigError("give --epochs of 1 or more, --size of 16 or more and --fps above 0")
    print("black borders  camera's motion  accuracy  windows")
    for borders, stabilize in itertools.product((False, True), repeat=2):
        found, count = accuracy(args, borders, stabilize)
        words = ("cut away" if borders else "as filmed", "removed" if stabilize else "as filmed")
        print(f"{words[0]:13}  {words[1]:15}  {found:6.1f} %  {count:7d}", flush=True)


if __name__ == "__main__":
    run_tool(main, parse_args())
