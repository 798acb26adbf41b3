"""The converter of NTU RGB+D 60 and 120: a folder of raw ``.skeleton`` files into a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Optional, Union

from mmsync.converters import ntu
from mmsync.converters.conversion import RawClip, RawItem, conversion, convert
from mmsync.converters.ntu_file import read_skeleton
from mmsync.converters.raw import BadFileError
from mmsync.converters.report import Report
from mmsync.errors import DataError
from mmsync.fileio import find_files, read_text

_SUFFIX = ".skeleton"
_GROUP = len("S001C001P001R001")  # the actions of one sitting, 60 files, make a shard


def read_clip(item: RawItem) -> tuple[list[RawClip], list[BadFileError]]:
    """Read the clip of a file whose name is valid."""
    path = item.files[0]
    name = path.name[: -len(_SUFFIX)]
    clip, parts = read_skeleton(path), ntu.parse_name(name)
    return [RawClip(name, clip.keypoint, clip.body_slots, parts.action - 1, parts._asdict())], []


def convert_ntu(
    raw: Union[str, Path], out: Union[str, Path], dataset: str = "auto", workers: int = 1,
    missing: Optional[Union[str, Collection[str]]] = None, max_bad_share: float = 1.0, overwrite: bool = False,
) -> Report:  # fmt: skip
    """Make the store ``out`` of raw ``.skeleton`` files, with the report as ``report.json``.

    A clip is ``(M, T, 25, 3)`` with a row for each tracking id and all frames of the file; ``load_slots`` returns its
    place in the file's list. Nothing is filtered, so that every published pipeline can start from it.

    Args:
        raw: The folder, searched recursively.
        dataset: ``'ntu60'``, ``'ntu120'``, or ``'auto'``: ntu120 if there is a file of an action behind 60.
        missing: Clips to leave out: their names, a file that lists them, or ``'none'``; ``None``: the published list.
        max_bad_share: A larger share of faulty files is an error.

    Raises:
        DataError: No raw file, no valid one, too many faulty ones, or ``out`` exists.
    """
    files = find_files(raw, _SUFFIX, f"{_SUFFIX} file")
    report = Report(dataset, raw, len(files))
    named = _by_name(files, report)
    later = [name for name in named if ntu.parse_name(name).action > 60]
    if dataset == "auto":
        report.dataset = "ntu120" if later else "ntu60"
    dataset = report.dataset
    expected = ntu.expected_counts(dataset)
    if isinstance(missing, str):
        missing = () if missing == "none" else read_names(missing)
    listed = ntu.missing_skeletons(dataset) if missing is None else frozenset(missing)
    report.left_out["in the list of clips without usable skeletons"] = sorted(listed & named.keys())
    if dataset == "ntu60":
        report.left_out["of ntu120 only"] = sorted(set(later) - listed)
    skipped = {name for names in report.left_out.values() for name in names}
    items = [RawItem(name[:_GROUP], (path,)) for name, path in sorted(named.items()) if name not in skipped]
    facts = dict(class_names=ntu.class_names(dataset), origin=f"{dataset}, raw .skeleton files")
    with conversion(out, report, max_bad_share, layout="ntu25", overwrite=overwrite, **facts) as (store, parts):
        report.faults += convert(items, read_clip, store, raw, parts, workers)
        splits = ntu.protocol_splits(store.names, dataset)
        store.splits = {split: names for split, names in splits.items() if names}
        store.expected = {"all": expected["all"], **{split: expected[split] for split in store.splits}}
        splits["all"] = store.names
        report.splits = {split: (count, len(splits[split])) for split, count in expected.items()}
        report.notes = _notes(splits, dataset, {ntu.parse_name(name).setup for name in named})
    return report


def _by_name(files: Collection[Path], report: Report) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in files:
        name = path.name[: -len(_SUFFIX)]
        try:
            ntu.parse_name(name)
        except BadFileError as error:
            report.fault(error.kind, path, error.reason)
        else:
            report.take_first(named, name, path)
    return named


def _notes(splits: Mapping[str, Collection[str]], dataset: str, setups: Collection[int]) -> list[str]:
    notes = [note for note in ntu.compare_counts(splits, dataset) if "missing list" in note]
    absent = ntu.expected_counts(dataset)["all"] - len(splits["all"])
    if absent > 0:
        notes.append(f"{absent} clips of {dataset} are missing; splits are made of the clips that were found")
    last = ntu.LAST_SETUP_OF_60 if dataset == "ntu60" else 32
    empty = [str(setup) for setup in range(1, last + 1) if setup not in setups]
    if empty:
        notes.append(f"no file of setups {', '.join(empty)}: was a part not downloaded or not unpacked?")
    return notes


def read_names(path: Union[str, Path]) -> frozenset[str]:
    """Read the clip names of a list such as the published ones, whose heading lines are skipped."""
    names = frozenset(match[0] for match in ntu.NTU_NAME.finditer(read_text(path)))
    if not names:
        raise DataError(f"{path}: no name like S001C002P003R002A013 in it")
    return names
