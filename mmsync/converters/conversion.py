"""Raw files into a store: in parallel, resumable by its shards, with a report of every file that is left out."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np

from mmsync.converters.raw import BadFileError
from mmsync.converters.report import Fault, Report
from mmsync.errors import DataError
from mmsync.fileio import atomic_path
from mmsync.parallel import Lost, progress, run_tasks
from mmsync.store.skeletons import StoreWriter

_VERSION = 1  # of the shards; a change of a reader that changes clips needs a new one


class RawClip(NamedTuple):
    """A clip out of a raw file."""

    name: str  # Unique name
    keypoint: np.ndarray  # (M, T, V, C)
    body_slots: np.ndarray  # (M, T) int8
    label: int  # Class index
    attributes: Mapping[str, object]  # As for StoreWriter.add


class RawItem(NamedTuple):
    """Files that are read together."""

    group: str  # Items of one group go into one shard; a name for files
    files: tuple[Path, ...]  # The files; the first one names the item
    options: str = ""  # Further input of the reader, as text


# Clips of an item, and faults of single clips of it.
Reader = Callable[[RawItem], tuple[list[RawClip], list[BadFileError]]]


@contextmanager
def conversion(
    out: Union[str, Path], report: Report, max_bad_share: float, **store: Any
) -> Iterator[tuple[StoreWriter, Path]]:
    """Yield a new store and the folder of the shards, then write the report; too many faults are a ``DataError``."""
    out = Path(out)
    parts = out.with_name(f".{out.name}.parts")
    with StoreWriter(out, **store) as writer:
        yield writer, parts
        report.stored = len(writer)
        faulty = len({fault.file for fault in report.faults})
        share = faulty / report.found
        if share > max_bad_share or not report.stored:
            beside = out.with_name(f"{out.name}.report.json")
            beside.write_text(report.to_json())
            text = f"{faulty} of {report.found} files are faulty, max_bad_share={max_bad_share} allows less"
            reason = text if report.stored else "no clip is left to be stored"
            raise DataError(f"{report.to_text()}\n{reason}; see {beside}")
        writer.text("report.json", report.to_json())
    shutil.rmtree(parts, ignore_errors=True)


def convert(
    items: Sequence[RawItem], read: Reader, store: StoreWriter, root: Union[str, Path], parts: Path, workers: int = 1
) -> list[Fault]:
    """Read all items (sorted by group) by a module's function, add their clips to a store, and return the faults."""
    faults: list[Fault] = []
    shards = _make_shards(items, read, Path(root), parts, workers)
    with progress(len(shards), desc="write the store", unit="shard") as bar:
        for shard in shards:
            for content in _load_shard(shard):
                if isinstance(content, Fault):
                    faults.append(content)
                else:
                    store.add(content.name, content.keypoint, content.label, content.body_slots, **content.attributes)
            bar.update()
    return faults


def _make_shards(items: Sequence[RawItem], read: Reader, root: Path, parts: Path, workers: int) -> list[Path]:
    parts.mkdir(parents=True, exist_ok=True)
    groups = {name: list(group) for name, group in groupby(items, key=lambda item: item.group)}
    shards = {name: parts / f"{name}-{_fingerprint(group, read, root)}.npz" for name, group in groups.items()}
    tasks = {name: (read, groups[name], root, path) for name, path in shards.items() if not path.exists()}
    done = len(items) - sum(len(groups[name]) for name in tasks)
    if done:
        print(f"resuming: {done} of {len(items)} files were read before")
    left_out, lost = 0, []
    with progress(len(items), done, desc="read", unit="file") as bar:
        for name, faults in run_tasks(_write_shard, tasks, min(workers, len(tasks)), isolate=workers > 1):
            if isinstance(faults, Lost):
                lost.append(f"{name}: {faults.reason}")
                continue
            left_out += faults
            bar.set_postfix({"left out": left_out}, refresh=False)
            bar.update(len(groups[name]))
    if lost:
        text = f"{len(lost)} of {len(groups)} groups of files were not read ({'; '.join(lost[:3])})"
        raise DataError(f"{text}; run the same command again, with fewer --workers")
    return list(shards.values())


def _fingerprint(group: Iterable[RawItem], read: Reader, root: Path) -> str:
    digest = hashlib.sha1(f"{_VERSION} {read.__module__}.{read.__qualname__}\n".encode())
    for item in group:
        for file in item.files:
            try:
                stat = file.stat()
                state = f"{stat.st_size} {stat.st_mtime_ns}"
            except OSError:
                state = "cannot be read"
            digest.update(f"{file.relative_to(root)} {state}\n".encode("utf-8", "surrogateescape"))
        digest.update(item.options.encode())
    return digest.hexdigest()[:16]


def _write_shard(read: Reader, items: Sequence[RawItem], root: Path, path: Path) -> int:
    """Read items into a shard; returns the number of faults."""
    _keep_freed_memory()
    clips: list[RawClip] = []
    faults: list[Fault] = []
    for item in items:
        shown = item.files[0].relative_to(root).as_posix()
        try:
            good, bad = read(item)
        except BadFileError as error:
            good, bad = [], [error]
        clips += good
        faults += [Fault(error.kind, shown, error.reason) for error in bad]
    rows = [clip.keypoint.reshape(-1, *clip.keypoint.shape[2:]) for clip in clips]
    facts = {"faults": faults, "clips": [(clip.name, clip.label, clip.attributes) for clip in clips]}
    try:
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                rows=np.concatenate(rows) if rows else np.zeros(0, np.float32),
                slots=np.concatenate([clip.body_slots.ravel() for clip in clips]) if clips else np.zeros(0, np.int8),
                shapes=np.array([clip.body_slots.shape for clip in clips], dtype=np.int64).reshape(-1, 2),
                facts=np.array(json.dumps(facts)),
            )
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}; with space there, run the same command again") from error
    return len(faults)


@cache
def _keep_freed_memory() -> None:
    """Free a large block: from then on glibc keeps smaller ones. Otherwise page faults take up to half of the time."""
    bytes(1 << 24)


def _load_shard(path: Path) -> Iterator[Union[RawClip, Fault]]:
    try:
        with np.load(path, allow_pickle=False) as shard:
            rows, slots, shapes, facts = (shard[key] for key in ("rows", "slots", "shapes", "facts"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); remove it and run the same command again") from error
    content = json.loads(str(facts))
    at = 0
    for (persons, frames), (name, label, attributes) in zip(shapes.tolist(), content["clips"]):
        part, at = slice(at, at + persons * frames), at + persons * frames
        keypoint = rows[part].reshape(persons, frames, *rows.shape[1:])
        yield RawClip(name, keypoint, slots[part].reshape(persons, frames), label, attributes)
    for fault in content["faults"]:
        yield Fault(*fault)
