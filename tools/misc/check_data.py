"""Open every clip of every data set of a config and report those with problems.

    python tools/misc/check_data.py CONFIG [--cfg-options key=value ...]

Prints the counts of the training, validation and test data, and the problems: clips that cannot be read, hold NaN or
nobody, have wrong joints or a label out of range (errors; exit code 1), and clips of one frame, frozen clips or
names that occur twice in one role (notes).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from tqdm import tqdm

from mmsync.apis.cli import KeyValue
from mmsync.config import load
from mmsync.config.defaults import LOADERS
from mmsync.engine.console import tame_console
from mmsync.errors import MMSyncError
from mmsync.registry import DATASETS, SCOPE

SHOWN = 20  # clips of one kind of problem that are listed


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, help="override settings, as key=value")
    return parser.parse_args()


def inspect(dataset: Any, key: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Go through a data set and print its counts.

    Args:
        dataset: A ``SkeletonDataset``.
        key: Its place in the config, for the progress bar.

    Returns:
        Errors and notes: clip names by problem.
    """
    errors, notes = defaultdict(list), defaultdict(list)
    names, lengths, persons = dataset.names, [], []
    for index in tqdm(range(len(dataset)), desc=key, unit="clip", disable=None):
        name = names[index]
        try:
            clip = dataset.raw(index)
        except (MMSyncError, OSError) as error:
            errors[type(error).__name__].append(str(error))
            continue
        keypoint = clip["keypoint"]
        lengths.append(keypoint.shape[1])
        persons.append(int(clip["person_mask"].sum()))
        if keypoint.shape[1] == 1:
            notes["a single frame"].append(name)
        elif not np.diff(keypoint, axis=1).any():
            notes["frozen: all frames are equal"].append(name)
        empty = int((~keypoint.any(axis=(0, 2, 3))).sum())
        if empty:
            notes["frames without a body (padding counts)"].append(f"{name} ({empty} of {keypoint.shape[1]})")
    labels = dataset.labels
    classes = np.bincount(labels[labels >= 0], minlength=1)
    print(f"{key}: {len(dataset)} clips, layout {dataset.source.layout}, {len(lengths)} readable")
    if lengths:
        print(f"  frames: min {min(lengths)}, median {int(np.median(lengths))}, max {max(lengths)}")
        print("  persons: " + ", ".join(f"{n} clips with {p}" for p, n in sorted(Counter(persons).items())))
    print(
        f"  labels: {int((classes > 0).sum())} of {dataset.num_classes} classes, {int((labels < 0).sum())} unknown; "
        f"clips of a class: min {classes.min()}, max {classes.max()}"
    )
    print("  roles: " + ", ".join(f"{role} {n}" for role, n in Counter(dataset.roles).items()))
    pairs = Counter(zip(dataset.roles, names))
    notes["twice in the same role"] += [name for (_, name), n in pairs.items() if n > 1]
    return errors, notes


def skeleton_datasets(settings: Any) -> Iterator[dict]:
    """The settings of data sets with clips, also of those inside others that repeat or join them."""
    if isinstance(settings, (list, tuple)):
        for one in settings:
            yield from skeleton_datasets(one)
    elif isinstance(settings, Mapping):
        inner = settings.get("dataset") or settings.get("datasets")
        if inner is None:
            yield dict(settings)
        else:
            yield from skeleton_datasets(inner)


def report(kind: str, problems: Mapping[str, list[str]]) -> int:
    """Print problems and return their number."""
    for problem, clips in problems.items():
        if clips:
            print(f"  {kind}, {problem}: {len(clips)}")
            print("".join(f"    {clip}\n" for clip in clips[:SHOWN]), end="")
            if len(clips) > SHOWN:
                print(f"    ... and {len(clips) - SHOWN} more")
    return sum(map(len, problems.values()))


def main() -> int:
    """Check all data sets and return the exit code."""
    args = parse_args()
    tame_console(MMLogger.get_current_instance())
    found = 0
    try:
        cfg = load(args.config, args.cfg_options)
    except MMSyncError as error:
        print(error)
        return 1
    init_default_scope(SCOPE)
    loaders = {key: cfg.get(key) or {} for key in LOADERS}
    found_at = [(key, one) for key, loader in loaders.items() for one in skeleton_datasets(loader.get("dataset"))]
    done: list[dict] = []
    for key, settings in found_at:
        settings.pop("cache", None)
        if settings in done:
            print(f"{key}: as before")
            continue
        done.append(settings)
        try:
            dataset = DATASETS.build(settings)
            if not hasattr(dataset, "raw"):
                print(f"{key}: {type(dataset).__name__} is skipped, it has no raw clips of skeletons")
                continue
            errors, notes = inspect(dataset, key)
        except MMSyncError as error:
            print(f"{key}: cannot be built: {error}")
            found += 1
            continue
        found += report("ERROR", errors)
        report("note", notes)
    print(f"{found} errors" if found else "ok: no errors")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
