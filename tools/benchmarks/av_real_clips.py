"""Does AVTS, trained on windows of a few real clips, tell whether held-out windows of the same clips are in sync?

    python tools/benchmarks/av_real_clips.py CLIPS --folders sound talking [--checkpoint FILE] [--iterations 400]

CLIPS has videos in folders. Each clip is split in time: windows of one second from its first half are for training,
from its second half for the test. Out of sync is the sound of the same clip moved by 0.4 seconds, or by a second or
more where the half is long enough. Chance is an AUC of 50; its interval is a bootstrap over clips.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from mmengine.runner import load_checkpoint
from mmengine.utils import import_modules_from_strings
from torch.utils.data import DataLoader

from mmsync.apis.cli import run_tool
from mmsync.config import load
from mmsync.datasets import AudioVisualDataset
from mmsync.datasets.sources.clips.sources import ClipFolderSource
from mmsync.evaluation.functional.verification import auc_interval, pair_auc
from mmsync.registry import MODELS

CONFIG = Path(__file__).parents[2] / "configs" / "avts" / "avts_mc3_synthetic.py"
KINDS = ("hard", "super_hard")


class InMemory(ClipFolderSource):
    """Clips that are decoded once, 25 pictures a second, because a few clips are read over and over."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pictures: dict[int, np.ndarray] = {}

    def read(self, place: int, times: np.ndarray, size: int, crop: Any = None) -> np.ndarray:
        """See ``ClipFolderSource``; the picture on display at the 25th of a second before each time."""
        row = self.rows[place]
        if place not in self._pictures:
            grid = row["start"] + np.arange(int(row["duration"] * 25)) / 25 + 1e-3
            self._pictures[place] = super().read(place, grid, size)
        found = self._pictures[place]
        steps = ((times - row["start"]) * 25 + 1e-6).astype(int).clip(0, len(found) - 1)
        left, top, right, bottom = crop
        return found[steps, top:bottom, left:right]


class HalfClips(AudioVisualDataset):
    """Windows of the first or the second half of each video."""

    second = False

    def extent(self, place: int) -> Union[tuple[float, float], str]:
        """As :class:`AudioVisualDataset`, of a half."""
        found = super().extent(place)
        if isinstance(found, str):
            return found
        middle = (found[0] + found[1]) / 2
        return (middle, found[1]) if self.second else (found[0], middle)


class SecondHalves(HalfClips):
    """Windows of the second half of each video."""

    second = True


def batches(data: HalfClips, size: int, epochs: int):  # type: ignore[no-untyped-def]
    """Batches of so many passes."""
    for epoch in range(epochs):
        data.set_epoch(epoch)
        yield from DataLoader(data, batch_size=size, collate_fn=data.collate, drop_last=epochs > 1)


def train(model: torch.nn.Module, data: HalfClips, args: argparse.Namespace) -> None:
    """Train for the iterations."""
    epochs = -(-args.iterations * args.batch_size // len(data))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.iterations, pct_start=0.1)
    model.train()
    start = time.time()
    for step, batch in zip(range(args.iterations), batches(data, args.batch_size, epochs + 1)):
        loss, _log = model.parse_losses(model(**model.data_preprocessor(batch, True), mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 50 == 0:
            print(f"iteration {step + 1}: loss {loss.item():.3f}, {time.time() - start:.0f} s", flush=True)


@torch.no_grad()
def test(model: torch.nn.Module, data: HalfClips, name: str) -> None:
    """Print the AUC of all and of each kind of negatives."""
    model.eval()
    found = [model(**model.data_preprocessor(b, False), mode="predict") for b in batches(data, 50, 1)]
    distance = np.concatenate([np.asarray(table["distance"]).reshape(-1) for table in found])
    positive = np.concatenate([np.asarray(table["positive"]).reshape(-1) for table in found]).astype(bool)
    clips = np.array([clip for table in found for clip in table.texts("name", "?")])
    kinds = np.array([kind for table in found for kind in table.texts("kind", "?")])
    for negatives in (KINDS, *((kind,) for kind in KINDS)):
        chosen = positive | np.isin(kinds, negatives)
        low, high = auc_interval(distance[chosen], positive[chosen], clips[chosen])
        area = pair_auc(distance[chosen], positive[chosen])
        text = f"AUC {100 * area:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        facts = f"{chosen.sum()} windows of {len(np.unique(clips[chosen]))} clips"
        print(f"{name}, in sync against {', '.join(negatives)}: {text}, {facts}")


def main(args: argparse.Namespace) -> None:
    """Train and test."""
    import_modules_from_strings(["mmsync.models"])
    torch.manual_seed(args.seed)
    cfg = load(str(CONFIG))
    source = InMemory(args.clips)
    split = dict(names=[name for name in source.names if name.split("/")[0] in args.folders])
    shape = dict(size=args.size, gap=(0.0, None), overlap=0.6, max_bad_share=0.0)
    weights = dict(positive=2, hard=1, super_hard=1)
    first = HalfClips(source, weights, split=split, num_samples=1600, seed=args.seed, **shape)
    second, trained = (
        kind(source, weights, split=split, num_samples=1000, seed=args.seed + 1, test_mode=True, **shape)
        for kind in (SecondHalves, HalfClips)
    )
    model = MODELS.build(cfg.model)
    model.init_weights()
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, map_location="cpu", strict=True)
    train(model, first, args)
    test(model, trained, "first halves (trained on)")
    test(model, second, "second halves (held out)")


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", help="folder of folders of videos")
    parser.add_argument("--folders", nargs="+", required=True, help="the folders in it that are used")
    parser.add_argument("--checkpoint", help="begin with the weights of this run of the config")
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=48, help="side of the pictures")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


if __name__ == "__main__":
    run_tool(main, parse_args())
