"""Which invariances do the data need? Measures what differs between clips, without labels, and recommends views.

    mmsync invariances CONFIG [--cfg-options KEY=VALUE ...]
    mmsync invariances STORE [--split train]

CONFIG is one with a data set of skeletons, also a file of configs/_base_/datasets; the clips are those of its training
data. They are measured as they are on disk, and as the views get them after the pipeline. STORE is a folder that
StoreWriter or to_store.py made. Printed are the measures, the recommended views with a reason for each, and what to
leave out. See docs/choosing.md for what the measures mean and how far they can be trusted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.errors import ConfigError

ROWS = (
    ("clips", "clips"),
    ("frames", "frames: shortest, median, longest"),
    ("coords", "coordinates"),
    ("two_persons", "share with two persons"),
    ("missing", "share of joints that are missing"),
    ("up", "axis of standing people"),
    ("tilt", "tilt of trunks, median, degrees"),
    ("heading_std", "headings, circular deviation, degrees"),
    ("heading_range", "headings, nine of ten within +-, degrees"),
    ("line_range", "    of the line from side to side"),
    ("turning", "share that turns by more than 45 degrees"),
    ("across", "axis from side to side"),
    ("lopsided", "share of motions that have a side"),
    ("mirrored", "    of these, found mirrored"),
    ("directed", "share of motions that have a direction"),
    ("reversed", "    of these, found reversed"),
    ("tempo", "tempo, ratio of lengths of like clips"),
    ("speed_spread", "speed, deviation of the logarithm"),
    ("trunk", "length of trunks"),
    ("size_spread", "size of bodies, deviation"),
    ("translation", "way of the hips, one of ten, trunk lengths"),
    ("noise", "jitter of joints"),
)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA", help="a config, or the folder of a store")
    parser.add_argument("--split", help="split of a store (default: all clips)")
    parser.add_argument("--clips", type=int, default=600, help="clips to look at, evenly spread (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write measures and recommendations to this file, too")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="replace settings")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def open_data(args: argparse.Namespace) -> Any:
    """The data set; without a pipeline, of a store."""
    from mmengine.registry import init_default_scope

    from mmsync.config import load
    from mmsync.datasets import SkeletonDataset
    from mmsync.registry import DATASETS, SCOPE

    init_default_scope(SCOPE)
    if Path(args.data).is_dir():
        pipeline = [dict(type="PackSkeleton")]
        return SkeletonDataset(dict(type="StoreSource", root=args.data), pipeline, split=args.split, max_bad_share=1.0)
    cfg = load(args.data, args.cfg_options)
    settings = (cfg.get("train_dataloader") or {}).get("dataset")
    if settings is None or args.split is not None:
        what = "--split is for stores; take --cfg-options train_dataloader.dataset.split=..." if args.split else ""
        raise ConfigError(what or f"{args.data}: no train_dataloader.dataset")
    data = DATASETS.build({**settings, "max_bad_share": 1.0, **({"cache": False} if "cache" in settings else {})})
    if not isinstance(data, SkeletonDataset):
        text = "convert its source by mmsync to_store and give the store"
        raise ConfigError(f"{args.data}: its data set is a {type(data).__name__}, not a SkeletonDataset; {text}")
    return data


def shown(value: Any) -> str:
    """A value of the table."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"
    return "-" if value is None else str(value)


def main(args: argparse.Namespace) -> None:
    """Print the measures and the recommendation."""
    from mmsync.datasets.invariances import measure_dataset
    from mmsync.datasets.view_advice import recommend

    if args.clips < 8:
        raise ConfigError(f"--clips {args.clips}: give 8 or more")
    data = open_data(args)
    raw, packed = measure_dataset(data, args.clips)
    table = [(title, shown(getattr(raw, key)), shown(getattr(packed, key)) if packed else "") for key, title in ROWS]
    print(f"\n{'layout ' + str(data.source.layout):44s} {'on disk':>14s} {'after the pipeline' if packed else '':>20s}")
    for title, first, second in table:
        print(f"{title:44s} {first:>14s} {second:>20s}")
    for view, (mean, std) in raw.heading_of_view.items():
        print(f"    view {view}: headings of {mean:.0f} degrees, deviation {std:.0f}")
    whose = "other performers" if raw.by_subject else "other clips, as performers are not known: see docs/choosing.md"
    print(f"Like clips are those of {whose}.")
    advice = recommend(packed or raw, raw.tempo)
    print("\nrecommended views\n    normal = [")
    for config, reason in advice:
        if config is not None:
            arguments = ", ".join(f"{key}={value!r}" for key, value in config.items())
            print(f"        # {reason}\n        dict({arguments}),")
    print("    ]\nand besides")
    print("".join(f"    {reason}\n" for config, reason in advice if config is None), end="")
    if args.json:
        listed = [{"config": config, "reason": reason} for config, reason in advice]
        content = {"on_disk": asdict(raw), "prepared": asdict(packed) if packed else None, "views": listed}
        Path(args.json).write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    run_tool(main, parse_args())
