"""Write any source as mmsync's own memory-mapped folder.

    mmsync to_store OUT --source type=PysklSource ann_file=ntu60_3danno.pkl
    mmsync to_store OUT --config CONFIG [--cfg-options key=value ...]

The second form takes the source of the config's training data. Empty frames at both ends are cut off (--keep-padding
keeps them), so that padded arrays shrink to what was measured. Clips that cannot be read or hold NaN are left out and
listed, here and in OUT/left_out.txt.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mmsync.apis.cli import KeyValue
from mmsync.converters.report import SHOWN
from mmsync.errors import ConfigError, DataError, MMSyncError


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to make")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", nargs="+", action=KeyValue, help="the source's config, as key=value")
    where.add_argument("--config", help="a config whose train_dataloader has the source")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, help="override settings of the config")
    parser.add_argument("--keep-padding", action="store_true", help="keep empty frames at both ends of a clip")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_args()


def convert(source: Any, out: Path, keep_padding: bool = False, overwrite: bool = False) -> list[str]:
    """Write all clips of a source that can be used; return what is wrong with the others.

    Args:
        source: The source.
        out: The folder to make.
        keep_padding: Keep empty frames at both ends, and absent persons at the end.
        overwrite: Replace the folder.

    Raises:
        DataError: The folder exists, or no clip can be used.
    """
    from tqdm import tqdm

    from mmsync.store import StoreWriter

    origin, left_out = type(source).__name__, []
    with StoreWriter(out, source.layout, source.num_coords, source.class_names, origin, overwrite) as store:
        for index, name in enumerate(tqdm(source.names, unit="clip", disable=None)):
            label = -1 if source.labels is None else int(source.labels[index])
            attributes = {key: values[index] for key, values in source.attributes.items()}
            try:
                clip, slots = source.load(index), source.load_slots(index)
                seen = clip.any(axis=(2, 3))
                if not keep_padding and seen.any():
                    frames, persons = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
                    kept = slice(persons[-1] + 1), slice(frames[0], frames[-1] + 1)
                    clip, slots = clip[kept], None if slots is None else slots[kept]
                store.add(name, clip, label, slots, **attributes)
            except DataError as error:
                left_out.append(str(error))
        added = set(store.names)
        if left_out and not added:
            raise DataError(f"none of the {len(left_out)} clips can be used; the first: {left_out[0]}")
        store.splits = {split: [name for name in names if name in added] for split, names in source.splits.items()}
        if left_out:
            store.text("left_out.txt", "".join(f"{line}\n" for line in left_out))
    return left_out


def main() -> int:
    """Convert; returns the exit code."""
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmsync.config import load
    from mmsync.datasets.sources import SkeletonSource
    from mmsync.engine.console import tame_console
    from mmsync.registry import DATASETS

    tame_console(MMLogger.get_current_instance())
    try:
        settings = args.source or load(args.config, args.cfg_options).train_dataloader.dataset.source
        if "type" not in settings:
            raise ConfigError("--source: give the class too, as type=PysklSource")
        source = DATASETS.build(dict(settings))
        if not isinstance(source, SkeletonSource):
            raise ConfigError(f"{type(source).__name__} is no source of skeleton clips, of which stores are made")
        left_out = convert(source, args.out, args.keep_padding, args.overwrite)
    except MMSyncError as error:
        print(error)
        return 1
    if left_out:
        shown = left_out[:SHOWN] + [f"... and {len(left_out) - SHOWN} more"] * (len(left_out) > SHOWN)
        print("\n  ".join([f"left out: {len(left_out)} clips, listed in {args.out}/left_out.txt", *shown]))
    print(f"written: {args.out}; use it by source=dict(type='StoreSource', root='{args.out}')")
    return 0


if __name__ == "__main__":
    sys.exit(main())
