"""Open every clip of every data set of a config and report those with problems.

    mmsync check_data CONFIG [--cfg-options key=value ...] [--out FILE]

Prints the counts of the training, validation and test data, and the problems: clips that cannot be read, hold NaN or
nobody, have wrong joints or a label out of range (errors; exit code 1), and clips of one frame, frozen clips or
names that occur twice in one role (notes). Of pairs every track is read, of videos a window of each. Skeletons whose
bones do not look like those of their layout are warned of, with the order of joints that would fit.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from tqdm import tqdm

from mmsync.apis.cli import KeyValue
from mmsync.errors import MMSyncError
from mmsync.fileio import write_text

SHOWN = 20  # clips of one kind of problem that are listed


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, help="override settings, as key=value")
    parser.add_argument("--out", help="write all problems to this file too, one a line: loader, kind, problem, clip")
    return parser.parse_args()


def inspect(dataset: Any, key: str) -> dict[str, dict[str, list[str]]]:
    """Go through a data set and print its counts.

    Args:
        dataset: The data set.
        key: Its place in the config, for the progress bar.

    Returns:
        Names by problem, of errors, warnings and notes.
    """
    from mmsync.datasets.joint_order import suspect_joint_order

    found = inspect_clips(dataset, key) if hasattr(dataset, "raw") else inspect_items(dataset, key)
    source, warnings = dataset.source, {}
    if getattr(source, "modality", "") == "skeleton":
        doubt = suspect_joint_order(some_clips(source), source.layout, source.num_coords)
        if doubt:
            warnings = {"joint order": [f"{doubt}; see docs/data.md#checking-a-data-set"]}
    places = np.concatenate([np.unique(dataset.items(role)) for role in dataset.splits])
    labels = np.full(len(places), -1) if source.labels is None else source.labels[places]
    classes = np.bincount(labels[labels >= 0], minlength=1)
    print(
        f"  labels: {int((classes > 0).sum())} of {dataset.num_classes} classes, {int((labels < 0).sum())} unknown; "
        f"{dataset.item}s of a class: min {classes.min()}, max {classes.max()}"
    )
    return {"ERROR": found[0], "WARNING": warnings, "note": found[1]}


def some_clips(source: Any, number: int = 100) -> Iterator[np.ndarray]:
    """Up to a hundred clips ``(M, T, V, C)`` that can be read, evenly spread over a source of skeletons or tracks."""
    tracks = getattr(source, "tracks", None)
    count = len(source if tracks is None else tracks)
    for index in np.unique(np.linspace(0, count - 1, min(number, count)).astype(int)).tolist():
        with suppress(MMSyncError, OSError):
            if tracks is None:
                yield np.asarray(source.load(index))
            else:
                yield source.load(index, tracks[index].start, len(tracks[index]))[None]


def inspect_items(dataset: Any, key: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Read pairs, videos and others as they are trained on; errors and notes."""
    from mmsync.structures.track import remarks

    for _ in tqdm(dataset.read_all(), desc=key, unit=dataset.item, disable=None):
        pass
    used = {role: np.unique(dataset.items(role)) for role in dataset.splits}
    text = ", ".join(f"{role} {len(places)}" for role, places in used.items())
    print(f"{key}: {type(dataset).__name__}, {dataset.item}s: {text}")
    notes: dict[str, list[str]] = {}
    if hasattr(dataset.source, "tracks"):
        names = {dataset.source.names[i] for places in used.values() for i in places}
        tracks = [track for track in dataset.source.tracks if track.video in names]
        lengths = [len(track) for track in tracks] or [0]
        low, middle, high = min(lengths), int(np.median(lengths)), max(lengths)
        print(f"  frames: min {low}, median {middle}, max {high} of {len(tracks)} tracks")
        for kind, of in remarks(sorted(names), tracks, dataset.source.fps).items():
            notes[kind] = [f"{name} ({detail})" for name, detail in of.items()]
    for role in getattr(dataset, "sizes", {}):
        print(f"  {role}: " + ", ".join(f"{kind} {n}" for kind, n in dataset.available(role).items()))
    return {"cannot be read": dataset.failures.reasons}, notes


def inspect_clips(dataset: Any, key: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Look at the clips of a ``SkeletonDataset`` as they are read; errors and notes."""
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
    print(f"{key}: {len(dataset)} clips, layout {dataset.source.layout}, {len(lengths)} readable")
    if lengths:
        print(f"  frames: min {min(lengths)}, median {int(np.median(lengths))}, max {max(lengths)}")
        print("  persons: " + ", ".join(f"{n} clips with {p}" for p, n in sorted(Counter(persons).items())))
    print("  roles: " + ", ".join(f"{role} {n}" for role, n in Counter(dataset.roles).items()))
    pairs = Counter(zip(dataset.roles, names))
    notes["twice in the same role"] += [name for (_, name), n in pairs.items() if n > 1]
    return errors, notes


def datasets_in(settings: Any) -> Iterator[dict]:
    """The settings of data sets, also of those inside others that repeat or join them."""
    if isinstance(settings, (list, tuple)):
        for one in settings:
            yield from datasets_in(one)
    elif isinstance(settings, Mapping):
        inner = settings.get("dataset") or settings.get("datasets")
        if inner is None:
            yield dict(settings)
        else:
            yield from datasets_in(inner)


def report(problems: Mapping[str, Mapping[str, list[str]]]) -> int:
    """Print errors, warnings and notes; return the number of errors."""
    for kind, by_problem in problems.items():
        for problem, clips in by_problem.items():
            if clips:
                print(f"  {kind}, {problem}: {len(clips)}")
                print("".join(f"    {clip}\n" for clip in clips[:SHOWN]), end="")
                if len(clips) > SHOWN:
                    print(f"    ... and {len(clips) - SHOWN} more (--out FILE lists all)")
    return sum(map(len, problems["ERROR"].values()))


def main() -> int:
    """Check all data sets and return the exit code."""
    args = parse_args()
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mmsync.config import load
    from mmsync.config.defaults import LOADERS
    from mmsync.engine.console import tame_console
    from mmsync.registry import DATASETS, SCOPE

    tame_console(MMLogger.get_current_instance())
    found = 0
    try:
        cfg = load(args.config, args.cfg_options)
    except MMSyncError as error:
        print(error)
        return 1
    init_default_scope(SCOPE)
    listed: list[str] = []
    loaders = {key: cfg.get(key) or {} for key in LOADERS}
    found_at = [(key, one) for key, loader in loaders.items() for one in datasets_in(loader.get("dataset"))]
    done: list[dict] = []
    for key, settings in found_at:
        settings.pop("cache", None)
        settings["max_bad_share"] = 1.0
        if settings in done:
            print(f"{key}: as before")
            continue
        done.append(settings)
        try:
            dataset = DATASETS.build(settings)
            problems = inspect(dataset, key)
        except MMSyncError as error:
            print(f"{key}: cannot be built: {error}")
            found += 1
            continue
        found += report(problems)
        listed += [
            f"{key}\t{kind}\t{problem}\t{name}\n"
            for kind, by_problem in problems.items()
            for problem, names in by_problem.items()
            for name in names
        ]
    if args.out:
        write_text(args.out, "".join(listed))
        print(f"{len(listed)} problems in {args.out}")
    print(f"{found} errors" if found else "ok: no errors")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
