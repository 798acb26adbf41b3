"""Statistics of the pairs of a data set: Table I of the Sync3D report, and the mix that training draws.

    mmsync pair_statistics CONFIG [--loader train_dataloader] [--cfg-options KEY=VALUE ...]

First, by class of the videos and in percent, what is positive by the IoU rule: of the videos that have a pair of people
(one positive pair is enough), of these pairs, and of all their windows. Then the number of distinct pairs of each
kind with the config's window, shift and placement, and the number of each that an epoch draws, by role and by stage of
a CurriculumHook.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.errors import ConfigError, DataError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config with a PairDataset")
    parser.add_argument("--loader", default="train_dataloader", help="which data loader (default: %(default)s)")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="replace settings")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def table_one(data: Any) -> list[list[str]]:
    """Rows of Table I: class, videos, share positive of videos, pairs, share, windows, share."""
    source = data.source
    label_of = dict(zip(source.names, np.asarray(source.labels).tolist()))
    found: dict[int, list[list[np.ndarray]]] = {}
    for table in data.tables.values():
        video = np.array([source.tracks[i].video for i in table.pairs[:, 0]], dtype=object)
        names, of = np.unique(video, return_inverse=True)
        label = np.array([label_of[name] for name in names], dtype=np.int64)
        share = table.positive_share
        positive = share > 0
        windows = np.bincount(table.pair_of_window, minlength=len(share))
        for one in np.unique(label).tolist():
            pairs = label[of] == one
            parts = found.setdefault(one, [[], [], [], []])
            parts[0].append(np.bincount(of[pairs], positive[pairs], len(names))[label == one] > 0)
            parts[1].append(positive[pairs])
            parts[2].append((share * windows)[pairs])
            parts[3].append(windows[pairs])
    rows = []
    for one, parts in sorted(found.items()):
        videos, pairs, close, windows = (np.concatenate(part) for part in parts)
        name = source.class_names[one] if source.class_names and one >= 0 else str(one)
        shares = (len(videos), videos.mean(), len(pairs), pairs.mean(), int(windows.sum()), close.sum() / windows.sum())
        rows.append([name, *(f"{100 * x:.2f}" if i % 2 else str(x) for i, x in enumerate(shares))])
    return rows


def stages(cfg: Mapping[str, Any], mix: Mapping[str, float]) -> list[tuple[str, Mapping[str, float]]]:
    """The mixes of a run and their names."""
    for hook in cfg.get("custom_hooks") or []:
        if hook.get("type") == "CurriculumHook":
            unit = "epoch" if hook.get("by_epoch", True) else "iteration"
            return [(f"from {unit} {begin}", mix) for begin, mix in hook["stages"]]
    return [("each epoch", mix)]


def show(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
        print(f"  {row[0].ljust(widths[0])}  " + "  ".join(cells))


def main(args: argparse.Namespace) -> None:
    from mmsync.config import load
    from mmsync.registry import DATASETS

    cfg = load(args.config, args.cfg_options)
    config = (cfg.get(args.loader) or {}).get("dataset")
    if config is None or config.get("type") != "PairDataset":
        raise ConfigError(f"{args.config}: {args.loader}.dataset is no PairDataset; name another one by --loader")
    data = DATASETS.build(config)
    print("\nPositive videos, pairs and windows by class, in percent (Table I of the Sync3D report)")
    rows = table_one(data)
    if not rows:
        raise DataError("no video has two people with a window in common; take a shorter window")
    show([["class", "videos", "%", "pairs", "%", "windows", "%"], *rows])
    mixes = stages(cfg, config["mix"]) if args.loader == "train_dataloader" else [("each epoch", config["mix"])]
    for role, table in data.tables.items():
        print(f"\n{role}: available and drawn pairs")
        kinds = list(table.available)
        drawn = [[name, *(str(data.counts(mix, role).get(kind, 0)) for kind in kinds)] for name, mix in mixes]
        windows = [str(table.windows.get(kind, "")) for kind in kinds]
        available = [str(n) for n in table.available.values()]
        show([["", *kinds], ["available", *available], ["windows of them", *windows], *drawn])


if __name__ == "__main__":
    run_tool(main, parse_args())
