"""A folder of raw NTU RGB+D files into a store."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Optional, Union

from mmsync.converters import ntu
from mmsync.converters.conversion import Fault, RawClip, RawItem, Report, conversion, convert, find_files
from mmsync.converters.ntu_file import read_skeleton
from mmsync.converters.raw import BadFileError
from mmsync.errors import DataError

_SUFFIX = ".skeleton"
_GROUP = len("S001C001P001R001")  # the actions of one sitting, 60 files, make a shard


def read_clip(item: RawItem) -> tuple[list[RawClip], list[BadFileError]]:
    """The clip of a file whose name is sound."""
    path = item.files[0]
    name = path.name[: -len(_SUFFIX)]
    clip, told = read_skeleton(path), ntu.parse_name(name)
    return [RawClip(name, clip.keypoint, clip.body_slots, told.action - 1, told._asdict())], []


def convert_ntu(
    raw: Union[str, Path],
    out: Union[str, Path],
    dataset: str = "auto",
    workers: int = 1,
    missing: Optional[Collection[str]] = None,
    max_bad_share: float = 1.0,
    overwrite: bool = False,
) -> Report:
    """Make a store of raw ``.skeleton`` files.

    A clip is ``(M, T, 25, 3)`` with a row for each tracking id and all frames of the file; ``load_slots`` tells where
    the file listed it. Nothing is filtered, so that every published pipeline can be had from it.

    Args:
        raw: The folder, searched with all folders in it.
        out: The store to make.
        dataset: ``'ntu60'``, ``'ntu120'``, or ``'auto'``: ntu120 if there is a file of an action behind 60.
        workers: Processes.
        missing: Names of clips to leave out; ``None`` for the published list of the data set.
        max_bad_share: A larger share of faulty files is an error.
        overwrite: Replace ``out``.

    Returns:
        The report, which is also in ``report.json`` of the store.

    Raises:
        DataError: No raw file, no sound one, too many faulty ones, or ``out`` exists.
    """
    files = find_files(raw, _SUFFIX)
    named: dict[str, Path] = {}
    faults: list[Fault] = []
    for path in files:
        name, shown = path.name[: -len(_SUFFIX)], path.relative_to(raw).as_posix()
        try:
            ntu.parse_name(name)
            if name in named:
                first = named[name].relative_to(raw)
                raise BadFileError(shown, "second file of a name", f"{first} is taken")
        except BadFileError as error:
            faults.append(Fault(error.kind, shown, error.reason))
        else:
            named[name] = path
    later = [name for name in named if ntu.parse_name(name).action > 60]
    if dataset == "auto":
        dataset = "ntu120" if later else "ntu60"
    expected = ntu.expected_counts(dataset)
    listed = ntu.missing_skeletons(dataset) if missing is None else frozenset(missing)
    report = Report(dataset, raw, len(files))
    report.left_out["in the list of clips without usable skeletons"] = sorted(listed & named.keys())
    if dataset == "ntu60":
        report.left_out["of ntu120 only"] = sorted(set(later) - listed)
    gone = {name for names in report.left_out.values() for name in names}
    items = [RawItem(name[:_GROUP], (path,)) for name, path in sorted(named.items()) if name not in gone]
    with conversion(
        out,
        report,
        max_bad_share,
        layout="ntu25",
        class_names=ntu.class_names(dataset),
        origin=f"{dataset}, raw .skeleton files",
        overwrite=overwrite,
    ) as (store, parts):
        report.faults = faults + convert(items, read_clip, store, raw, parts, workers)
        splits = ntu.protocol_splits(store.names, dataset)
        store.splits = {split: names for split, names in splits.items() if names}
        store.expected = {"all": expected["all"], **{split: expected[split] for split in store.splits}}
        splits["all"] = store.names
        report.splits = {split: (count, len(splits[split])) for split, count in expected.items()}
        report.notes = [note for note in ntu.compare_counts(splits, dataset) if "missing list" in note]
        absent = expected["all"] - len(store)
        if absent > 0:
            report.notes.append(f"{absent} clips of {dataset} are not here; splits are made of what is")
        setups = {ntu.parse_name(name).setup for name in named}
        empty = [str(setup) for setup in ntu.setups(dataset) if setup not in setups]
        if empty:
            report.notes.append(f"no file of setups {', '.join(empty)}: is a part not downloaded or not unpacked?")
    return report


def read_names(path: Union[str, Path]) -> frozenset[str]:
    """Clip names of a list such as the published ones, whose heading lines are skipped.

    Raises:
        DataError: The file cannot be read, or holds no name.
    """
    try:
        words = Path(path).read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    names = set()
    for word in words:
        try:
            name = word[: -len(_SUFFIX)] if word.endswith(_SUFFIX) else word
            ntu.parse_name(name)
            names.add(name)
        except BadFileError:
            continue
    if not names:
        raise DataError(f"{path}: no name like S001C002P003R002A013 in it")
    return frozenset(names)
